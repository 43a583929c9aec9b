"""FactTable: what is known of many scenes, as columns where it is no more than a time."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.numbers import Numbers
from sgddiff_batch.core.selection import Facts
from sgddiff_batch.core.texts import Texts


@dataclass(frozen=True, slots=True, eq=False)
class FactTable(Mapping[str, Facts]):
    """The facts of scenes by id. ``ids`` are sorted, each once.

    ``modified_s`` (n) are seconds since 1970, NaN where nobody knows; ``more`` has the whole facts of those
    scenes of which a catalogue told something.
    """

    ids: Texts
    modified_s: NDArray[np.float64]
    more: Mapping[str, Facts] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __getitem__(self, scene_id: str) -> Facts:
        if scene_id in self.more:
            return self.more[scene_id]
        return facts_of(float(self.modified_s[self.ids.find(scene_id)]))

    def written_s(self) -> Numbers:
        """Return by id when a scene's file was written.

        Else when its item was changed, or the picture was taken.
        """
        values = self.modified_s
        if self.more:
            values = values.copy()
            rows = (bisect_left(self.ids, scene_id) for scene_id in self.more)
            for row, facts in zip(rows, self.more.values(), strict=True):
                seconds = written_s(facts)
                values[row] = math.nan if seconds is None else seconds
        return Numbers(self.ids, values)


def facts_of(modified_s: float) -> Facts:
    """Return the facts of a scene of which only a time is known, NaN if not even that."""
    return Facts(modified_s=None if math.isnan(modified_s) else modified_s)


def written_s(facts: Facts) -> float | None:
    """Return when a scene's file was written; else when its item was changed, or the picture was taken."""
    if facts.modified_s is not None:
        return facts.modified_s
    if facts.updated_s is not None:
        return facts.updated_s
    return facts.time.stop_s if facts.time else None
