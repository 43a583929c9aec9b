"""Hypothesis strategies of core's values, kept small: every edge case of the lattice fits into 60 pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from sgddiff_batch.core.blending import TileFunction, blend
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.core.tiling import Lattice, LatticeAxis
from sgddiff_batch.core.window import Window
from tests.kit.fakes import ScenePixels, make_scene

LENGTHS = st.integers(1, 60)
SEEDS = st.integers(0, 2**16)


@st.composite
def tile_and_overlap(draw: st.DrawFn, largest_px: int = 16) -> tuple[int, int]:
    tile_px = draw(st.integers(1, largest_px))
    return tile_px, draw(st.integers(0, tile_px // 2))


@st.composite
def axes(draw: st.DrawFn) -> LatticeAxis:
    return LatticeAxis(draw(LENGTHS), *draw(tile_and_overlap()))


@st.composite
def real_axes(draw: st.DrawFn) -> LatticeAxis:
    """Draw sizes that a config can have."""
    tile_px = 32 * draw(st.integers(2, 128))
    overlap_px = 8 * draw(st.integers(0, tile_px // 16))
    return LatticeAxis(draw(st.integers(1, 3 * tile_px)), tile_px, overlap_px)


@st.composite
def intervals(draw: st.DrawFn, length_px: int) -> tuple[int, int]:
    start = draw(st.integers(0, length_px - 1))
    return start, draw(st.integers(start + 1, length_px))


@st.composite
def windows(draw: st.DrawFn, height_px: int = 60, width_px: int = 60) -> Window:
    return Window(*draw(intervals(height_px)), *draw(intervals(width_px)))


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    """Draw sizes of a few pixels: their chunks are whole blocks, so a block has one level of its own."""
    tile_px, overlap_px = draw(tile_and_overlap())
    return Tiling(tile_px, overlap_px, (tile_px - overlap_px) * draw(st.integers(1, 4)))


LARGE_TILINGS = st.sampled_from([Tiling(), Tiling(256, 32, 1792), Tiling(576, 64, 1536), Tiling(64, 0, 2048)])
"""Blocks of several chunks, with up to four levels of their own."""


@st.composite
def scenes(draw: st.DrawFn, longest_px: int = 40) -> ScenePixels:
    """Draw noise with anything from no to all no data, and with a collar."""
    height_px, width_px = draw(st.integers(1, longest_px)), draw(st.integers(1, longest_px))
    return make_scene(
        height_px,
        width_px,
        draw(SEEDS),
        collar_px=draw(st.sampled_from([0, 0, 0, 1, 9])),
        no_data_share=draw(st.sampled_from([0.0, 0.3, 0.98, 1.0])),
    )


@st.composite
def partitions(draw: st.DrawFn, height_px: int, width_px: int) -> list[Window]:
    """Draw windows that cover a frame exactly: rows of windows, each row cut at places of its own."""
    return [
        Window(*rows, *cols)
        for rows in draw(_cuts(height_px))
        for cols in draw(_cuts(width_px))
    ]  # fmt: skip


@st.composite
def _cuts(draw: st.DrawFn, length_px: int) -> list[tuple[int, int]]:
    inner = draw(st.sets(st.integers(1, length_px - 1), max_size=3)) if length_px > 1 else set()
    edges = [0, *sorted(inner), length_px]
    return list(pairwise(edges))


def blend_window(
    function: TileFunction, scene: ScenePixels, lattice: Lattice, target: Window
) -> NDArray[np.uint8]:
    """Return the codes of a window as a task makes them: from the pixels of its halo alone."""
    pixels, valid = scene
    halo = lattice.halo(target)
    return blend(function, pixels[:, *halo.slices], valid[halo.slices], lattice.task_tiles(target))


def lattice_of(scene: ScenePixels, tile_px: int, overlap_px: int) -> Lattice:
    return Lattice(*scene[1].shape, tile_px, overlap_px)
