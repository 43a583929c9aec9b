"""Buildings and plants: roofs, tanks, trees and courts, sizes in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jobs.demo.drawing.shapes import Colour, Shape, Thing, box, disc, polygon, steps, stroke, tinted

_WHITE: Colour = (226, 226, 222)


def building(
    rng: np.random.Generator,
    width: float,
    depth: float,
    colour: Colour,
    height: float = 9.0,
    *,
    ridged: bool = True,
) -> Thing:
    """Return a building about the origin: a ridged roof, or a flat one with plant and parapet."""
    w, d = width / 2, depth / 2
    outline = box(-w, -d, w, d, tinted(colour, 0.96))
    shapes = [outline]
    if ridged:
        shapes += [box(-w, -d, w, 0, tinted(colour, 0.88)), box(-w, -0.4, w, 0.4, tinted(colour, 1.12))]
        seams = steps(-w, w, max(4.0, width / 14))
        shapes += [box(x, -d, x + 0.5, d, tinted(colour, 0.9)) for x in seams]
    else:
        shapes += [box(-w + 1.2, -d + 1.2, w - 1.2, d - 1.2, tinted(colour, 0.9))]
        shapes += _roof_plant(rng, width, depth, colour)
    return Thing(tuple(shapes), (outline,), height)


def _roof_plant(rng: np.random.Generator, width: float, depth: float, colour: Colour) -> list[Shape]:
    shapes: list[Shape] = []
    for _ in range(int(2 + width * depth / 900)):
        x, y = rng.uniform(-0.38, 0.38) * width, rng.uniform(-0.36, 0.36) * depth
        w, d = rng.uniform(1.5, 4.5, 2)
        shapes += [box(x - 1.2, y - 1, x + w - 1.2, y + d - 1, tinted(colour, 0.5))]
        shapes += [box(x, y, x + w, y + d, tinted(colour, float(rng.uniform(0.75, 1.15))))]
    return shapes


def tank(rng: np.random.Generator, radius: float, sun: tuple[float, float], floating: bool = False) -> Thing:
    """Return a storage tank: a shallow cone lit by the sun, or a floating roof sunk into its wall."""
    white = tinted(_WHITE, float(rng.uniform(0.86, 1.05)))
    wall = disc(0, 0, radius, tinted(white, 0.72))
    shapes = [wall, disc(0, 0, radius - 0.9, tinted(white, 1.02))]
    shapes += _sunk_roof(radius, white, sun) if floating else _cone(radius - 1.4, white, sun)
    shapes += _stairs(radius, float(rng.uniform(0, 2 * np.pi)))
    return Thing(tuple(shapes), (wall,), 0.38 * radius + 3)


def _cone(radius: float, white: Colour, sun: tuple[float, float]) -> list[Shape]:
    towards_sun = np.arctan2(-sun[1], -sun[0])
    edges = np.linspace(0, 2 * np.pi, 37)
    shapes = []
    for start, stop in pairwise(edges):
        light = 0.95 + 0.075 * np.cos((start + stop) / 2 - towards_sun)
        rim = [(radius * np.cos(a), radius * np.sin(a)) for a in (start - 0.02, stop + 0.02)]
        shapes += [polygon([(0.0, 0.0), *rim], tinted(white, float(light)))]
    return [
        *shapes,
        disc(0, 0, 0.07 * radius + 0.6, tinted(white, 0.72)),
        disc(0, 0, 0.7, tinted(white, 1.1)),
    ]


def _sunk_roof(radius: float, white: Colour, sun: tuple[float, float]) -> list[Shape]:
    inner, deep = radius - 2.0, 0.16 * radius
    lit = disc(0, 0, inner, tinted(white, 0.8))
    moon = np.array(sun) / max(float(np.hypot(*sun)), 1e-9) * deep
    shapes = [disc(0, 0, inner, tinted(white, 0.42)), _clipped_disc(lit, moon, inner)]
    shapes += [disc(moon[0], moon[1], 0.28 * radius, tinted(white, 0.72))]
    return [*shapes, *stroke([(0, 0), (0.7 * radius, 0.4 * radius)], 1.0, tinted(white, 1.05))]


def _clipped_disc(shape: Shape, move: NDArray[np.float64], radius: float) -> Shape:
    """Return a disc moved, and pushed back into the circle about the origin where it left it."""
    points = shape.points + move
    distance = np.maximum(np.hypot(points[:, 0], points[:, 1]), 1e-9)
    return Shape(points * np.minimum(1.0, radius / distance)[:, None], shape.colour)


def _stairs(radius: float, start: float) -> list[Shape]:
    angles = start + np.linspace(0, 1.2, 9)
    path = np.stack([(radius + 0.4) * np.cos(angles), (radius + 0.4) * np.sin(angles)], axis=1)
    return stroke(path, 1.1, (96, 96, 98))


def tree(rng: np.random.Generator, radius: float, sun: tuple[float, float], green: Colour) -> Thing:
    """Return a crown of leaves: clumps, bright where the sun is, dark where it is not."""
    crown = tinted(green, float(rng.uniform(0.8, 1.2)))
    outline = disc(0, 0, 0.92 * radius, tinted(crown, 0.66))
    clumps = [outline]
    for _ in range(int(4 + radius)):
        x, y = rng.normal(0, 0.42 * radius, 2)
        lit = 1.0 - 0.28 * (x * sun[0] + y * sun[1]) / radius
        clumps += [
            disc(x, y, radius * float(rng.uniform(0.24, 0.42)), tinted(crown, float(np.clip(lit, 0.6, 1.5))))
        ]
    return Thing(tuple(clumps), (outline,), 1.3 * radius)


def grove(
    rng: np.random.Generator, area: tuple[float, float, float, float], count: int, sun: tuple[float, float],
    *, radius: tuple[float, float] = (3.0, 6.5), green: Colour = (66, 82, 52),
) -> list[Thing]:  # fmt: skip
    """Return trees scattered over the rectangle (x0, y0, x1, y1), from north to south."""
    xs, ys = rng.uniform(area[0], area[2], count), np.sort(rng.uniform(area[1], area[3], count))
    return [
        tree(rng, float(rng.uniform(*radius)), sun, green).placed(x, y) for x, y in zip(xs, ys, strict=True)
    ]


def court(width: float, depth: float, floor: Colour, apron: Colour) -> list[Shape]:
    """Return a tennis court about the origin with its white lines."""
    w, d = width / 2, depth / 2
    shapes = [box(-w, -d, w, d, apron), box(-0.68 * w, -0.62 * d, 0.68 * w, 0.62 * d, floor)]
    for y in (-0.62, -0.46, 0.46, 0.62):
        shapes += stroke([(-0.68 * w, y * d), (0.68 * w, y * d)], 0.7, _WHITE)
    for x in (-0.68, -0.36, 0.36, 0.68):
        shapes += stroke([(x * w, -0.62 * d), (x * w, 0.62 * d)], 0.7, _WHITE)
    return [
        *shapes,
        *stroke([(-0.36 * w, 0), (0.36 * w, 0)], 0.7, _WHITE),
        box(-0.5, -0.7 * d, 0.5, 0.7 * d, (60, 62, 62)),
    ]


def running_track(length: float, width: float) -> list[Shape]:
    """Return a stadium's red track about the origin with its lanes and the field inside."""
    shapes = [_oval(length, width, (148, 84, 66))]
    lane = 0.16 * width / 8
    for number in range(1, 8):
        inset = 2 * lane * number
        shapes += [_oval(length - inset, width - inset, (196, 150, 134))]
        shapes += [_oval(length - inset - 0.7, width - inset - 0.7, (148, 84, 66))]
    field = 16 * lane
    shapes += [_oval(length - field, width - field, (86, 104, 62))]
    return [*shapes, *_pitch(length - width, 0.8 * (width - field))]


def _oval(length: float, width: float, colour: Colour) -> Shape:
    radius, straight = width / 2, (length - width) / 2
    angles = np.linspace(-np.pi / 2, np.pi / 2, 24)
    cap = np.stack([straight + radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    return polygon(np.concatenate([cap, -cap]), colour)


def _pitch(length: float, width: float) -> list[Shape]:
    w, d = length / 2, width / 2
    stripes: Sequence[Colour] = ((70, 96, 54), (78, 106, 60))
    edges = np.linspace(-w, w, 11)
    shapes = [box(x, -d, edges[i + 1], d, stripes[i % 2]) for i, x in enumerate(edges[:-1])]
    frame = [(-w, -d), (w, -d), (w, d), (-w, d), (-w, -d)]
    shapes += stroke(frame, 0.8, _WHITE) + stroke([(0, -d), (0, d)], 0.8, _WHITE)
    shapes += [disc(0, 0, 0.26 * width, _WHITE), disc(0, 0, 0.26 * width - 0.8, stripes[0])]
    return shapes
