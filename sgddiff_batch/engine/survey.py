"""Survey: compare the archive with the ledger: what is new or changed, and what stays as it is."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from sgddiff_batch.core.comparing import compare, divide, is_among
from sgddiff_batch.core.record_columns import RecordColumns
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.scene_table import SceneTable
from sgddiff_batch.core.store_names import store_path
from sgddiff_batch.core.texts import Rows, TextSet
from sgddiff_batch.protocols import SceneRecord

NOT_ASKED_FOR = "not asked for"
OVER_THE_LIMIT = "over the limit"
"""Why a scene is left for another run."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of what there is to do a run does.

    ``only``: the ids of the scenes that it may work on, None for all. ``again``: ids of scenes that it works
    on although nothing of them changed. ``limit``: the most scenes that it opens: those in ``again`` first,
    then those that have waited longest, by ``waiting_since_s`` (what is not known is the longest), then by
    id. ``finished`` are the ids of what the same run finished already, in a process that died since.
    """

    only: Set[str] | None = None
    again: Set[str] = frozenset()
    limit: int | None = None
    waiting_since_s: Mapping[str, float] = field(default_factory=dict)
    finished: Set[str] = frozenset()


EVERYTHING = Extent()
"""All that is new or changed."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownScenes(Sequence[tuple[Scene, SceneRecord]]):
    """Scenes that a run leaves as they are, with their records; ``columns`` are the records', row by row."""

    scenes: SceneTable
    columns: RecordColumns
    records: Mapping[str, SceneRecord]

    def __len__(self) -> int:
        return len(self.scenes)

    @overload
    def __getitem__(self, row: int) -> tuple[Scene, SceneRecord]: ...
    @overload
    def __getitem__(self, row: slice) -> KnownScenes: ...
    def __getitem__(self, row: int | slice) -> tuple[Scene, SceneRecord] | KnownScenes:
        if isinstance(row, slice):
            rows = np.arange(len(self))[row]
            return KnownScenes(self.scenes.take(rows), self.columns.take(rows), self.records)
        scene = self.scenes[row]
        return scene, self.records[scene.scene_id]


def _no_scenes() -> SceneTable:
    return SceneTable.of(())


def _none_known() -> KnownScenes:
    return KnownScenes(_no_scenes(), RecordColumns.of({}), {})


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run will do, and what it leaves as it is.

    ``todo`` are the scenes to work on, in their order; ``missing`` those that the archive names and does not
    have, with the reasons: for quarantine. ``finished`` are those that the run itself is done with, in an
    earlier process. ``postponed`` are the ids of scenes that are left for another run,
    with the reason. ``paths``: where the mosaic of a scene goes whose own store is damaged. ``marked`` are
    the ids of scenes of which blocks are marked in the ledger, ``suspects`` those of which a process died.
    """

    run_key: str
    todo: SceneTable = field(default_factory=_no_scenes)
    missing: Sequence[tuple[Scene, str]] = ()
    unchanged: KnownScenes = field(default_factory=_none_known)
    still_quarantined: KnownScenes = field(default_factory=_none_known)
    finished: KnownScenes = field(default_factory=_none_known)
    postponed: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    marked: Set[str] = frozenset()
    suspects: Set[str] = frozenset()

    def path_of(self, scene: Scene) -> str:
        """Return the path of the store that a scene's mosaic is to be made in."""
        return self.paths.get(scene.scene_id) or store_path(scene.scene_id, scene.version, self.run_key)


def _order(scenes: SceneTable) -> Rows:
    """Return the rows in the order of work: the largest first, and those of one size as if drawn by lot.

    Else the last worker may be alone with a large scene at the end of a run; and scenes that are neighbours
    by name would have all workers write below one prefix of a bucket, which takes so many requests a second.
    """
    lots = np.fromiter(map(zlib.crc32, scenes.ids.encoded()), np.uint32, len(scenes))
    rows: Rows = np.lexsort((lots, -scenes.sizes_bytes))
    return rows


def survey(
    scenes: Iterable[Scene],
    records: Mapping[str, SceneRecord],
    run_key: str,
    missing: Mapping[Scene, str] | None = None,
    extent: Extent = EVERYTHING,
) -> RunPlan:
    """Plan every scene whose version or run key is not the ledger's, in the order of size, the largest first.

    ``missing`` are scenes that the archive names and does not have, with the reasons.
    """
    listed, columns, absent = SceneTable.of(scenes), RecordColumns.of(records), missing or {}
    gone = SceneTable.of(absent)
    found, lost = (compare(table, columns, run_key, extent.again) for table in (listed, gone))

    def known(table: SceneTable) -> KnownScenes:
        return KnownScenes(table, columns.take(TextSet(columns.ids).rows(table.ids)), records)

    new = listed.take(found.is_new)
    division = divide(new.ids, extent.only, extent.again, extent.limit, extent.waiting_since_s)
    todo = new.take(division.done)
    left = ((NOT_ASKED_FOR, division.not_asked_for), (OVER_THE_LIMIT, division.over_the_limit))
    asked = (
        scene for scene in gone.take(lost.is_new) if extent.only is None or scene.scene_id in extent.only
    )
    own, own_gone = is_among(listed.ids, extent.finished), is_among(gone.ids, extent.finished)
    quarantined = (*listed.take(found.is_quarantined & ~own), *gone.take(lost.is_quarantined & ~own_gone))
    is_known = found.is_unchanged | found.is_quarantined
    finished = (*listed.take(is_known & own), *gone.take(lost.is_quarantined & own_gone))
    return RunPlan(
        run_key,
        todo.take(_order(todo)),
        [(scene, absent[scene]) for scene in asked],
        known(listed.take(found.is_unchanged & ~own)),
        known(SceneTable.of(quarantined)),
        known(SceneTable.of(finished)),
        {scene_id: reason for reason, rows in left for scene_id in new.ids.take(rows)},
    )
