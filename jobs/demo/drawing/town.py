"""Town: streets of houses and trees around a sports ground."""

from __future__ import annotations

import numpy as np

from jobs.demo.drawing.buildings import building, court, grove, running_track
from jobs.demo.drawing.canvas import Canvas
from jobs.demo.drawing.shapes import Colour, Shape, Thing, box, dashes, disc, placed, polygon, steps, stroke
from jobs.demo.drawing.textures import fractal_noise, mottled
from jobs.demo.drawing.vehicles import car

_GROUND = (-210.0, -190.0, 250.0, 190.0)
_STREET: Colour = (98, 98, 96)
_ROOFS: tuple[Colour, ...] = (
    (120, 110, 102),
    (142, 128, 116),
    (150, 100, 82),
    (104, 102, 104),
    (170, 166, 160),
)
_PLOT_PX = (26.0, 76.0)


def town(rng: np.random.Generator) -> Canvas:
    """Draw the town; its streets run askew."""
    size = (1088, 1152)
    lawn = mottled(
        fractal_noise(rng, size, 1.1, 150.0), [(60, 70, 42), (76, 86, 52), (94, 98, 66), (114, 108, 82)]
    )
    canvas = Canvas(rng, lawn, sun=(-0.5, -0.7))
    canvas.frame = (560.0, 530.0, 21.0)
    _streets(canvas)
    _houses(canvas)
    _sports_ground(canvas)
    return canvas


def _rows() -> list[float]:
    return [float(v) for v in steps(-712, 713, 2 * _PLOT_PX[1] + 14)]


def _streets(canvas: Canvas) -> None:
    rng = canvas.rng
    shapes: list[Shape] = []
    for v in _rows():
        shapes += [box(-1000, v - 11, 1000, v + 11, (150, 146, 136)), box(-1000, v - 7, 1000, v + 7, _STREET)]
    for u in (-640.0, -240.0, 285.0, 660.0):
        shapes += [box(u - 7, -1000, u + 7, 1000, _STREET)]
    shapes += dashes((285, -1000), (285, 1000), 0.7, (5, 7), (196, 190, 170))
    canvas.paint(shapes, 0.05)
    spots = rng.uniform(-780, 780, (220, 1))
    parked = [
        car(rng).placed(float(u[0]), float(rng.choice(_rows())) + float(rng.choice([-5.4, 5.4, 2.0])), 0.0)
        for u in spots
    ]
    canvas.put(parked)


def _houses(canvas: Canvas) -> None:
    rng = canvas.rng
    houses: list[Thing] = []
    trees: list[Thing] = []
    drives: list[Shape] = []
    for v in _rows():
        for side in (-1, 1):
            for u in steps(-780, 780, _PLOT_PX[0]):
                x, y = float(u), v + side * 32
                if _is_open(x, y):
                    continue
                colour = _ROOFS[rng.integers(len(_ROOFS))]
                turn = float(rng.choice([0, 90])) + float(rng.normal(0, 1))
                width, depth = rng.uniform((13, 10), (19, 14))
                houses += [building(rng, float(width), float(depth), colour, 7).placed(x, y, turn)]
                drives += [box(x + 8, v + side * 10, x + 11, v + side * 30, (156, 152, 142))]
                back = (x - 12, y + side * 26 - 12, x + 12, y + side * 26 + 12)
                trees += grove(
                    rng,
                    back,
                    int(rng.integers(2, 6)),
                    canvas.frame_sun,
                    radius=(3.0, 6.5),
                    green=(54, 68, 42),
                )
                trees += grove(
                    rng,
                    (x - 13, v + side * 15 - 2, x + 13, v + side * 15 + 2),
                    1,
                    canvas.frame_sun,
                    radius=(3.0, 5.0),
                )
    canvas.paint(drives, 0.05)
    canvas.put(houses)
    canvas.put(trees, shadow=0.5)


def _is_open(x: float, y: float) -> bool:
    """Whether no house stands there: on the sports ground, or in a cross street."""
    on_ground = _GROUND[0] - 40 < x < _GROUND[2] + 45 and _GROUND[1] - 12 < y < _GROUND[3] + 12
    return on_ground or any(abs(x - u) < 22 for u in (-640, -240, 285, 660))


def _sports_ground(canvas: Canvas) -> None:
    rng = canvas.rng
    x0, y0, x1, y1 = _GROUND
    grass = mottled(fractal_noise(rng, canvas.shape, 0.9, 80.0), [(70, 84, 48), (80, 94, 54), (90, 102, 62)])
    canvas.texture([box(x0, y0, x1, y1, (0, 0, 0))], grass, 1.0)
    canvas.paint(placed(running_track(176, 92), -95, -88), 0.03)
    canvas.paint(_diamond(60, 100), 0.04)
    blue, red, green = (74, 84, 124), (146, 84, 66), (76, 102, 72)
    for i, (floor, apron) in enumerate(((blue, green), (blue, green), (red, green), (red, green))):
        canvas.paint(placed(court(40, 62, floor, apron), 70 + 44.0 * i, -140), 0.03)
    canvas.paint([box(-200, 40, -60, 150, _STREET)], 0.05)
    cars = [
        car(rng).placed(float(u), float(v), 90.0)
        for v in (52, 84, 100, 134)
        for u in steps(-194, -66, 3.4)
        if rng.random() < 0.6
    ]
    canvas.put(cars)
    canvas.put(
        [
            building(rng, 96, 40, (190, 188, 182), 12, ridged=False).placed(150, -60),
            building(rng, 110, 14, (170, 172, 174), 8).placed(-95, -150),
        ]
    )
    edge = grove(rng, (x0, y1 - 22, x1, y1), 46, canvas.frame_sun, radius=(3.0, 6.5)) + grove(
        rng, (x0, y0, x0 + 12, y1), 24, canvas.frame_sun
    )
    canvas.put(edge, shadow=0.5)


def _diamond(x: float, y: float) -> list[Shape]:
    """Return a baseball field with its home plate towards the south-west of (x, y)."""
    clay, grass = (164, 124, 92), (82, 100, 56)
    angles = np.linspace(-np.pi / 2, 0, 20)
    fan = [(0.0, 0.0), *zip(94 * np.cos(angles), 94 * np.sin(angles), strict=True)]
    infield = [(0.0, 0.0), *zip(46 * np.cos(angles), 46 * np.sin(angles), strict=True)]
    shapes = [polygon(fan, (90, 108, 62)), polygon(infield, clay), box(4, -28, 28, -4, grass)]
    shapes += [disc(16, -16, 2.6, clay), disc(1, -1, 6.5, clay)]
    shapes += stroke([(0, 0), (94, 0)], 0.7, (220, 220, 214)) + stroke(
        [(0, 0), (0, -94)], 0.7, (220, 220, 214)
    )
    return list(placed(shapes, x, y))
