"""Survey: compare the archive with the ledger: what is new or changed, and what stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import inf

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.store_names import store_path
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
    id.
    """

    only: Set[str] | None = None
    again: Set[str] = frozenset()
    limit: int | None = None
    waiting_since_s: Mapping[str, float] = field(default_factory=dict)

    def divide(self, scenes: Sequence[Scene]) -> tuple[list[Scene], dict[str, str]]:
        """Return the scenes that are done, and the ids of those that are left, with the reason."""
        only = self.only
        wanted = [scene for scene in scenes if only is None or scene.scene_id in only]
        left = {s.scene_id: NOT_ASKED_FOR for s in scenes if only is not None and s.scene_id not in only}
        if self.limit is None or len(wanted) <= self.limit:
            return wanted, left
        ranked = sorted(wanted, key=self._rank)
        return ranked[: self.limit], left | {s.scene_id: OVER_THE_LIMIT for s in ranked[self.limit :]}

    def _rank(self, scene: Scene) -> tuple[bool, float, str]:
        since_s = self.waiting_since_s.get(scene.scene_id, -inf)
        return scene.scene_id not in self.again, since_s, scene.scene_id


EVERYTHING = Extent()
"""All that is new or changed."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run will do, and what it leaves as it is.

    ``todo`` are the scenes to work on, in their order; ``missing`` those that the archive names and does not
    have, with the reasons: for quarantine. ``postponed`` are the ids of scenes that are left for another run,
    with the reason. ``paths``: where the mosaic of a scene goes whose own store is damaged. ``marked`` are
    the ids of scenes of which blocks are marked in the ledger, ``suspects`` those of which a process died.
    """

    run_key: str
    todo: Sequence[Scene] = ()
    missing: Sequence[tuple[Scene, str]] = ()
    unchanged: Sequence[tuple[Scene, SceneRecord]] = ()
    still_quarantined: Sequence[tuple[Scene, SceneRecord]] = ()
    postponed: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    marked: Set[str] = frozenset()
    suspects: Set[str] = frozenset()

    def path_of(self, scene: Scene) -> str:
        """Return the path of the store that a scene's mosaic is to be made in."""
        return self.paths.get(scene.scene_id) or store_path(scene.scene_id, scene.version, self.run_key)


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
    absent = missing or {}
    unchanged: list[tuple[Scene, SceneRecord]] = []
    quarantined: list[tuple[Scene, SceneRecord]] = []
    new: list[Scene] = []
    for scene in (*scenes, *absent):
        record = records.get(scene.scene_id)
        is_new = record is None or (record.version, record.run_key) != (scene.version, run_key)
        if record is None or is_new or scene.scene_id in extent.again:
            new.append(scene)
        else:
            (quarantined if record.reason else unchanged).append((scene, record))
    refused = [
        (scene, absent[scene])
        for scene in new
        if scene in absent and (extent.only is None or scene.scene_id in extent.only)
    ]
    present, postponed = extent.divide([scene for scene in new if scene not in absent])
    # The longest work first: else the last worker may be alone with a large scene at the end of a run.
    present.sort(key=lambda scene: -scene.size_bytes)
    return RunPlan(run_key, present, refused, unchanged, quarantined, postponed)
