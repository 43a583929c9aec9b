"""Selection: what is known of scenes, and the rules by which some of them are wanted.

:mod:`sgddiff_batch.core.choosing` follows them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.times import TimeSpan

NewestBy = Literal["name", "datetime", "modified"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a source knows of a scene besides its file; None where it does not.

    ``modified_s`` is when the object was last written, as the store says; the rest comes from a catalogue's
    item: its id, the time of the picture, the boxes around it (one for each part that lies apart), cloud
    cover in percent, and when the item itself was last changed. All seconds are since 1970 in UTC.
    """

    modified_s: float | None = None
    item: str | None = None
    time: TimeSpan | None = None
    boxes: tuple[Box, ...] | None = None
    cloud_percent: float | None = None
    updated_s: float | None = None


def merge_facts(known: Iterable[Facts]) -> Facts:
    """Return what sources know of one scene as one, fact by fact; of two, that of the item changed last.

    The order of the sources does not matter.
    """
    newest_first = sorted(known, key=_newness, reverse=True)
    values = (
        next((value for facts in newest_first if (value := getattr(facts, name)) is not None), None)
        for name in Facts.__slots__
    )
    return Facts(*values)


def _newness(facts: Facts) -> tuple[float, str, str]:
    # Facts that rank the same are the same: repr tells all others apart.
    return -math.inf if facts.updated_s is None else facts.updated_s, facts.item or "", repr(facts)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scene that sources name: ``name`` is its path relative to the archive, before it became an id.

    ``sources`` are the numbers of the sources that name it.
    """

    scene: Scene
    name: str
    facts: Facts = field(default=Facts())
    sources: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True)
class Filters:
    """Which scenes are wanted; None and () want all.

    time: the picture's; box: the area that one of its boxes must touch; cloud_below_percent: as it says;
    size_bytes: least and most; names: patterns of which one must match the whole name; excluded: none may.
    """

    time: TimeSpan | None = None
    box: Box | None = None
    cloud_below_percent: float | None = None
    size_bytes: tuple[int | None, int | None] = (None, None)
    names: tuple[re.Pattern[str], ...] = ()
    excluded: tuple[re.Pattern[str], ...] = ()

    @property
    def ask_catalogues(self) -> bool:
        """Whether they ask for what only a catalogue knows."""
        return (self.time, self.box, self.cloud_below_percent) != (None, None, None)

    def unwanted(self, facts: Facts) -> str | None:
        """Return why a scene of which these facts are known is not wanted, or None."""
        if self.time and facts.time and not self.time.overlaps(facts.time):
            return "its time is not asked for"
        if self.box and facts.boxes and not any(map(self.box.overlaps, facts.boxes)):
            return "it lies outside the area"
        limit, cloud = self.cloud_below_percent, facts.cloud_percent
        if limit is not None and cloud is not None and not cloud < limit:
            return "it is too cloudy"
        return None

    def unwanted_file(self, name: str, size_bytes: int) -> str | None:
        """Return why a file of this name and size is not wanted, or None."""
        least, most = self.size_bytes
        if (least is not None and size_bytes < least) or (most is not None and size_bytes > most):
            return "its size is not asked for"
        if self.names and not any(pattern.fullmatch(name) for pattern in self.names):
            return "its name is not asked for"
        if any(pattern.fullmatch(name) for pattern in self.excluded):
            return "its name is excluded"
        return None

    def unknown(self, facts: Facts) -> str | None:
        """Return what is asked for and not known of a scene, or None."""
        asked = {
            "time": self.time is not None and facts.time is None,
            "area": self.box is not None and facts.boxes is None,
            "cloud cover": self.cloud_below_percent is not None and facts.cloud_percent is None,
        }
        missing = [name for name, is_missing in asked.items() if is_missing]
        return (
            f"its {' and '.join(missing)} is not known, and archive.filters asks for it" if missing else None
        )


@dataclass(frozen=True, slots=True)
class Duplicates:
    """How versions of one scene are told: ``key`` is searched in its name, and equal groups are one scene.

    ``newest_by``: name (the groups called ``version`` in order, else the whole name; numbers count as
    numbers), datetime (of the picture) or modified (when the object was written); ties go to the name, and
    what is not known is the oldest.

    Raises:
        ValueError: if ``key`` has no group but ``version``: then all scenes would be one.
    """

    key: re.Pattern[str]
    newest_by: NewestBy = "name"

    def __post_init__(self) -> None:
        if self.key.groups == len(self.key.groupindex) == 1 and "version" in self.key.groupindex:
            raise ValueError(f"a group besides version must say which scene it is, got {self.key.pattern!r}")

    def key_of(self, name: str) -> tuple[str, ...] | None:
        """Return what is equal for all versions of a scene; None where the name says nothing of it.

        All groups count but ``version`` and nameless ones around it; without groups, the match.
        """
        if not (match := self.key.search(name)):
            return None
        if not self.key.groups:
            return (match.group(),) if match.group() else None
        version = self.key.groupindex.get("version", 0)
        groups = (group for group in range(1, self.key.groups + 1) if group != version)
        key = tuple(self._held(match, group, version) for group in groups)
        return key if any(key) else None

    def _held(self, match: re.Match[str], group: int, version: int) -> str:
        (start, stop), (first, last) = match.span(group), match.span(version)
        is_around = start <= first < last <= stop and group not in self.key.groupindex.values()
        return "" if version and is_around else match[group] or ""

    def rank(self, candidate: Candidate) -> tuple[object, ...]:
        """Return what is greatest for the newest version of a scene."""
        name, facts = candidate.name, candidate.facts
        by_name = (_natural(self._version(name)), _natural(name), name, candidate.scene.scene_id)
        if self.newest_by == "name":
            return by_name
        seconds = facts.modified_s if self.newest_by == "modified" else (facts.time and facts.time.stop_s)
        return (seconds is not None, seconds or 0.0, *by_name)

    def _version(self, name: str) -> str:
        match = self.key.search(name) if "version" in self.key.groupindex else None
        return (match["version"] or "") if match else ""


def _natural(text: str) -> tuple[tuple[int, str], ...]:
    """Return a key by which N9 comes before N10."""
    parts = re.split(r"([0-9]+)", text)
    return tuple((int(part), "") if at % 2 else (0, part) for at, part in enumerate(parts))
