"""The writer of area mosaics: what a mosaic of a scene has, and beside it, on each level, ``n_obs``.

``n_obs`` is uint16 (y, x): how many scenes saw the pixel; 0 where the saliency has no data, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.composites import halve_counts
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.core.pyramid import doubled
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics import conventions, metadata
from sgddiff_batch.io.mosaics.metadata import Level
from sgddiff_batch.io.mosaics.shards import ShardSpec
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.protocols import BlockRecord, Claim

COUNTS_NAME = "n_obs"

_PACKING = ("scale_factor", "add_offset", "_FillValue", "long_name")

Counts = NDArray[np.uint16]


@dataclass(frozen=True)
class AreaBlockWriter(ZarrBlockWriter):
    """Writes area mosaics as :class:`ZarrBlockWriter` writes those of scenes, and their counts."""

    def write_counts(self, mosaic: Mosaic, block: Window, n_obs: Counts) -> None:
        """Store the counts (h, w) of a block on all levels that belong to it alone; nothing is read."""
        for level in self._count_levels(mosaic)[: mosaic.block_levels]:
            if level.number:
                n_obs = halve_counts(n_obs)
            row, col = block.row_start >> level.number, block.col_start >> level.number
            part = Window(row, row + n_obs.shape[0], col, col + n_obs.shape[1])
            self._write_shard(mosaic.path, level, part, n_obs)

    def commit(self, mosaic: Mosaic, claim: Claim, blocks: Sequence[BlockRecord]) -> str:
        """As :meth:`ZarrBlockWriter.commit`, the coarse levels of the counts first."""
        levels = self._count_levels(mosaic)
        for number in range(mosaic.block_levels, mosaic.levels):
            self._build_counts(mosaic.path, levels[number - 1], levels[number])
        return super().commit(mosaic, claim, blocks)

    def _count_levels(self, mosaic: Mosaic) -> list[Level]:
        return [counts_level(level) for level in metadata.levels_of(mosaic, self.zstd_level)]

    def _metadata(
        self, mosaic: Mosaic, provenance: Mapping[str, object], claim: Mapping[str, str] | None = None
    ) -> tuple[Mapping[str, bytes], bytes]:
        counts = {
            level.array_path: level.shards.node(level.shape, _count_attributes(level.grid))
            for level in self._count_levels(mosaic)
        }
        levels = metadata.levels_of(mosaic, self.zstd_level)
        return metadata.metadata_objects(mosaic.grid, levels, provenance, counts, claim)

    def _build_counts(self, path: str, source: Level, target: Level) -> None:
        for window in target.grid.window.split(target.shards.shard_px):
            n_obs = np.zeros((window.height_px, window.width_px), dtype=np.uint16)
            # One shard of the level below at a time, as one side of it has half as many pixels here.
            for part in window.split(max(1, source.shards.shard_px // 2)):
                below = self._read_window(path, source, doubled(part, source.grid))
                n_obs[part.relative_to(window).slices] = halve_counts(below)
            self._write_shard(path, target, window, n_obs)


def counts_level(level: Level) -> Level:
    """Return how the counts of a level of a mosaic are cut up: as its saliency."""
    shards = level.shards
    return Level(
        level.number,
        level.grid,
        ShardSpec(shards.shard_px, shards.chunk_px, shards.zstd_level, dtype="uint16", fill=0),
        COUNTS_NAME,
    )


def _count_attributes(grid: Grid) -> dict[str, object]:
    # Without _FillValue: readers must not take 0 for a gap.
    shared = {k: v for k, v in conventions.saliency_attributes(grid).items() if k not in _PACKING}
    # The root names the way of the saliency's levels, average; theirs is another.
    words = "number of scenes that saw the pixel; on coarse levels the greatest of the 2 x 2 below"
    return {"long_name": words, "resampling_method": "max", **shared}
