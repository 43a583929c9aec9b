"""Water: seas with wind on them, wakes, clouds, and the open sea."""

from __future__ import annotations

import numpy as np

from jobs.demo.drawing.canvas import Canvas
from jobs.demo.drawing.shapes import Colour, Shape, polygon, stroke
from jobs.demo.drawing.textures import Field, fractal_noise, swell
from jobs.demo.drawing.vehicles import ship

_FOAM: Colour = (206, 214, 212)


def water(
    rng: np.random.Generator,
    shape: tuple[int, int],
    colour: Colour,
    *,
    wind_deg: float,
    wave_px: float,
    rough: float,
) -> Field:
    """Return (h, w, 3) water; ``rough`` is the deviation of its brightness. Steep slopes glint."""
    waves = swell(rng, shape, wind_deg, wave_px) + 0.45 * swell(rng, shape, wind_deg + 38, wave_px / 2.5)
    patches = fractal_noise(rng, shape, roughness=1.5, largest_px=700.0)
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    glare = 0.5 * (cols / shape[1] + rows / shape[0]) - 0.5
    light = 1.0 + rough * waves * (1.0 + 0.35 * patches) + 0.05 * patches + 0.3 * glare
    glints = np.clip(waves - 2.3, 0.0, 2.0) * (0.3 + glare) * 150 * rough
    sea: Field = np.maximum(
        light[..., None] * np.array(colour, dtype=np.float32) + glints[..., None], np.float32(4.0)
    )
    return sea


def wake(
    canvas: Canvas, x: float, y: float, heading_deg: float, length: float, *, strength: float = 0.7
) -> None:
    """Draw the wake of a ship of a length that runs along a heading through (x, y)."""
    outer = canvas.frame
    canvas.frame = (x, y, heading_deg)
    stern, beam = -0.46 * length, 0.17 * length
    for reach in np.geomspace(0.5, 5.0, 9) * length:
        wide = (0.3 + 0.1 * reach / length) * beam
        edge = [(stern, 0.3 * beam), (stern, -0.3 * beam), (stern - reach, -wide), (stern - reach, wide)]
        canvas.foam([polygon(edge, _FOAM)], 0.27 * strength, 1.6)
    arms = [shape for side in (-1, 1) for shape in _arm(length, side)]
    canvas.foam(arms, 0.45 * strength, 1.4)
    canvas.frame = outer


def _arm(length: float, side: int) -> list[Shape]:
    start = np.array([0.46 * length, side * 0.03 * length])
    steps = np.linspace(0, 2.6 * length, 12)
    path = start + np.stack([-steps, side * (0.06 * length * (1 - np.exp(-steps / 9)) + 0.2 * steps)], axis=1)
    return [part for i in range(11) for part in stroke(path[i : i + 2], 0.8 + 0.25 * i, _FOAM)]


def cloud(canvas: Canvas, x: float, y: float, radius: float, shadow: tuple[float, float]) -> None:
    """Draw a small fair-weather cloud, and its shadow that far away."""
    rows, cols = np.mgrid[0 : canvas.shape[0], 0 : canvas.shape[1]].astype(np.float32)
    puffs = fractal_noise(canvas.rng, canvas.shape, roughness=1.75, largest_px=2.0 * radius)
    for dx, dy, is_shadow in ((*shadow, True), (0.0, 0.0, False)):
        distance = np.hypot(cols - x - dx, (rows - y - dy) * 1.35) / radius
        shift = np.roll(puffs, (round(dy), round(dx)), axis=(0, 1))
        cover = np.clip(0.65 * shift + 0.8 - 1.3 * distance, 0.0, 1.0)[..., None] ** 1.4
        if is_shadow:
            canvas.pixels *= 1.0 - 0.42 * cover
        else:
            canvas.pixels += 0.92 * cover * (np.float32(226) - canvas.pixels)


def open_sea(rng: np.random.Generator) -> Canvas:
    """Draw a swell from the west, two small ships under way, and a fair-weather cloud."""
    size = (1024, 1280)
    canvas = Canvas(rng, water(rng, size, (46, 74, 88), wind_deg=18.0, wave_px=26.0, rough=0.085))
    for x, y, heading, length, kind in ((360, 350, -32, 74, "bulk"), (930, 730, 148, 92, "tanker")):
        wake(canvas, x, y, heading, length)
        canvas.put([ship(rng, length, kind).placed(x, y, heading)], shadow=0.45)
    cloud(canvas, 980, 270, 95, (-46, -38))
    return canvas
