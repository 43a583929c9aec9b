"""Airfield: a runway, taxiways, an apron with parked aircraft, and a terminal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.demo.drawing.buildings import building, grove
from jobs.demo.drawing.canvas import Canvas
from jobs.demo.drawing.shapes import Colour, Shape, Thing, box, dashes, placed, smooth, steps, stroke, tinted
from jobs.demo.drawing.textures import fractal_noise, mottled
from jobs.demo.drawing.vehicles import aircraft, car, jet_bridge

_ASPHALT: Colour = (96, 97, 96)
_PAINT: Colour = (216, 216, 208)
_YELLOW: Colour = (192, 168, 74)
_APRON = (-525.0, -90.0, 555.0, 255.0)
_AREA: Colour = (0, 0, 0)


def airfield(rng: np.random.Generator) -> Canvas:
    """Draw the airfield: the runway in the north, the terminal in the south, all a little turned."""
    size = (1280, 1536)
    grass = mottled(
        fractal_noise(rng, size, 1.25, 300.0), [(74, 78, 52), (92, 94, 62), (108, 104, 72), (132, 120, 90)]
    )
    canvas = Canvas(rng, grass)
    canvas.frame = (765.0, 660.0, 14.0)
    _runway(canvas)
    _taxiways(canvas)
    _apron(canvas)
    _terminal(canvas)
    _landside(canvas)
    return canvas


def _runway(canvas: Canvas) -> None:
    rng = canvas.rng
    canvas.paint([box(-1100, -398, 1100, -328, (116, 112, 96))], 0.08, 0.5, 2.0)
    canvas.paint([box(-1100, -390, 1100, -336, _ASPHALT)], 0.06)
    rubber = [
        stroke([(-420 + u, -363 + v), (-60 + u, -363 + v)], 3.5, (52, 52, 52))
        for u, v in rng.normal(0, (90, 6), (14, 2))
    ]
    for mark in rubber:
        canvas.paint(mark, 0.0, 0.22, 1.5)
    lines = dashes((-1100, -363), (1100, -363), 1.4, (30, 22), _PAINT)
    lines += [box(-1100, v, 1100, v + 1.2, _PAINT) for v in (-388, -339)]
    lines += [box(-560, v, -524, v + 2.4, _PAINT) for v in steps(-385, -341, 5.6)]
    lines += [box(u, v, u + 24, v + 4, _PAINT) for u in (-470, -380, -300) for v in (-374, -356)]
    canvas.paint(lines, 0.1, 0.85)
    canvas.put([aircraft(rng, 62).placed(-330, -363, 0.0)], shadow=0.55)


def _taxiways(canvas: Canvas) -> None:
    paths = [smooth(path) for path in (
        [(-1100, -228), (1100, -228)],
        [(-560, -363), (-560, -300), (-560, -228), (-500, -170), (-430, -90)],
        [(60, -363), (140, -340), (190, -228), (220, -160), (260, -60)],
        [(470, -363), (410, -340), (340, -228)],
        [(-180, -228), (-180, -150), (-160, -80)],
    )]  # fmt: skip
    for path in paths:
        canvas.paint(stroke(path, 36, (120, 116, 100)), 0.08, 0.45, 2.0)
    for path in paths:
        canvas.paint(stroke(path, 24, tinted(_ASPHALT, 1.1)), 0.06)
    for path in paths:
        canvas.paint(stroke(path, 0.9, _YELLOW), 0.1, 0.85)
    canvas.put([aircraft(canvas.rng, 56).placed(-60, -228, 180.0)], shadow=0.55)


def _apron(canvas: Canvas) -> None:
    rng = canvas.rng
    concrete = mottled(
        fractal_noise(rng, canvas.shape, 1.0, 300.0),
        [(140, 138, 130), (156, 154, 147), (164, 162, 155), (172, 170, 164)],
    )
    canvas.texture([box(*_APRON, _AREA)], concrete)
    x0, y0, x1, y1 = _APRON
    joints = [box(u, y0, u + 0.5, y1, (116, 114, 108)) for u in steps(x0, x1, 15.0)]
    joints += [box(x0, v, x1, v + 0.5, (116, 114, 108)) for v in steps(y0, y1, 15.0)]
    canvas.paint(joints, 0.1, 0.45)
    slabs = rng.uniform((x0, y0), (x1, y1), (220, 2)) // 15 * 15
    for factor in (0.86, 0.92, 1.07):
        some = slabs[rng.random(len(slabs)) < 0.4]
        canvas.paint([box(u, v, u + 15, v + 15, tinted((158, 156, 149), factor)) for u, v in some], 0.04, 0.6)
    stains = rng.uniform((x0, y0), (x1, y1), (60, 2))
    for u, v in stains:
        canvas.paint(
            stroke([(u, v), (u + rng.normal(0, 22), v + rng.normal(0, 8))], 3.0, (92, 90, 86)), 0.1, 0.16, 1.6
        )
    canvas.paint(
        [*dashes((x0, -70), (x1, -70), 0.9, (300, 0), _YELLOW), *stroke([(x0, 92), (x1, 92)], 0.9, _YELLOW)],
        0.1,
        0.8,
    )
    _remote_stands(canvas)


def _remote_stands(canvas: Canvas) -> None:
    rng = canvas.rng
    planes, lines = [], []
    for u in steps(-470, 540, 88.0):
        lines += stroke([(u, -66), (u, 30)], 0.8, _YELLOW) + stroke([(u - 10, 30), (u + 10, 30)], 1.0, _PAINT)
        if rng.random() < 0.8:
            planes += [
                aircraft(rng, float(rng.uniform(50, 70))).placed(u, -14, 90.0 + float(rng.normal(0, 1.2)))
            ]
    canvas.paint(lines, 0.1, 0.85)
    _carts(canvas, rng.uniform((-500, 36), (540, 66), (44, 2)))
    canvas.put([*planes, aircraft(rng, 72).placed(300, 92, 180.0)], shadow=0.55)


def _carts(canvas: Canvas, spots: NDArray[np.float64]) -> None:
    rng = canvas.rng
    trucks = [
        car(rng, float(rng.uniform(4, 10))).placed(u, v, float(rng.choice([0, 90, 180, 30])))
        for u, v in spots
    ]
    canvas.put(trucks, shadow=0.5)


def _terminal(canvas: Canvas) -> None:
    rng = canvas.rng
    hall = building(rng, 660, 58, (188, 190, 190), 16).placed(-130, 262)
    wing = building(rng, 200, 30, (176, 172, 164), 12, ridged=False).placed(-130, 302)
    stands = [float(u) for u in steps(-420, 176, 74.0)]
    planes: list[Thing] = []
    bridges: list[Thing] = []
    lines: list[Shape] = []
    for u in stands:
        lines += stroke([(u, 120), (u, 228)], 0.8, _YELLOW)
        if rng.random() < 0.85:
            length = float(rng.uniform(56, 72))
            nose = 226 - length / 2
            planes += [aircraft(rng, length).placed(u, nose, 90.0)]
            bridges += [jet_bridge((u + 22, 236), (u + 5, nose + 0.34 * length))]
        else:
            bridges += [jet_bridge((u + 22, 236), (u + 20, 212))]
    canvas.paint(lines, 0.1, 0.85)
    hangars = [
        building(rng, 100, 84, colour, 18).placed(u, 300)
        for u, colour in ((300, (150, 162, 170)), (414, (196, 196, 190)), (520, (140, 146, 150)))
    ]
    _carts(canvas, rng.uniform((-440, 150), (190, 222), (52, 2)))
    canvas.put(planes, shadow=0.55)
    canvas.put([*bridges, hall, wing, *hangars])
    roof = [box(u, 246, u + 22, 250, (86, 98, 110)) for u in steps(-440, 190, 40.0)]
    canvas.paint(placed(roof, 0, 0))


def _landside(canvas: Canvas) -> None:
    rng = canvas.rng
    road = smooth([(-1200, 344), (-520, 340), (260, 352), (1200, 380)])
    canvas.paint(stroke(road, 19, (88, 88, 86)), 0.05)
    canvas.paint([box(-430, 366, 180, 470, (100, 99, 96))], 0.06)
    cars, lines = [], []
    for v in steps(376, 468, 17.0):
        for u in steps(-420, 172, 3.1):
            lines += [box(u - 1.5, v - 3, u - 1.2, v + 3, _PAINT)]
            if rng.random() < 0.66:
                cars += [car(rng, 4.8).placed(u, v, 90.0 + 180.0 * int(rng.integers(2)))]
    canvas.paint(lines, 0.05, 0.6)
    canvas.put(cars)
    along = rng.uniform(-700, 700, 26)
    canvas.put([car(rng).placed(float(u), 340.5 if u < 0 else 352.0, 1.0) for u in along])
    sheds = [building(rng, 90, 46, (168, 160, 150), 9).placed(290 + 110 * i, 420) for i in range(3)]
    sheds += [
        building(rng, 70, 60, (160, 104, 84), 9).placed(-540, 412),
        building(rng, 60, 50, (190, 188, 182), 9).placed(-630, 404),
    ]
    canvas.put(sheds)
    trees = grove(rng, (-900, 362, -440, 380), 60, canvas.frame_sun) + grove(
        rng, (-900, 476, 900, 760), 620, canvas.frame_sun, radius=(3.5, 8.0), green=(56, 70, 44)
    )
    canvas.put(trees)
    canvas.put(
        grove(rng, (-900, -760, 900, -520), 480, canvas.frame_sun, radius=(3.5, 8.0), green=(56, 70, 44))
    )
