"""Tasks to predict, cut as the main job cuts them, and what the NumPy reference makes of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.predictor import TaskPredictor
from sgddiff_batch.core.blending import TileFunction, blend
from sgddiff_batch.core.tiling import Lattice, TaskTiles
from sgddiff_batch.core.window import Window

TILE_PX, OVERLAP_PX = 64, 16

Example = tuple[NDArray[np.uint8], NDArray[np.bool_], TaskTiles]


def scene_task(height: int, width: int, seed: int = 0, tile_px: int = TILE_PX) -> Example:
    """A whole scene of noise, a corner of which has no data."""
    rng = np.random.default_rng(seed)
    valid = np.ones((height, width), dtype=bool)
    valid[: height // 3, : width // 4] = False
    pixels = rng.integers(0, 256, (3, height, width), dtype=np.uint8) * valid
    lattice = Lattice(height, width, tile_px, tile_px // 4)
    return pixels, valid, lattice.task_tiles(Window(0, height, 0, width))


def scene_parts(
    height: int, width: int, block: int, seed: int = 0, tile_px: int = TILE_PX
) -> list[tuple[Window, Example]]:
    """The same scene as tasks of one block each, with their halos."""
    pixels, valid, _ = scene_task(height, width, seed)
    lattice = Lattice(height, width, tile_px, tile_px // 4)
    return [
        (window, (pixels[:, *halo.slices], valid[halo.slices], lattice.task_tiles(window)))
        for window in Window(0, height, 0, width).split(block)
        for halo in [lattice.halo(window)]
    ]


def random_scenes(count: int, most_px: int, seed: int = 0, tile_px: int = TILE_PX) -> list[Example]:
    """Scenes of all sizes from 1 px on."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, most_px, (count, 2)).tolist()
    return [scene_task(height, width, seed + k, tile_px) for k, (height, width) in enumerate(sizes)]


def one_by_one(predictor: TaskPredictor) -> TileFunction:
    """A tile function of `blend` that asks the bare network for each tile alone."""
    return lambda tile, origin: predictor.predict_tiles(tile[None], np.array([origin]))[0]


def reference(function: TileFunction, example: Example) -> NDArray[np.uint8]:
    """What must come out."""
    return blend(function, *example)
