"""Building: what a report says: the ending and the totals of a run, its scenes, and what it was made with."""

from __future__ import annotations

import platform
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from sgddiff_batch.core.seams import SeamSteps
from sgddiff_batch.core.shares import SHARE_CLASSES, share_class

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DAMAGED = "damaged record"
"""The state of a row that tells of a damaged record of the ledger; its scene may have a row of its own."""

UNKNOWN_RULE = "unknown"
"""The rule of a mask in the totals whose mosaic was made before rules were recorded."""

_PACKAGES = (
    "sgddiff-batch",
    "torch",
    "mamba-ssm",
    "ray",
    "rasterio",
    "zarr",
    "fsspec",
    "s3fs",
    "obstore",
    "numpy",
)

_NAMED = 100
"""So many files are named for each reason of which there can be one a scene."""


def new_run_id(now: datetime | None = None) -> str:
    """Return a run id that sorts by time and that no other run has: 20261123T010203Z-4f2a."""
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The scenes that a run left as they were, what their mosaics hold, and how many masks each rule made."""

    scenes: int = 0
    valid_px: int = 0
    salient_px: int = 0
    masks: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Made:
    """What a run made, those of earlier runs apart: how many ``scenes``, and their pixels.

    ``classes``: how many of them are in each of :data:`sgddiff_batch.core.shares.SHARE_CLASSES`. ``seam``:
    the steps of all of them, see :class:`sgddiff_batch.core.seams.SeamSteps`.
    """

    scenes: int = 0
    mosaic_px: int = 0
    valid_px: int = 0
    salient_px: int = 0
    classes: list[int] = field(default_factory=lambda: [0] * len(SHARE_CLASSES))
    seam: SeamSteps = field(default_factory=SeamSteps)

    def count(self, row: Mapping[str, Any]) -> None:
        """Count a row, if it is that of a mosaic that was made; of areas it does not tell the size."""
        if row["state"] != "done":
            return
        self.scenes += 1
        self.mosaic_px += row.get("height_px", 0) * row.get("width_px", 0)
        self.valid_px += row["valid_px"]
        self.salient_px += row["salient_px"]
        if row.get("seam"):
            self.seam = self.seam.plus(SeamSteps(**row["seam"]))
        number = share_class(row["salient_px"], row["valid_px"])
        if number is not None:
            self.classes[number] += 1


@dataclass(frozen=True, slots=True)
class Rows:
    """Dataclasses as rows, each made when it is come to: a million rows are never held at once."""

    results: Collection[DataclassInstance]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(asdict, self.results)


def build_report(
    run_id: str,
    *,
    started_at: str,
    seconds: float,
    ending: str,
    config: Mapping[str, Any],
    run: Mapping[str, Any],
    scenes: Sequence[Mapping[str, Any]] | Rows,
    ignored: Iterable[Mapping[str, Any]],
    unchanged: Unchanged = Unchanged(),
    items_left_out: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the report: ending and totals first, then the scenes, then what the run was made with.

    ``scenes`` are rows with at least ``scene_id``, ``state``, ``valid_px``, ``salient_px``, ``tiles``,
    ``seconds`` and, of scenes, ``mask_rule`` and ``tiles_px``; those of ``unchanged`` are in the totals
    alone. ``items_left_out``: how many items of catalogues no scene can be had of, by reason.
    """
    return {
        "run_id": run_id,
        "started_at": started_at,
        "seconds": round(seconds, 3),
        "ending": ending,
        "totals": _totals(scenes, unchanged)
        | ({} if items_left_out is None else {"catalogue_items_left_out": dict(items_left_out)}),
        "scenes": scenes,
        "ignored": list(ignored),
        "run": dict(run),
        "config": dict(config),
        "versions": versions(),
    }


def _totals(scenes: Iterable[Mapping[str, Any]], unchanged: Unchanged) -> dict[str, Any]:
    ids: set[str] = set()
    states: Counter[str] = Counter({"unchanged": unchanged.scenes} if unchanged.scenes else {})
    stages: Counter[str] = Counter()
    masks: Counter[str] = Counter(unchanged.masks)
    numbers: Counter[str] = Counter(
        tiles=0, tiles_px=0, valid_px=unchanged.valid_px, salient_px=unchanged.salient_px
    )
    made = Made()
    for scene in scenes:
        made.count(scene)
        if scene["state"] != DAMAGED:
            ids.add(scene["scene_id"])
        states[scene["state"]] += 1
        stages.update(scene["seconds"])
        if scene["state"] == "done" and "mask_rule" in scene:
            masks[scene["mask_rule"] or UNKNOWN_RULE] += 1
        numbers.update({name: scene.get(name, 0) for name in numbers})
    return {
        "scenes": unchanged.scenes + len(ids),
        "states": dict(sorted(states.items())),
        **numbers,
        "masks": dict(sorted(masks.items())),
        "seconds_by_stage": {stage: round(value, 3) for stage, value in sorted(stages.items())},
        "made": asdict(made),
    }


def first_of_each_reason(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return at most a hundred rows of each ``reason``: an archive may have a file beside every scene."""
    seen: Counter[str] = Counter()
    kept = []
    for row in rows:
        seen[row["reason"]] += 1
        if seen[row["reason"]] <= _NAMED:
            kept.append(row)
    return kept


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter to a mosaic, those installed."""
    return dict(_versions())


@cache
def _versions() -> Mapping[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
