"""Planning of area mosaics: which scenes make which, and which have to be made anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, astuple, dataclass, replace
from typing import Literal, Protocol

from sgddiff_batch.core.cells import Cell, CellGrid
from sgddiff_batch.core.composites import MOST_SCENES, Rule
from sgddiff_batch.core.fingerprint import digest
from sgddiff_batch.core.periods import Period, PeriodKind, period_of
from sgddiff_batch.core.store_names import store_path
from sgddiff_batch.core.times import TimeSpan

Resampling = Literal["nearest", "bilinear", "average"]

COMPOSITES_VERSION = 3
"""Raised whenever the code changes a pixel of an area mosaic for the same scenes and settings."""
CHUNK_PX = 512
"""Side of the inner chunks, and of the tiles that are warped at once: fixed, so blocks may be of any size."""


@dataclass(frozen=True, slots=True)
class AreaSettings:
    """Everything, besides the scenes, that decides the pixels of an area's mosaics."""

    cells: CellGrid
    period: PeriodKind
    rule: Rule
    resampling: Resampling = "bilinear"
    chunk_px: int = CHUNK_PX

    def facts(self) -> dict[str, object]:
        """Return the settings as JSON."""
        return {**asdict(self), "composites_version": COMPOSITES_VERSION}

    @property
    def run_key(self) -> str:
        """The 12-digit key of the settings."""
        return digest(self.facts())[:12]


@dataclass(frozen=True, slots=True)
class AreaScene:
    """A scene's current mosaic, as the archive catalogue has it.

    ``path`` is that of its store, below the output, ``created`` when it was completed (ISO 8601), ``span``
    when the scene was taken.
    """

    scene_id: str
    path: str
    created: str
    span: TimeSpan
    model_digest: str | None = None

    @property
    def facts(self) -> list[object]:
        """What a composite depends on, as JSON."""
        return [self.scene_id, self.path, self.created, *astuple(self.span)]


@dataclass(frozen=True, slots=True)
class AreaPlan:
    """One area mosaic: of a cell, in a period, of scenes sorted by id. ``version`` is the digest of them.

    ``replacement`` names the store where the usual one is damaged.
    """

    cell: Cell
    period: Period
    scenes: tuple[AreaScene, ...]
    version: str
    run_key: str
    replacement: str | None = None

    @property
    def area_id(self) -> str:
        """Its name in ledger and catalogue: ``<period>/<cell>``."""
        return f"{self.period.name}/{self.cell.name}"

    @property
    def path(self) -> str:
        """The path of its store: other scenes or settings make another one."""
        return self.replacement or store_path(self.area_id, self.version, self.run_key)


class Recorded(Protocol):
    """What the ledger knows of an area mosaic: :class:`sgddiff_batch.protocols.SceneRecord` is one."""

    @property
    def version(self) -> str:
        """The digest of the scenes it was made of."""

    @property
    def run_key(self) -> str:
        """The key of the settings it was made with."""

    @property
    def reason(self) -> str | None:
        """Why it could not be made; None if it was."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What there is to do: ``touched`` are made anew; ``gone`` have no scene left, and leave the catalogue.

    ``returned`` were gone, and have scenes again; ``quarantined`` could not be made of just these scenes.
    ``refusal`` says why what has no scene left stays in the catalogue, None where it does not.
    """

    touched: tuple[AreaPlan, ...] = ()
    unchanged: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    refusal: str | None = None


def plan_areas(
    settings: AreaSettings, scenes: Iterable[tuple[AreaScene, Sequence[Cell]]]
) -> dict[str, AreaPlan]:
    """Return the area mosaics of scenes and the cells that each touches, by area id, sorted.

    A scene belongs to the period in which it was begun to be taken, also where it ends in the next.

    Raises:
        ValueError: if more scenes meet than a composite can count.
    """
    members: dict[tuple[str, Cell], list[AreaScene]] = {}
    periods: dict[str, Period] = {}
    for scene, cells in scenes:
        period = period_of(scene.span.start_s, settings.period)
        periods[period.name] = period
        for cell in cells:
            members.setdefault((period.name, cell), []).append(scene)
    run_key = settings.run_key
    plans = (_plan(cell, periods[name], found, run_key) for (name, cell), found in members.items())
    return dict(sorted((plan.area_id, plan) for plan in plans))


def _plan(cell: Cell, period: Period, scenes: list[AreaScene], run_key: str) -> AreaPlan:
    if len(scenes) > MOST_SCENES:
        raise ValueError(
            f"{len(scenes)} scenes meet in {period.name}/{cell.name}, more than {MOST_SCENES}: "
            "take smaller cells or shorter periods"
        )
    ordered = tuple(sorted(scenes, key=lambda scene: scene.scene_id))
    version = digest([scene.facts for scene in ordered])[:16]
    return AreaPlan(cell, period, ordered, version, run_key)


def find_changes(
    plans: Mapping[str, AreaPlan],
    records: Mapping[str, Recorded],
    withdrawn: Set[str],
    *,
    retry_quarantined: bool = False,
    redo: Set[str] = frozenset(),
) -> Changes:
    """Compare the area mosaics that there should be with those that the ledger has, by area id.

    withdrawn: ids of those that had no scene left. retry_quarantined: also those that could not be made are
    made anew; else only when their scenes or settings change. redo: ids that somebody asked to make anew.
    """
    touched, unchanged, quarantined = [], [], []
    for area_id, plan in plans.items():
        record = records.get(area_id)
        same = record is not None and (record.version, record.run_key) == (plan.version, plan.run_key)
        asked = area_id in redo or (retry_quarantined and record is not None and record.reason is not None)
        if record is None or not same or asked:
            touched.append(plan)
        elif record.reason is not None:
            quarantined.append(area_id)
        else:
            unchanged.append(area_id)
    return Changes(
        tuple(touched),
        tuple(unchanged),
        tuple(sorted(records.keys() - plans.keys() - withdrawn)),
        tuple(sorted(plans.keys() & withdrawn)),
        tuple(quarantined),
    )


def keep_unless_sure(
    changes: Changes,
    records: Mapping[str, Recorded],
    withdrawn: Set[str],
    kept: Set[str],
    *,
    allow: bool = False,
) -> Changes:
    """Return the changes with only those gone of which that is sure.

    What made a scene unusable may be a mistake in the config, which hits all scenes at once. So nothing of
    which a recorded scene is refused now is gone; and of all that is not withdrawn at most half may go at
    once, as scenes of a listing do (:func:`sgddiff_batch.core.withdrawals.find_withdrawals`).

    withdrawn: as for :func:`find_changes`. kept: ids with a scene that is refused. allow: an operator has
    said that the scenes are gone; then the share does not count.
    """
    known = len(records.keys() - withdrawn)
    if 2 * len(changes.gone) > known and not allow:
        refusal = (
            f"{len(changes.gone)} of the {known} area mosaics have no scene left, more than half; they "
            "stay in the catalogue. If that is right, run again with --allow-withdrawals"
        )
        return replace(changes, gone=(), refusal=refusal)
    return replace(changes, gone=tuple(area_id for area_id in changes.gone if area_id not in kept))
