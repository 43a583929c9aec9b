"""Vehicles: ships, boats, aircraft and cars, at the origin, heading along x, sizes in pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from jobs.demo.drawing.shapes import Colour, Shape, Thing, box, disc, polygon, stroke, tinted

_DECKS: dict[str, tuple[Colour, ...]] = {
    "tanker": ((128, 62, 50), (142, 84, 66), (70, 92, 84), (104, 60, 54)),
    "bulk": ((136, 74, 58), (112, 106, 100), (96, 72, 62)),
    "container": ((92, 92, 94), (70, 84, 98)),
}
_CONTAINERS: tuple[Colour, ...] = (
    (150, 70, 54), (58, 88, 128), (170, 164, 152), (168, 118, 58), (72, 106, 86),
    (120, 52, 50), (196, 194, 186),
)  # fmt: skip
_LIVERIES: tuple[Colour, ...] = ((40, 70, 130), (160, 46, 44), (60, 60, 66), (46, 110, 96), (196, 140, 50))
_CARS: tuple[Colour, ...] = (
    (206, 206, 204), (170, 172, 174), (40, 42, 46), (112, 34, 34), (44, 60, 96),
    (120, 120, 118), (228, 228, 226),
)  # fmt: skip


def container_colour(rng: np.random.Generator) -> Colour:
    """Return the colour of a container, a little weathered."""
    return tinted(_CONTAINERS[rng.integers(len(_CONTAINERS))], float(rng.uniform(0.8, 1.1)))


def ship(rng: np.random.Generator, length: float, kind: str) -> Thing:
    """Return a ship of a length; ``kind`` is "tanker", "bulk" or "container"."""
    beam = length * float(rng.uniform(0.165, 0.19))
    deck = tinted(_DECKS[kind][rng.integers(len(_DECKS[kind]))], float(rng.uniform(0.9, 1.15)))
    hull = _hull(length, beam, (44, 42, 44))
    shapes = [hull, _hull(length * 0.975, beam * 0.84, deck)]
    cargo = {"tanker": _pipes, "bulk": _hatches, "container": _stacks}[kind]
    shapes += cargo(rng, length, beam, deck)
    shapes += _superstructure(rng, length, beam)
    shapes += [disc(0.45 * length, 0, 0.06 * beam + 0.4, (190, 186, 180))]
    return Thing(tuple(shapes), (hull,), 0.045 * length + 2)


def _hull(length: float, beam: float, colour: Colour) -> Shape:
    half, side = length / 2, beam / 2
    bow = [(0.34, 1.0), (0.41, 0.8), (0.46, 0.5), (0.49, 0.2), (0.5, 0.0)]
    stern = [(-0.5, 0.62), (-0.47, 0.86), (-0.42, 1.0)]
    upper = [(2 * x * half, y * side) for x, y in stern + bow]
    return polygon(upper + [(x, -y) for x, y in reversed(upper)], colour)


def _superstructure(rng: np.random.Generator, length: float, beam: float) -> list[Shape]:
    aft, deep = -0.455 * length, 0.085 * length
    white: Colour = (222, 222, 218)
    shapes = [box(aft - 0.012 * length, -0.4 * beam, aft + deep + 0.02 * length, 0.4 * beam, (70, 62, 60))]
    shapes += [box(aft, -0.38 * beam, aft + deep, 0.38 * beam, white)]
    shapes += [box(aft + 0.7 * deep, -0.5 * beam, aft + deep, 0.5 * beam, tinted(white, 1.08))]
    shapes += [box(aft + 0.1 * deep, 0.05 * beam, aft + 0.95 * deep, 0.34 * beam, tinted(white, 0.86))]
    funnel = _LIVERIES[rng.integers(len(_LIVERIES))]
    shapes += [box(aft + 0.08 * deep, -0.12 * beam, aft + 0.4 * deep, 0.12 * beam, funnel)]
    return shapes


def _pipes(rng: np.random.Generator, length: float, beam: float, deck: Colour) -> list[Shape]:
    light = tinted(deck, 1.45)
    shapes = [box(-0.34 * length, -0.045 * beam, 0.4 * length, 0.045 * beam, light)]
    shapes += [box(-0.34 * length, 0.045 * beam, 0.4 * length, 0.1 * beam, tinted(deck, 0.6))]
    for x in np.linspace(-0.28, 0.32, 7) * length:
        shapes += [box(x, -0.4 * beam, x + 0.007 * length, 0.4 * beam, tinted(deck, 0.78))]
    shapes += [box(-0.01 * length, -0.42 * beam, 0.025 * length, 0.42 * beam, light)]
    return shapes


def _hatches(rng: np.random.Generator, length: float, beam: float, deck: Colour) -> list[Shape]:
    count = int(rng.integers(5, 8))
    edges = np.linspace(-0.33, 0.4, count + 1) * length
    lid = tinted(deck, float(rng.choice([0.7, 1.35])))
    shapes: list[Shape] = []
    for start, stop in pairwise(edges):
        gap = 0.14 * (stop - start)
        shapes += [box(start + gap - 0.8, -0.31 * beam, stop - gap, 0.29 * beam, tinted(deck, 0.5))]
        shapes += [box(start + gap, -0.3 * beam, stop - gap, 0.3 * beam, lid)]
        shapes += [box(start + gap, -0.02 * beam, stop - gap, 0.02 * beam, tinted(lid, 0.8))]
    return shapes


def _stacks(rng: np.random.Generator, length: float, beam: float, deck: Colour) -> list[Shape]:
    bays = np.arange(-0.33, 0.4, 0.066) * length
    lane = 0.86 * beam / 6
    shapes: list[Shape] = []
    for bay in bays:
        for row in range(6):
            if rng.random() < 0.9:
                y = -0.43 * beam + row * lane
                colour = container_colour(rng)
                shapes += [box(bay, y, bay + 0.058 * length, y + 0.94 * lane, colour)]
    return shapes


def boat(rng: np.random.Generator, length: float) -> Thing:
    """Return a white motor boat or yacht."""
    beam = length * float(rng.uniform(0.28, 0.34))
    hull = polygon(
        [(-0.5, 0.42), (0.1, 0.5), (0.35, 0.3), (0.5, 0), (0.35, -0.3), (0.1, -0.5), (-0.5, -0.42)]
        * np.array([length, beam]),
        tinted((228, 228, 224), float(rng.uniform(0.85, 1.08))),
    )
    cabin = box(-0.2 * length, -0.28 * beam, 0.15 * length, 0.28 * beam, (150, 154, 160))
    cockpit = box(-0.42 * length, -0.3 * beam, -0.22 * length, 0.3 * beam, (128, 98, 70))
    return Thing((hull, cabin, cockpit), (hull,), 2.0)


def aircraft(rng: np.random.Generator, length: float) -> Thing:
    """Return an airliner with swept wings, two engines and a coloured fin."""
    white = tinted((226, 227, 228), float(rng.uniform(0.92, 1.08)))
    livery = _LIVERIES[rng.integers(len(_LIVERIES))]
    wide = 0.052 * length
    fuselage = _fuselage(length, wide, white)
    wings = [_wing(length, side, tinted(white, 0.86 if side > 0 else 0.94)) for side in (1, -1)]
    tail = [_tailplane(length, side, tinted(white, 0.9)) for side in (1, -1)]
    engines = [shape for side in (1, -1) for shape in _engine(length, side, white)]
    shade = polygon(fuselage.points * (0.94, 0.5) + (0, 0.45 * wide), tinted(white, 0.78))
    top = [shade, polygon(fuselage.points * (0.97, 0.38) - (0, 0.2 * wide), tinted(white, 1.12))]
    stripe = box(-0.49 * length, -0.013 * length, -0.36 * length, 0.013 * length, livery)
    cockpit = box(0.455 * length, -0.018 * length, 0.475 * length, 0.018 * length, (56, 60, 68))
    outline = (fuselage, *wings, *tail)
    return Thing((*engines, *wings, *tail, fuselage, *top, stripe, cockpit), outline, 0.075 * length)


def _fuselage(length: float, wide: float, colour: Colour) -> Shape:
    upper = [(-0.5, 0.12), (-0.42, 0.5), (-0.25, 1.0), (0.38, 1.0), (0.45, 0.75), (0.49, 0.35), (0.5, 0.0)]
    points = [(x * length, y * wide) for x, y in upper]
    return polygon(points + [(x, -y) for x, y in reversed(points)], colour)


def _wing(length: float, side: int, colour: Colour) -> Shape:
    points = [(0.12, 0.04), (-0.13, 0.47), (-0.18, 0.475), (-0.1, 0.17), (-0.09, 0.04)]
    return polygon(np.array(points) * (length, side * length), colour)


def _tailplane(length: float, side: int, colour: Colour) -> Shape:
    points = [(-0.38, 0.015), (-0.46, 0.17), (-0.49, 0.17), (-0.46, 0.015)]
    return polygon(np.array(points) * (length, side * length), colour)


def _engine(length: float, side: int, white: Colour) -> list[Shape]:
    y = side * 0.165 * length
    half = 0.02 * length
    pod = box(-0.02 * length, y - half, 0.085 * length, y + half, tinted(white, 0.8))
    return [pod, box(0.075 * length, y - half, 0.09 * length, y + half, (70, 72, 76))]


def car(rng: np.random.Generator, length: float = 5.0) -> Thing:
    """Return a car with its wind-screens."""
    half = 0.21 * length
    body = box(-length / 2, -half, length / 2, half, _CARS[rng.integers(len(_CARS))])
    glass = box(0.08 * length, -0.8 * half, 0.24 * length, 0.8 * half, (52, 58, 64))
    return Thing((body, glass), (body,), 1.6)


def jet_bridge(root: tuple[float, float], head: tuple[float, float]) -> Thing:
    """Return the gangway between a terminal and an aircraft's door."""
    arm = stroke([root, head], 3.4, (168, 168, 164))
    cap = disc(*head, 3.0, (146, 146, 144))
    return Thing((*arm, cap), tuple(arm), 4.0)
