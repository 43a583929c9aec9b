"""What became of a scene: a row of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sgddiff_batch.core.planning import SceneMosaic
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.seams import SeamSteps
from sgddiff_batch.protocols import SceneRecord


@dataclass(frozen=True, slots=True)
class SceneResult:
    """What a run did with a scene: a row of the report.

    ``state``: done; unchanged (finished by an earlier run); quarantined (newly, by this run); still
    quarantined; failed (the next run tries again); pending (this run ended before the scene did).
    ``tiles`` are those that this run computed for it, of ``tiles_px`` pixels together, and ``seconds`` those
    of its tasks, by stage. ``store`` is the mosaic that is current now, if there is one, and ``mask_rule``
    what made its mask. ``seam``: the steps of its codes, across borders of tiles and of blocks, and inside,
    as far as this run computed it.
    """

    scene_id: str
    uri: str
    state: str
    reason: str | None = None
    store: str | None = None
    height_px: int = 0
    width_px: int = 0
    valid_px: int = 0
    salient_px: int = 0
    tiles: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    mask_rule: str = ""
    seam: SeamSteps | None = None
    tiles_px: int = 0


def result_of_record(scene: Scene, record: SceneRecord, state: str) -> SceneResult:
    """Return the row of a scene of which the ledger says all."""
    return SceneResult(
        scene.scene_id,
        scene.uri,
        state,
        record.reason,
        record.store,
        record.height_px,
        record.width_px,
        record.valid_px,
        record.salient_px,
        mask_rule=record.mask_rule,
    )


def result_of_mosaic(mosaic: SceneMosaic, state: str, reason: str | None = None) -> SceneResult:
    """Return the row of a scene that was opened, and of which nothing is recorded as done."""
    return SceneResult(
        mosaic.id,
        mosaic.scene.uri,
        state,
        reason,
        height_px=mosaic.grid.height_px,
        width_px=mosaic.grid.width_px,
        notes=mosaic.profile.notes,
    )


def result_unopened(scene: Scene, state: str, reason: str | None = None) -> SceneResult:
    """Return the row of a scene of which nothing but its name is known."""
    return SceneResult(scene.scene_id, scene.uri, state, reason)


def computed(row: SceneResult, tiles: int, tiles_px: int) -> SceneResult:
    """Return a row with the tiles that this run computed for it, and their pixels."""
    return replace(row, tiles=tiles, tiles_px=tiles_px)
