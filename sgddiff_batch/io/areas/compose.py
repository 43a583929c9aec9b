"""Composing: one area mosaic from the mosaics of its scenes, block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.composite_planning import AreaPlan, AreaScene, AreaSettings
from sgddiff_batch.core.composites import Composite, ranks_of
from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.planning import Mosaic, Tiling
from sgddiff_batch.core.provenance import AreaOrigin, Member, Provenance
from sgddiff_batch.core.store_names import replacement_of
from sgddiff_batch.core.times import format_span
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import RetryableError, SceneError
from sgddiff_batch.io.areas.source import MOST_READ_PX, SceneSource, open_source
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.mosaics import AreaBlockWriter
from sgddiff_batch.io.reports import versions
from sgddiff_batch.io.storage import Store
from sgddiff_batch.protocols import BlockRecord, MosaicContents, SceneRecord

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
    lease.
    """

    archive: Store
    area: Store
    name: str
    settings: AreaSettings
    block_px: int
    run_id: str

    def compose(self, plan: AreaPlan) -> SceneRecord:
        """Make an area mosaic, or go on with it, and record it as done; return the record.

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
        ledger, writer = ObjectLedger(self.area), AreaBlockWriter(self.area)
        plan = self._with_sound_path(plan)
        finished = ledger.finished_mosaic(plan.path)
        if finished is not None and writer.is_complete(plan.path):
            record = replace(finished, finished_at=_now())
            ledger.finish(record)
            return record
        if finished is not None:
            # First the marks: a kill in between must leave none without its store.
            ledger.forget_mosaic(plan.path)
            writer.discard(plan.path)
        mosaic = self._mosaic(plan)
        try:
            return self._made(plan, mosaic, ledger, writer)
        except SceneError:
            ledger.forget_blocks(plan.path)
            writer.discard(plan.path)
            raise

    def quarantine(self, plan: AreaPlan, earlier: SceneRecord | None, reason: str) -> SceneRecord:
        """Record why an area mosaic could not be made; the one of earlier scenes stays the current one."""
        plan = self._with_sound_path(plan)
        base = earlier or SceneRecord(plan.area_id, "", "", None)
        if base.store == plan.path:
            base = SceneRecord(plan.area_id, "", "", None)
        record = replace(base, version=plan.version, run_key=plan.run_key, reason=reason, finished_at=_now())
        ObjectLedger(self.area).finish(record)
        return record

    def _with_sound_path(self, plan: AreaPlan) -> AreaPlan:
        """Return a plan with a store where no complete mosaic is of which neither record nor marks tell."""
        ledger, writer = ObjectLedger(self.area), AreaBlockWriter(self.area)
        while ledger.finished_mosaic(plan.path) is None and writer.is_complete(plan.path):
            mosaic = self._mosaic(plan)
            marked = {block.window for block in ledger.finished_blocks(plan.path)}
            if marked.issuperset(mosaic.blocks()) and writer.is_ready(mosaic, self.provenance(plan)):
                break
            plan = replace(plan, replacement=replacement_of(plan.path))
        return plan

    def _mosaic(self, plan: AreaPlan) -> Mosaic:
        tiling = Tiling(self.settings.chunk_px, 0, self.block_px)
        grid = self.settings.cells.grid(plan.cell)
        return Mosaic(plan.path, plan.area_id, plan.version, grid, tiling)

    def _made(
        self, plan: AreaPlan, mosaic: Mosaic, ledger: ObjectLedger, writer: AreaBlockWriter
    ) -> SceneRecord:
        provenance = self.provenance(plan)
        was_there = writer.is_ready(mosaic, provenance)
        if not was_there:
            ledger.forget_blocks(mosaic.path)
        writer.create(mosaic, provenance)
        blocks = {record.window: record for record in ledger.finished_blocks(mosaic.path)}
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
        return _concluded(plan, mosaic, [blocks[block] for block in mosaic.blocks()], ledger, writer)

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


def _concluded(
    plan: AreaPlan,
    mosaic: Mosaic,
    blocks: Sequence[BlockRecord],
    ledger: ObjectLedger,
    writer: AreaBlockWriter,
) -> SceneRecord:
    valid_px = sum(block.valid_px for block in blocks)
    record = SceneRecord(
        plan.area_id,
        plan.version,
        plan.run_key,
        mosaic.path if valid_px else None,
        valid_px=valid_px,
        salient_px=sum(block.salient_px for block in blocks),
        height_px=mosaic.grid.height_px,
        width_px=mosaic.grid.width_px,
        finished_at=_now(),
    )
    if not valid_px:
        ledger.forget_blocks(mosaic.path)
        writer.discard(mosaic.path)
        ledger.finish(record)
        return record
    try:
        root_digest = writer.commit(mosaic)
    except SceneError as error:
        # What this run stored itself is damaged: no scene is to blame.
        ledger.forget_blocks(mosaic.path)
        writer.discard(mosaic.path)
        raise RetryableError(str(error)) from error
    ledger.finish(record, MosaicContents(root_digest, tuple(blocks)))
    return record


def _block_record(block: Window, codes: NDArray[np.uint8]) -> BlockRecord:
    valid_px = int(np.count_nonzero(codes != NO_DATA))
    salient_px = int(np.count_nonzero(codes >= (MAX_CODE + 1) // 2)) - (codes.size - valid_px)
    return BlockRecord(block, array_digest(codes), valid_px, salient_px)


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
