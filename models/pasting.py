"""Copy-paste of objects: found in one picture's mask, placed into another picture's window.

After "Simple Copy-Paste is a Strong Data Augmentation Method" (Ghiasi et al., CVPR 2021), without its large
scale jitter: in images from above, an object's size in pixels says what it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .data import CELL_PX, Pair

LARGEST_SHARE = 1 / 3
SMALLEST_PX = 4
MARGIN_PX = 4
ZOOMS = (0.75, 1.33)
OBJECTS_MAX = 3
PLACE_TRIES = 8
CELL_TRIES = 3  # cells favour large objects, which fit least often


@dataclass(frozen=True, slots=True, eq=False)
class PastedObject:
    """An object's pixels (3, h, w) uint8 with a margin, its mask (h, w) bool, and where it goes.

    It is resized to height_px x width_px and put with its upper left corner at (row, column) of the window,
    in the window's own pixels, before the window is turned and resized.
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    row: int
    column: int
    height_px: int
    width_px: int


def draw_objects(
    donor: Pair, occupied: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[PastedObject, ...]:
    """One to three objects of `donor` for a window with the mask `occupied` (side, side) bool.

    Fewer, or none, where the donor has no object that fits: one longer than a third of the window (after its
    zoom), shorter than 4 px, or cut off by the donor's edge does not. None is put over another object.
    """
    placed, taken = [], occupied.copy()
    for _ in range(int(rng.integers(1, OBJECTS_MAX + 1)) if len(donor.cells) else 0):
        zoom = float(np.exp(rng.uniform(*np.log(ZOOMS))))
        longest_px = int(len(occupied) * LARGEST_SHARE / zoom)
        tries = (_draw_object(donor, longest_px, rng) for _ in range(CELL_TRIES))
        found = next((one for one in tries if one is not None), None)
        if found is not None:
            one = _place(*_turn(*found, rng), zoom, taken, rng)
            if one is None:
                continue
            taken[one.row : one.row + one.height_px, one.column : one.column + one.width_px] = True
            placed.append(one)
    return tuple(placed)


def _draw_object(
    donor: Pair, longest_px: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]] | None:
    """An object that reaches into a salient cell drawn at random, if it fits.

    Only the cell's surroundings are labelled, which is why nothing needs to be kept a picture: an object that
    goes on beyond them is longer than `longest_px` within them already.
    """
    cell = donor.cells[rng.integers(len(donor.cells))] * CELL_PX
    starts = np.maximum(cell - longest_px, 0)
    stops = np.minimum(cell + CELL_PX + longest_px, donor.mask.shape)
    labels, _ = ndimage.label(donor.mask[starts[0] : stops[0], starts[1] : stops[1]], np.ones((3, 3)))
    rows, columns = cell - starts
    inside = labels[rows : rows + CELL_PX, columns : columns + CELL_PX]
    chosen = int(rng.choice(inside[inside > 0]))
    box = ndimage.find_objects(labels, chosen)[chosen - 1]
    first = np.array([part.start for part in box]) + starts
    last = np.array([part.stop for part in box]) + starts
    cut_off = (first == 0).any() or (last == donor.mask.shape).any()
    if cut_off or not SMALLEST_PX <= int((last - first).max()) <= longest_px:
        return None
    return _cut_out(donor, labels == chosen, starts, first, last)


def _cut_out(
    donor: Pair,
    labelled: NDArray[np.bool_],
    starts: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The object with a margin, so that its soft edge has pixels to blend; `labelled` begins at `starts`."""
    (top, left), (bottom, right) = first - MARGIN_PX, last + MARGIN_PX
    top, left = max(top, starts[0]), max(left, starts[1])
    mask = labelled[top - starts[0] : bottom - starts[0], left - starts[1] : right - starts[1]]
    pixels = donor.pixels[:, top : top + mask.shape[0], left : left + mask.shape[1]]
    return pixels, mask


def _turn(
    pixels: NDArray[np.uint8], mask: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
    pixels, mask = np.rot90(pixels, turns, (1, 2)), np.rot90(mask, turns)
    if mirrored:
        pixels, mask = pixels[:, :, ::-1], mask[:, ::-1]
    return np.ascontiguousarray(pixels), np.ascontiguousarray(mask)


def _place(
    pixels: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    zoom: float,
    taken: NDArray[np.bool_],
    rng: np.random.Generator,
) -> PastedObject | None:
    """Somewhere in the window where there is none yet; None if a few tries find no such place."""
    side = len(taken)
    height, width = (min(max(round(n * zoom), 1), side) for n in mask.shape)
    for _ in range(PLACE_TRIES):
        row, column = int(rng.integers(side - height + 1)), int(rng.integers(side - width + 1))
        if not taken[row : row + height, column : column + width].any():
            return PastedObject(pixels, mask, row, column, height, width)
    return None
