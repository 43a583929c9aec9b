"""Composing: one area mosaic from the mosaics of its scenes, block by block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import count_pixels
from sgddiff_batch.core.composite_planning import AreaPlan, AreaScene, AreaSettings
from sgddiff_batch.core.composites import Composite, ranks_of
from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.core.planning import Mosaic, Tiling
from sgddiff_batch.core.provenance import AreaOrigin, Member, Provenance
from sgddiff_batch.core.times import format_span
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import RetryableError, SceneError
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.areas.source import MOST_READ_PX, SceneSource, open_source
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.mosaics import AreaBlockWriter
from sgddiff_batch.io.objects import PartDrawer
from sgddiff_batch.io.reports import versions
from sgddiff_batch.io.storage import Store
from sgddiff_batch.lifecycle import Begun, MosaicLifecycle
from sgddiff_batch.protocols import BlockRecord, SceneRecord

See = Callable[[NDArray[np.uint8], Window, Window], None]

_BLOCK_BYTES = 32
"""A pixel of a block at its peak: the composite's 7, results, masks, levels, and a shard that is coded."""
_SOURCE_BYTES = 3
"""A pixel of a scene that is read: the codes, zarr's copy, and the tile that is warped."""


def cell_bytes(block_px: int) -> int:
    """Return the memory that composing one cell takes at most, whatever its size and number of scenes."""
    return _BLOCK_BYTES * block_px**2 + _SOURCE_BYTES * MOST_READ_PX


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes area mosaics. Safe in several threads, for different ones.

    ``archive`` is the output that holds the mosaics of scenes, ``area`` the one of the area, fenced by its
    lease. ``objects`` None: none are drawn.
    """

    archive: Store
    area: Store
    name: str
    settings: AreaSettings
    block_px: int
    run_id: str
    objects: ObjectSettings | None = None

    def compose(self, plan: AreaPlan, see: See | None = None) -> SceneRecord:
        """Make an area mosaic, or go on with it, and record it as done; return the record.

        see: is called with each block that is composed: its codes, its window, and that of all of the mosaic.

        No complete one is composed over, for readers may see it: where the ledger lost its record, another
        store takes its place. One that was committed of just these scenes before is current again. One
        without a pixel that any scene saw is recorded without a store. What a killed call has stored is not
        made again.

        Raises:
            SceneError: if the mosaic of a scene is damaged; nothing of this one is kept.
            ChangedSceneError: if a scene's mosaic is gone or was made anew.
            FatalError: if the lease was lost.
            ConfigError, RetryableError: as the stores do.
        """
        lifecycle, mosaic = self._lifecycle(plan), self._mosaic(plan)
        begun = lifecycle.begin(mosaic)
        if isinstance(begun, SceneRecord):
            return begun
        try:
            blocks = self._stored(plan, begun, see)
        except SceneError:
            lifecycle.remove(begun.mosaic, begun.claim)
            raise
        try:
            record = lifecycle.commit(begun.mosaic, begun.claim, blocks).record
        except SceneError as error:
            # What this run stored itself is damaged: no scene is to blame.
            raise RetryableError(str(error)) from error
        lifecycle.ledger.forget_blocks(begun.mosaic.path)
        return record

    def quarantine(self, plan: AreaPlan, earlier: SceneRecord | None, reason: str) -> SceneRecord:
        """Record why an area mosaic could not be made; the one of earlier scenes stays the current one."""
        return self._lifecycle(plan).quarantine(
            plan.area_id, plan.version, reason, earlier, left_at=plan.path
        )

    def _lifecycle(self, plan: AreaPlan) -> MosaicLifecycle[Mosaic]:
        return MosaicLifecycle(
            AreaBlockWriter(self.area),
            ObjectLedger(self.area),
            plan.run_key,
            lambda _: self.provenance(plan),
            keeps_empty=False,
            shown=catalogue.shown_json,
            parts=None if self.objects is None else PartDrawer(self.area, self.objects),
        )

    def _mosaic(self, plan: AreaPlan) -> Mosaic:
        tiling = Tiling(self.settings.chunk_px, 0, self.block_px, self.settings.chunk_px)
        grid = self.settings.cells.grid(plan.cell)
        return Mosaic(plan.path, plan.area_id, plan.version, grid, tiling)

    def _stored(self, plan: AreaPlan, begun: Begun[Mosaic], see: See | None) -> list[BlockRecord]:
        """Compose and store the blocks of a mosaic that are not there; return those of all its blocks."""
        ledger, writer, mosaic = ObjectLedger(self.area), AreaBlockWriter(self.area), begun.mosaic
        writer.describe(mosaic, begun.claim)
        blocks = dict(begun.blocks)
        sources = [open_source(self.archive, scene, self.settings) for scene in plan.scenes]
        ranks = ranks_of([(scene.scene_id, scene.span) for scene in plan.scenes])
        for block in mosaic.blocks():
            if block in blocks:
                continue
            codes, n_obs = self._composed(mosaic, block, sources, ranks)
            writer.write_counts(mosaic, block, n_obs)
            writer.write_block(mosaic, block, codes)
            blocks[block] = _block_record(block, codes)
            ledger.mark_blocks(mosaic, block, [blocks[block]])
            if see is not None:
                see(codes, block, mosaic.grid.window)
        return [blocks[block] for block in mosaic.blocks()]

    def _composed(
        self, mosaic: Mosaic, block: Window, sources: Sequence[SceneSource], ranks: Mapping[str, int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        composite = Composite(block.height_px, block.width_px, self.settings.rule)
        for source in sources:
            used = False
            for part, codes in source.parts(mosaic.grid, block):
                composite.add(codes, ranks[source.scene.scene_id], part.relative_to(block))
                used = True
            if used:
                source.check()
        return composite.result()

    def provenance(self, plan: AreaPlan) -> dict[str, object]:
        """Return what an area mosaic says about where it comes from."""
        models = {scene.model_digest for scene in plan.scenes}
        model = {"digest": models.pop()} if len(models) == 1 else None
        tiles = {"tile_px": self.settings.chunk_px, "overlap_px": 0}
        return Provenance(
            plan.area_id,
            plan.version,
            {**tiles, "area": self.settings.facts(), "model": model},
            notes=(_rule_in_words(self.settings),),
            area=self._origin(plan),
            run_key=plan.run_key,
            run_id=self.run_id,
            software=versions(),
            created=_now(),
        ).to_json()

    def _origin(self, plan: AreaPlan) -> AreaOrigin:
        time = format_span(plan.period.span)
        return AreaOrigin(self.name, plan.cell.name, plan.period.name, time, tuple(map(_member, plan.scenes)))


def _member(scene: AreaScene) -> Member:
    return Member(scene.scene_id, scene.path, scene.created, format_span(scene.span), scene.model_digest)


def _block_record(block: Window, codes: NDArray[np.uint8]) -> BlockRecord:
    return BlockRecord(block, array_digest(codes), *count_pixels(codes))


def _rule_in_words(settings: AreaSettings) -> str:
    words = {
        "latest": "of the scenes that saw a pixel, the one taken last; of one time, the greater id",
        "first": "of the scenes that saw a pixel, the one taken first; of one time, the smaller id",
        "max": "the greatest saliency of the scenes that saw a pixel",
        "mean": "the mean saliency of the scenes that saw a pixel, rounded half up",
    }
    return f"{settings.rule}: {words[settings.rule]}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
