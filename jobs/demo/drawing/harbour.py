"""Harbour: quays with ships, cranes and containers, a marina, and ships under way."""

from __future__ import annotations

import numpy as np

from jobs.demo.drawing.buildings import building, grove, tank
from jobs.demo.drawing.canvas import Canvas
from jobs.demo.drawing.shapes import Colour, Shape, Thing, box, dashes, disc, placed, steps, stroke, tinted
from jobs.demo.drawing.textures import fractal_noise, mottled
from jobs.demo.drawing.vehicles import boat, car, container_colour, ship
from jobs.demo.drawing.water import wake, water

_QUAY: tuple[Shape, ...] = (
    box(-1300, 0, 1300, 1300, (0, 0, 0)),
    box(-470, -400, -385, 10, (0, 0, 0)),
    box(30, -440, 118, 10, (0, 0, 0)),
)
_MOORED = (
    (-485, -205, 90, 146, "tanker"), (-373, -250, -90, 118, "bulk"), (-375, -110, -90, 96, "bulk"),
    (16, -270, 90, 140, "container"), (131, -300, -90, 128, "tanker"), (-220, -15, 0, 150, "container"),
)  # fmt: skip
_UNDER_WAY = ((-640, -490, 12, 112, "bulk"), (470, -430, 196, 132, "container"))
_ROAD: Colour = (88, 88, 86)


def harbour(rng: np.random.Generator) -> Canvas:
    """Draw the harbour: water to the north, land to the south."""
    size = (1152, 1536)
    canvas = Canvas(rng, water(rng, size, (44, 62, 62), wind_deg=70.0, wave_px=11.0, rough=0.055))
    canvas.frame = (790.0, 690.0, -8.0)
    _land(canvas)
    _yard(canvas)
    _sheds(canvas)
    _marina(canvas)
    _ships(canvas)
    return canvas


def _land(canvas: Canvas) -> None:
    rng = canvas.rng
    concrete = mottled(
        fractal_noise(rng, canvas.shape, 1.1, 260.0),
        [(132, 129, 121), (148, 145, 136), (156, 152, 144), (166, 163, 155)],
    )
    x, y = canvas.frame_sun
    canvas.shade([*placed(_QUAY, 5 * x, 5 * y)], 0.6)
    canvas.texture(_QUAY, concrete)
    grass = mottled(
        fractal_noise(rng, canvas.shape, 1.2, 200.0), [(72, 74, 52), (92, 94, 64), (124, 114, 84)]
    )
    canvas.texture([box(-1300, 372, 1300, 1300, (0, 0, 0))], grass, 1.5)
    canvas.texture([box(560, 40, 700, 300, (0, 0, 0))], grass, 1.5)
    edge = [box(-1300, 0, 1300, 2.5, (96, 92, 86)), *stroke([(-1300, 22), (1300, 22)], 0.8, (196, 176, 90))]
    for rails in (9.0, 17.0):
        edge += stroke([(-380, rails), (28, rails)], 0.8, (92, 84, 78))
    for pier in _QUAY[1:]:
        edge += stroke([*pier.points, pier.points[0]], 2.0, (100, 96, 90))
    road = [
        box(-1300, 322, 1300, 344, _ROAD),
        *dashes((-1300, 333), (1300, 333), 0.8, (8, 10), (196, 194, 186)),
    ]
    canvas.paint(edge)
    canvas.paint([*road, box(250, 20, 264, 330, _ROAD), box(-420, 40, -406, 330, _ROAD)], 0.05)
    lanes = [(float(u), 328.0 if i % 2 else 338.5) for i, u in enumerate(rng.uniform(-760, 760, 40))]
    canvas.put([car(rng).placed(u, v, 0.0 if v < 333 else 180.0) for u, v in lanes])


def _yard(canvas: Canvas) -> None:
    rng = canvas.rng
    canvas.paint([box(-385, 52, 240, 300, (112, 110, 106))], 0.07)
    stacks: list[Thing] = []
    for row in steps(64, 290, 38.0):
        for bay in steps(-370, 226, 13.6):
            if bay % 150 < 128:
                stacks += _stack(rng, float(bay), float(row))
    canvas.put(stacks)
    canvas.put([crane for u in (-282.0, -205.0, -140.0) for crane in _crane(u)], shadow=0.5)
    cars = rng.uniform((-380, 30), (240, 48), (16, 2))
    canvas.put([car(rng, 11.0).placed(u, v, float(rng.choice([0, 180]))) for u, v in cars])


def _stack(rng: np.random.Generator, bay: float, row: float) -> list[Thing]:
    stacks = []
    for lane in range(8):
        high = int(rng.integers(0, 5))
        if high:
            y = row + 2.7 * lane
            shape = box(bay, y, bay + 12.2, y + 2.45, container_colour(rng))
            stacks.append(Thing((shape,), (shape,), 2.6 * high))
    return stacks


def _crane(u: float) -> list[Thing]:
    blue: Colour = (66, 96, 132)
    legs = [box(u - 9, 6, u - 6, 20, blue), box(u + 6, 6, u + 9, 20, blue), box(u - 9, 11, u + 9, 14, blue)]
    boom = [
        box(u - 2.2, -46, u - 1.0, 38, tinted(blue, 1.2)),
        box(u + 1.0, -46, u + 2.2, 38, tinted(blue, 1.2)),
    ]
    boom += [box(u - 2, y, u + 2, y + 0.8, blue) for y in steps(-46, 38, 6.0)]
    cab = box(u - 4, 22, u + 4, 32, (206, 206, 200))
    return [Thing((*legs, *boom, cab), (*legs, cab), 12.0), Thing((), tuple(boom), 24.0)]


def _sheds(canvas: Canvas) -> None:
    rng = canvas.rng
    roofs: tuple[Colour, ...] = (
        (196, 198, 196),
        (176, 182, 186),
        (150, 108, 90),
        (206, 204, 196),
        (128, 140, 146),
    )
    spots = [
        (330, 90, 110, 54),
        (330, 170, 110, 60),
        (330, 260, 96, 56),
        (476, 110, 120, 70),
        (470, 215, 100, 90),
    ]
    spots += [
        (-760, 250, 130, 70),
        (-600, 262, 96, 60),
        (-480, 260, 80, 74),
        (-640, 440, 150, 66),
        (120, 440, 170, 60),
    ]
    spots += [(-428, -230, 34, 210), (74, -290, 36, 170), (74, -100, 36, 120)]
    spots += [(-300, 430, 120, 70), (430, 430, 110, 64), (660, 440, 120, 60)]
    trees = grove(rng, (-900, 356, 900, 392), 130, canvas.frame_sun)
    trees += grove(rng, (-900, 500, 900, 760), 420, canvas.frame_sun, radius=(3.5, 8.5), green=(52, 66, 42))
    trees += grove(rng, (-900, 396, 900, 500), 160, canvas.frame_sun, radius=(3.0, 7.5), green=(58, 72, 46))
    canvas.put(trees + grove(rng, (600, 60, 690, 290), 40, canvas.frame_sun))
    sheds = [building(rng, w, d, roofs[rng.integers(5)], 11).placed(u, v) for u, v, w, d in spots]
    canvas.put(sheds)
    canvas.paint([box(-800, 48, -430, 196, (134, 126, 110))], 0.08)
    tanks = [
        (-740, 104, 33),
        (-660, 104, 33),
        (-580, 98, 27),
        (-516, 96, 24),
        (-470, 150, 15),
        (-560, 160, 18),
    ]
    canvas.put([tank(rng, r, canvas.frame_sun, i == 1).placed(u, v) for i, (u, v, r) in enumerate(tanks)])
    parked = [(float(u), v) for v in (40.0, 292.0) for u in steps(300, 540, 3.4) if rng.random() < 0.7]
    canvas.put([car(rng).placed(u, v, 90.0) for u, v in parked])


def _marina(canvas: Canvas) -> None:
    rng = canvas.rng
    docks = [box(412, -168, 418, 4, (170, 164, 152))]
    boats: list[Thing] = []
    for row in (-160.0, -112.0, -64.0):
        docks += [box(418, row, 700, row + 3.2, (176, 170, 158))]
        for u in steps(428, 694, 8.6):
            docks += [box(u - 4.3, row - 10, u - 3.5, row + 13, (160, 154, 142))]
            for side in (-1, 1):
                if rng.random() < 0.78:
                    length = float(rng.uniform(10, 17))
                    boats += [boat(rng, length).placed(u, row + 1.6 + side * (length / 2 + 2.6), 90.0 * side)]
    stone: Colour = (122, 116, 106)
    rocks = [
        disc(
            float(rng.normal(740, 4)),
            y,
            float(rng.uniform(2, 4.5)),
            tinted(stone, float(rng.uniform(0.7, 1.2))),
        )
        for y in steps(-260, 10, 0.9)
    ]
    canvas.shade([*placed(rocks, -4, -3)], 0.5)
    canvas.paint(rocks, 0.1)
    canvas.shade([*placed(docks, -1.5, -1.2)], 0.5)
    canvas.paint(docks)
    canvas.put(boats)


def _ships(canvas: Canvas) -> None:
    rng = canvas.rng
    canvas.put([ship(rng, length, kind).placed(u, v, way) for u, v, way, length, kind in _MOORED])
    x, y, turn = canvas.frame
    canvas.frame = (0.0, 0.0, 0.0)
    angle = np.deg2rad(turn)
    for u, v, way, length, kind in _UNDER_WAY:
        at = (x + u * np.cos(angle) - v * np.sin(angle), y + u * np.sin(angle) + v * np.cos(angle))
        wake(canvas, float(at[0]), float(at[1]), way + turn, length, strength=0.55)
        canvas.put([ship(rng, length, kind).placed(float(at[0]), float(at[1]), way + turn)], shadow=0.45)
    canvas.frame = (x, y, turn)
    tugs = [(-270, -330, 40), (220, -180, 100), (-60, -380, 230), (330, -330, 20)]
    canvas.put([boat(rng, float(rng.uniform(16, 26))).placed(u, v, way) for u, v, way in tugs], shadow=0.45)
