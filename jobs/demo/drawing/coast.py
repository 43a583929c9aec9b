"""Coast: fields, a river and a bay with anchored ships, ten metres a pixel, with a near-infrared band."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.demo.drawing.canvas import Canvas
from jobs.demo.drawing.shapes import Colour, Shape, box, polygon, smooth, stroke, tinted
from jobs.demo.drawing.textures import fractal_noise, mottled
from jobs.demo.drawing.vehicles import ship
from jobs.demo.drawing.water import water

_CROPS: tuple[Colour, ...] = (
    (62, 84, 46), (84, 104, 52), (126, 116, 76), (150, 134, 96),
    (104, 84, 62), (72, 92, 58), (170, 156, 116), (52, 70, 42),
)  # fmt: skip
_SHORE = smooth(
    [(-200, 520), (120, 470), (330, 560), (470, 470), (640, 420), (760, 250), (980, 190), (1400, 60)], 5
)
_RIVER = smooth([(130, -100), (220, 90), (180, 230), (300, 340), (330, 470), (400, 600)], 5)


def coast(rng: np.random.Generator) -> Canvas:
    """Draw the coast as a satellite sees it: land in the north-west, the bay in the south-east."""
    size = (1088, 1152)
    canvas = Canvas(rng, water(rng, size, (30, 48, 56), wind_deg=40.0, wave_px=5.0, rough=0.03))
    land = polygon(np.concatenate([_SHORE, [(1400, -200), (-200, -200)]]), (0, 0, 0))
    shallows = polygon(land.points + np.array([12, 16]), (58, 86, 84))
    canvas.paint([shallows], 0.05, 0.6, 9.0)
    canvas.paint(stroke(_SHORE, 5, (186, 174, 142)), 0.08, 1.0, 0.8)
    fields = Canvas(
        rng, mottled(fractal_noise(rng, size, 1.2, 200.0), [(52, 66, 40), (78, 88, 54), (110, 104, 72)])
    )
    _fields(fields)
    fields.paint(stroke(_RIVER, 7, (36, 56, 58)), 0.05, 1.0, 0.6)
    canvas.texture([land], fields.pixels, 0.7)
    _port(canvas)
    return canvas


def _fields(canvas: Canvas) -> None:
    rng = canvas.rng
    canvas.frame = (560.0, 300.0, -24.0)
    parcels = _split(rng, (-900.0, -700.0, 900.0, 700.0))
    shapes: list[Shape] = []
    for x0, y0, x1, y1 in parcels:
        colour = tinted(_CROPS[rng.integers(len(_CROPS))], float(rng.uniform(0.85, 1.15)))
        shapes += [box(x0 + 0.4, y0 + 0.4, x1 - 0.4, y1 - 0.4, colour)]
    canvas.paint(shapes, 0.05)
    canvas.frame = (0.0, 0.0, 0.0)
    woods = fractal_noise(rng, canvas.shape, 1.6, 260.0)
    leaves = mottled(fractal_noise(rng, canvas.shape, 0.4, 12.0), [(34, 50, 30), (48, 64, 38), (58, 74, 46)])
    cover = np.clip((woods - 1.0) * 6, 0, 1)[..., None]
    canvas.pixels += cover * (leaves - canvas.pixels)
    canvas.paint(stroke([(-50, 180), (420, 330), (620, 300), (1200, -20)], 2.2, (150, 148, 142)), 0.05, 0.8)
    houses = rng.normal((560, 330), (60, 34), (420, 2))
    roofs = [box(x, y, x + w, y + d, tinted((168, 146, 130), float(rng.uniform(0.6, 1.3))))
             for (x, y), (w, d) in zip(houses, rng.uniform(1, 3.4, (420, 2)), strict=True)]  # fmt: skip
    canvas.paint(roofs, 0.05, 0.85)


def _split(
    rng: np.random.Generator, area: tuple[float, float, float, float]
) -> list[tuple[float, float, float, float]]:
    x0, y0, x1, y1 = area
    width, height = x1 - x0, y1 - y0
    if max(width, height) < (70 if rng.random() < 0.6 else 26):
        return [area]
    at = float(rng.uniform(0.35, 0.65))
    if width > height:
        x = x0 + at * width
        return _split(rng, (x0, y0, x, y1)) + _split(rng, (x, y0, x1, y1))
    y = y0 + at * height
    return _split(rng, (x0, y0, x1, y)) + _split(rng, (x0, y, x1, y1))


def _port(canvas: Canvas) -> None:
    rng = canvas.rng
    mole = stroke([(618, 405), (700, 500), (760, 520)], 4, (150, 146, 138))
    canvas.paint([*mole, *stroke([(752, 236), (830, 380)], 4, (150, 146, 138))], 0.05)
    for _ in range(13):
        x, y = rng.uniform((430, 600), (1080, 1040))
        length = float(rng.uniform(20, 36))
        kind = str(rng.choice(["tanker", "bulk", "container"]))
        canvas.put([ship(rng, length, kind).placed(float(x), float(y), float(rng.normal(35, 8)))], shadow=0.3)


def reflectance(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return red, green, blue and near infrared (4, h, w), 0..10000, of a picture (3, h, w) 0..255.

    Green leaves shine in the near infrared; water is black there.
    """
    red, green, blue = (channel.astype(np.float32) / 255.0 for channel in picture)
    leaf = np.clip((green - np.maximum(red, blue)) * 9.0 + 0.25, 0.0, 1.0)
    wet = np.clip((blue - red) * 14.0, 0.0, 1.0) * (red < 0.35)
    infrared = (0.75 * red + 0.42 * leaf) * (1.0 - 0.92 * wet)
    bands = np.stack([red, green, blue, infrared])
    bands = 90.0 + 4600.0 * bands**1.35
    bands *= 1.0 + 0.012 * rng.standard_normal(bands.shape, dtype=np.float32)
    return np.clip(bands, 1, 10000).astype(np.uint16)
