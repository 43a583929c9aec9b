"""Tank farm: storage tanks in their bunds, pipe racks, roads and woods."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from jobs.demo.drawing.buildings import building, grove, tank
from jobs.demo.drawing.canvas import Canvas
from jobs.demo.drawing.shapes import Colour, Thing, box, dashes, placed, smooth, steps, stroke
from jobs.demo.drawing.textures import Field, fractal_noise, mottled
from jobs.demo.drawing.vehicles import car

_BANK: Colour = (166, 158, 138)
_ROAD: Colour = (104, 102, 98)
_PITCH_PX = 150.0


def tank_farm(rng: np.random.Generator) -> Canvas:
    """Draw the tank farm in a dry landscape."""
    size = (1216, 1280)
    ground = mottled(
        fractal_noise(rng, size, 1.2, 350.0), [(82, 86, 58), (104, 102, 74), (126, 118, 92), (146, 136, 112)]
    )
    canvas = Canvas(rng, ground, sun=(-0.55, -0.58))
    canvas.frame = (620.0, 560.0, -6.0)
    _roads(canvas)
    _bunds(canvas)
    _works(canvas)
    _woods(canvas)
    return canvas


def _roads(canvas: Canvas) -> None:
    dirt = stroke(smooth([(-800, 520), (-300, 470), (100, 540), (420, 500), (900, 590)]), 9, (158, 146, 120))
    canvas.paint(dirt, 0.06, 0.85, 1.0)
    canvas.paint(stroke(smooth([(480, -800), (520, -300), (500, 100), (560, 800)]), 17, _ROAD), 0.05)
    canvas.paint(
        stroke([(-500, -400), (-500, 330), (505, 330), (505, -400), (-500, -400)], 8, (128, 124, 114)), 0.05
    )
    middle = smooth([(480, -800), (520, -300), (500, 100), (560, 800)])
    for start, stop in pairwise(middle):
        canvas.paint(dashes(start, stop, 0.7, (5, 7), (204, 200, 190)), 0.1, 0.7)


def _bunds(canvas: Canvas) -> None:
    rng = canvas.rng
    gravel = mottled(
        fractal_noise(rng, canvas.shape, 0.9, 120.0), [(120, 114, 98), (136, 129, 112), (148, 142, 126)]
    )
    tanks: list[Thing] = []
    for row, top in enumerate(steps(-385, 200, 165.0)):
        size = (_PITCH_PX, 74.0)[row == 2]
        for left in steps(-480, 380 - 0.3 * size, size + 14):
            area = (float(left), float(top), float(left + size), float(top) + 150)
            _bund(canvas, area, gravel)
            tanks += _tanks_of(canvas, area)
    canvas.put(tanks, shadow=0.62)


def _bund(canvas: Canvas, area: tuple[float, float, float, float], gravel: Field) -> None:
    x0, y0, x1, y1 = area
    canvas.texture([box(x0, y0, x1, y1, (0, 0, 0))], gravel)
    ring = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    x, y = canvas.frame_sun
    canvas.shade([*placed(stroke(ring, 3.4, _BANK), 2.4 * x, 2.4 * y)], 0.4)
    canvas.paint(stroke(ring, 3.4, _BANK), 0.05)
    pipe = stroke([((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1)], 1.6, (186, 184, 178))
    canvas.paint(pipe, 0.05)


def _tanks_of(canvas: Canvas, area: tuple[float, float, float, float]) -> list[Thing]:
    rng = canvas.rng
    x, y = (area[0] + area[2]) / 2, (area[1] + area[3]) / 2
    if area[2] - area[0] > 100:
        radius = float(rng.uniform(36, 50))
        floating = bool(rng.random() < 0.35)
        return [tank(rng, radius, canvas.frame_sun, floating).placed(x, y)]
    return [tank(rng, float(rng.uniform(16, 25)), canvas.frame_sun).placed(x, y + v) for v in (-37, 37)]


def _works(canvas: Canvas) -> None:
    rng = canvas.rng
    canvas.paint([box(-490, 270, 380, 318, (132, 128, 118))], 0.06)
    rack = [box(-480, 284 + 3.2 * i, 370, 285.6 + 3.2 * i, (184, 178, 168)) for i in range(5)]
    rack += [box(u, 281, u + 1.6, 302, (96, 92, 88)) for u in steps(-480, 370, 24.0)]
    canvas.shade([*placed(rack[:5], -3, -3)], 0.45)
    canvas.paint(rack)
    canvas.paint([box(392, -385, 492, 300, (142, 138, 128))], 0.06)
    sheds = [
        (440, -340, 62, 40),
        (440, -270, 70, 46),
        (436, -120, 56, 60),
        (444, 40, 66, 36),
        (440, 120, 60, 60),
    ]
    colours: tuple[Colour, ...] = (
        (190, 190, 186),
        (152, 108, 90),
        (150, 158, 164),
        (198, 194, 184),
        (170, 172, 172),
    )
    canvas.put(
        [
            building(rng, w, d, c, 9, ridged=i % 2 == 0).placed(u, v)
            for i, ((u, v, w, d), c) in enumerate(zip(sheds, colours, strict=True))
        ]
    )
    bullets = [building(rng, 40, 8, (226, 226, 224), 6).placed(430, 196 + 12.0 * i) for i in range(5)]
    canvas.put(bullets)
    parked = [car(rng, 9.0).placed(400 + 0.5 * i, -210 + 6.0 * i, 0.0) for i in range(11)]
    driving = [
        car(rng).placed(float(u), float(v), 90.0)
        for u, v in ((508, -240), (516, -160), (500, 40), (510, 210))
    ]
    canvas.put(parked + driving)


def _woods(canvas: Canvas) -> None:
    rng, sun, green = canvas.rng, canvas.frame_sun, (58, 72, 46)
    trees = grove(rng, (-800, -760, 460, -430), 480, sun, radius=(3.0, 7.5), green=green)
    trees += grove(rng, (-760, -420, -520, 700), 300, sun, radius=(3.0, 7.5), green=green)
    trees += grove(rng, (-500, 350, 470, 450), 90, sun, radius=(3.0, 6.5), green=green)
    trees += grove(rng, (540, -800, 800, 800), 240, sun, radius=(3.0, 7.5), green=green)
    trees += grove(rng, (-800, 560, 500, 760), 260, sun, radius=(3.5, 8.0), green=green)
    canvas.put(trees)
