"""Training pairs: pictures and masks matched by stem, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
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


def find_pairs(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Pictures and masks of the same stem, sorted. Raises DataError when a file has no partner or two."""
    pictures, masks = (_by_stem(folder) for folder in (images, labels))
    mistakes = [
        f"{p}: two files of one stem" for found in (pictures, masks) for ps in found.values() for p in ps[1:]
    ]
    mistakes += [
        f"{pictures[s][0]}: no mask of that stem in {labels}" for s in sorted(set(pictures) - set(masks))
    ]
    mistakes += [
        f"{masks[s][0]}: no picture of that stem in {images}" for s in sorted(set(masks) - set(pictures))
    ]
    if not pictures:
        mistakes.append(f"{images}: no pictures ({', '.join(SUFFIXES)})")
    _refuse(mistakes)
    return [(pictures[stem][0], masks[stem][0]) for stem in sorted(pictures)]


def load_pairs(files: Sequence[tuple[Path, Path]]) -> list[Pair]:
    """Read all pairs into memory. Raises DataError that lists every unreadable or mismatched file."""
    pairs, mistakes = [], []
    for picture, mask in files:
        try:
            pairs.append(_load_pair(picture, mask))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            mistakes.append(f"{picture}, {mask}: {error}")
    _refuse(mistakes)
    return pairs


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


def _load_pair(picture: Path, mask: Path) -> Pair:
    with Image.open(picture) as opened:
        pixels = np.asarray(opened.convert("RGB")).transpose(2, 0, 1).copy()
    with Image.open(mask) as opened:
        salient = np.asarray(opened.convert("L")) > 127
    return make_pair(picture.stem, pixels, salient)


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise DataError([f"{folder}: no such folder"])
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            found.setdefault(path.stem, []).append(path)
    return found


def _refuse(mistakes: Sequence[str]) -> None:
    if mistakes:
        raise DataError(mistakes)
