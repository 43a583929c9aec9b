"""Training pairs: a picture, its mask and where it has something to find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELL_PX = 16


class DataError(ValueError):
    """The training data has mistakes; the message lists all of them, a line each, with the files' names."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        # The list itself is the argument, so that the error survives pickling on its way out of a worker.
        super().__init__(tuple(mistakes))
        self.mistakes = tuple(mistakes)

    def __str__(self) -> str:
        noun = "mistake" if len(self.mistakes) == 1 else "mistakes"
        return "\n  ".join([f"{len(self.mistakes)} {noun} in the training data:", *self.mistakes])


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture (3, H, W) uint8, its mask (H, W) bool, and the cells of CELL_PX that hold salient pixels.

    cells: (n, 2) row and column of each such cell, in cells.
    """

    name: str
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    cells: NDArray[np.int64]


def make_pair(name: str, pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Pair:
    """Check the shapes and find the salient cells. Raises ValueError when the sizes differ."""
    if pixels.shape[1:] != mask.shape:
        raise ValueError(
            f"picture is {pixels.shape[2]}x{pixels.shape[1]}, mask {mask.shape[1]}x{mask.shape[0]}"
        )
    rows, columns = (n // CELL_PX * CELL_PX for n in mask.shape)
    blocks = mask[:rows, :columns].reshape(rows // CELL_PX, CELL_PX, columns // CELL_PX, CELL_PX)
    return Pair(name, pixels, mask, np.argwhere(blocks.any((1, 3))))


def split_pairs(count: int, held_out: int, seed: int) -> tuple[list[int], list[int]]:
    """Indices for training and for validation, by a seeded draw."""
    order = np.random.default_rng(seed).permutation(count)
    return sorted(order[held_out:].tolist()), sorted(order[:held_out].tolist())
