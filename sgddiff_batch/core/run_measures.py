"""Run measures: what is compared from run to run, by the heads of reports, and when somebody should look."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sgddiff_batch.core.seams import SeamSteps
from sgddiff_batch.core.shares import SHARE_CLASSES, distance


@dataclass(frozen=True, slots=True)
class AlarmLimits:
    """From where on a run is told to be unlike those before it. A limit of 0 is never passed.

    ``drift``: distance of the distributions of salient parts, 0..1. ``no_data``: by so much the share of
    pixels without data may rise. ``quarantined``: share of the scenes that were tried. ``slower``: seconds
    a Mpx of tiles, as a multiple. ``seam``: the step across borders of tiles over that inside. ``runs``: so
    many runs before it are compared with; ``least_scenes``: of fewer scenes no shares of scenes are compared.
    """

    drift: float = 0.3
    no_data: float = 0.2
    quarantined: float = 0.05
    slower: float = 2.0
    seam: float = 2.0
    runs: int = 30
    least_scenes: int = 20

    @classmethod
    def of(cls, tree: object) -> AlarmLimits:
        """Return those of a config as a report has it; what it lacks, or is no number, is the default."""
        given = object_of(tree)
        known = {each.name: _number(given.get(each.name)) for each in fields(cls)}
        found: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
        return cls(**{name: int(v) if name in ("runs", "least_scenes") else v for name, v in found.items()})


@dataclass(frozen=True, slots=True)
class RunMeasures:
    """What the head of a report tells of a run; None where it does not, as in those of former versions.

    ``classes`` count the scenes made by their salient part, see :data:`SHARE_CLASSES`. ``no_data`` and
    ``salient`` are shares of the pixels that it made, ``quarantined`` of the scenes that it tried;
    ``seconds_per_mpx`` are by the clock, all predictors together, and of tiles, which are of many sizes;
    ``seam`` is the score of all mosaics made, ``block_seam`` that of borders of blocks and tasks.
    """

    run_id: str
    ending: str | None
    started_at: str
    seconds: float
    states: Mapping[str, int]
    tiles: int
    made: int | None = None
    classes: tuple[int, ...] = ()
    no_data: float | None = None
    salient: float | None = None
    quarantined: float | None = None
    seconds_per_mpx: float | None = None
    seam: float | None = None
    has_page: bool = False
    block_seam: float | None = None
    tiles_px: int = 0


@dataclass(frozen=True, slots=True)
class Alarm:
    """A line on what is unlike before: what was found, and what to look at."""

    found: str
    look: str


def measures_of(head: Mapping[str, Any]) -> RunMeasures:
    """Return what can be compared of the head of a report, this version's or a former one's."""
    totals = object_of(head.get("totals"))
    made, states = object_of(totals.get("made")), _counts(totals.get("states"))
    mosaic, valid = _number(made.get("mosaic_px")), _number(made.get("valid_px"))
    salient = _number(made.get("salient_px"))
    tiles, tiles_px = (int(_number(totals.get(name)) or 0) for name in ("tiles", "tiles_px"))
    seconds = _number(head.get("seconds")) or 0.0
    tried = states.get("done", 0) + states.get("quarantined", 0)
    count, ending = _number(made.get("scenes")), head.get("ending")
    return RunMeasures(
        str(head.get("run_id", "?")),
        ending if isinstance(ending, str) else None,
        str(head.get("started_at", "?")),
        seconds,
        states,
        tiles,
        None if count is None else int(count),
        _classes(made.get("classes")),
        1 - valid / mosaic if mosaic and valid is not None else None,
        salient / valid if valid and salient is not None else None,
        states.get("quarantined", 0) / tried if tried else None,
        seconds / tiles_px * 1e6 if tiles_px else None,
        None if (seam := _seam(made.get("seam"))) is None else seam.score,
        head.get("has_page") is True,
        None if seam is None else seam.block_score,
        tiles_px,
    )


def pooled(runs: Sequence[RunMeasures]) -> tuple[int, ...]:
    """Return the classes of several runs together; empty where none of them tells."""
    told = [run.classes for run in runs if run.classes]
    return tuple(map(sum, zip(*told, strict=True)))


def typical(values: Sequence[float | None]) -> float | None:
    """Return the median of what is known."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def alarms(now: RunMeasures, before: Sequence[RunMeasures], limits: AlarmLimits) -> list[Alarm]:
    """Return what somebody should look at, most telling first; nothing of it changes how a run ends."""
    found = [
        _seamed(now, limits),
        _drifted(now, before, limits),
        _emptier(now, before, limits),
        _refused(now, limits),
        _slower(now, before, limits),
    ]
    return [alarm for alarm in found if alarm is not None]


def _seamed(now: RunMeasures, limits: AlarmLimits) -> Alarm | None:
    scores = {"tiles": now.seam or 0.0, "blocks": now.block_seam or 0.0}
    worst = max(scores, key=lambda name: scores[name])
    if not limits.seam or scores[worst] <= limits.seam:
        return None
    return Alarm(
        f"steps across the borders of {worst} are {scores[worst]:.2g} times those inside "
        f"(limit {limits.seam:g})",
        "look for a grid in the mosaics: another model, or tiling.overlap_px, or a scene's own mosaic lines",
    )


def _drifted(now: RunMeasures, before: Sequence[RunMeasures], limits: AlarmLimits) -> Alarm | None:
    earlier = pooled(before)
    apart = distance(now.classes, earlier)
    few = min(sum(now.classes), sum(earlier)) < limits.least_scenes
    if apart is None or few or not limits.drift or apart <= limits.drift:
        return None
    way = "more" if _centre(now.classes) > _centre(earlier) else "less"
    return Alarm(
        f"scenes are {way} salient than those of the runs before: {apart:.0%} of them would have to be in "
        f"another class to be alike (limit {limits.drift:.0%})",
        "look at the pictures marked drifted: other sensors, bands or seasons, or a model that was changed",
    )


def _centre(classes: Sequence[int]) -> float:
    return sum(number * count for number, count in enumerate(classes)) / sum(classes)


def _emptier(now: RunMeasures, before: Sequence[RunMeasures], limits: AlarmLimits) -> Alarm | None:
    usual = typical([run.no_data for run in before])
    if usual is None or now.no_data is None or not limits.no_data or now.no_data - usual <= limits.no_data:
        return None
    return Alarm(
        f"{now.no_data:.0%} of the pixels are no data, usually {usual:.0%} (limit {limits.no_data:.0%} more)",
        "look at the masks of the newest scenes: no-data values, alpha bands, collars of a new provider",
    )


def _refused(now: RunMeasures, limits: AlarmLimits) -> Alarm | None:
    part = now.quarantined
    few = now.states.get("done", 0) + now.states.get("quarantined", 0) < limits.least_scenes
    if part is None or few or not limits.quarantined or part <= limits.quarantined:
        return None
    return Alarm(
        f"{part:.1%} of the scenes that were tried went into quarantine (limit {limits.quarantined:.0%})",
        "look at the reasons: one that many share is a matter of the archive, not of a scene",
    )


def _slower(now: RunMeasures, before: Sequence[RunMeasures], limits: AlarmLimits) -> Alarm | None:
    usual, pace = typical([run.seconds_per_mpx for run in before]), now.seconds_per_mpx
    if not usual or pace is None or not limits.slower or pace <= limits.slower * usual:
        return None
    return Alarm(
        f"a megapixel of tiles took {pace:.2g} s, usually {usual:.2g} s (limit {limits.slower:g} times)",
        "look at where the time went: few pixels in a run pay for its start; reads tell of the storage",
    )


def _seam(tree: object) -> SeamSteps | None:
    """Return the steps that a report tells; former versions tell none of blocks."""
    given = object_of(tree)
    sums = {each.name: _number(given.get(each.name, each.default)) for each in fields(SeamSteps)}
    known = {name: int(value) for name, value in sums.items() if value is not None}
    return SeamSteps(**known) if given and len(known) == len(sums) else None


def object_of(tree: object) -> Mapping[str, Any]:
    """Return a part of a report that is to be a JSON object; an empty one where it is none."""
    return tree if isinstance(tree, Mapping) else {}


def number_of(tree: Mapping[str, Any], name: str) -> float | None:
    """Return a number of a part of a report, None where it is none, or not finite."""
    return _number(tree.get(name))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _counts(tree: object) -> dict[str, int]:
    return {str(name): int(n) for name, n in object_of(tree).items() if _number(n) is not None}


def _classes(counts: object) -> tuple[int, ...]:
    """Return counts by class; none where they are not those of this version's classes."""
    if not isinstance(counts, list) or len(counts) != len(SHARE_CLASSES):
        return ()
    return tuple(int(n) for n in counts) if all(_number(n) is not None for n in counts) else ()
