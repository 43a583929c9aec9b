"""SpanTable: when many scenes were taken, as columns."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.periods import span_in_name
from sgddiff_batch.core.texts import Rows, Texts
from sgddiff_batch.core.times import TimeSpan


@dataclass(frozen=True, slots=True, eq=False)
class SpanTable(Mapping[str, TimeSpan]):
    """The times of scenes by id. ``ids`` are sorted, each once; of one whose time is NaN nothing is known.

    ``start_s`` and ``stop_s`` (n): both ends, which are in it; seconds since 1970 in UTC.
    """

    ids: Texts
    start_s: NDArray[np.float64]
    stop_s: NDArray[np.float64]

    @classmethod
    def of(cls, spans: Mapping[str, TimeSpan]) -> SpanTable:
        """Return times as a table; a table as it is."""
        if isinstance(spans, cls):
            return spans
        known = sorted(spans)
        start_s = np.array([spans[scene_id].start_s for scene_id in known], np.float64)
        stop_s = np.array([spans[scene_id].stop_s for scene_id in known], np.float64)
        return cls(Texts.of(known), start_s, stop_s)

    @classmethod
    def named(cls, ids: Texts, pattern: re.Pattern[str], known: Mapping[str, TimeSpan]) -> SpanTable:
        """Return the times that are ``known`` of some of these scenes, and of others those of their ids.

        ids: sorted, each once. pattern: its groups hold the digits of a time.
        """
        found = (span_in_name(scene_id, pattern) for scene_id in ids)
        ends = ((math.nan, math.nan) if span is None else (span.start_s, span.stop_s) for span in found)
        both: NDArray[np.float64] = np.fromiter(ends, np.dtype((np.float64, 2)), len(ids))
        for scene_id, span in known.items():
            row = bisect_left(ids, scene_id)
            if row < len(ids) and ids[row] == scene_id:
                both[row] = span.start_s, span.stop_s
        return cls(ids, both[:, 0], both[:, 1])

    def __len__(self) -> int:
        return len(self.ids) - int(np.count_nonzero(np.isnan(self.start_s)))

    def __iter__(self) -> Iterator[str]:
        return (text for text, start_s in zip(self.ids, self.start_s, strict=True) if not np.isnan(start_s))

    def __getitem__(self, scene_id: str) -> TimeSpan:
        row = self.ids.find(scene_id)
        if math.isnan(self.start_s[row]):
            raise KeyError(scene_id)
        return TimeSpan(float(self.start_s[row]), float(self.stop_s[row]))

    def distinct(self) -> tuple[list[TimeSpan], Rows]:
        """Return the different times, and for each id which of them it has; -1: none."""
        is_known = ~np.isnan(self.start_s)
        both = np.stack([self.start_s, self.stop_s], axis=1)[is_known]
        different, places = np.unique(both, axis=0, return_inverse=True)
        which = np.full(len(self.ids), -1, np.intp)
        which[is_known] = places.reshape(-1)
        return [TimeSpan(*ends) for ends in different.tolist()], which
