"""CandidateTable: many candidates of one source as columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.fact_table import FactTable, facts_of
from sgddiff_batch.core.scene_table import SceneTable
from sgddiff_batch.core.selection import Candidate, Facts
from sgddiff_batch.core.texts import Mask, Rows, Texts


@dataclass(frozen=True, slots=True, eq=False)
class CandidateTable(Sequence[Candidate]):
    """Scenes that the first source names, sorted by id, each once, with their names.

    ``modified_s`` (n) is all that is known of them: seconds since 1970, NaN where nobody knows.
    """

    scenes: SceneTable
    names: Texts
    modified_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, row: int) -> Candidate: ...
    @overload
    def __getitem__(self, row: slice) -> CandidateTable: ...
    def __getitem__(self, row: int | slice) -> Candidate | CandidateTable:
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        return Candidate(self.scenes[row], self.names[row], facts_of(float(self.modified_s[row])))

    def __iter__(self) -> Iterator[Candidate]:
        for scene, name, modified_s in zip(self.scenes, self.names, self.modified_s.tolist(), strict=True):
            yield Candidate(scene, name, facts_of(modified_s))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: Rows | Mask) -> CandidateTable:
        """Return some of the candidates: those of a mask, or of numbers in their order."""
        return CandidateTable(self.scenes.take(rows), self.names.take(rows), self.modified_s[rows])


def taken(candidates: Sequence[Candidate], rows: Mask) -> Sequence[Candidate]:
    """Return the candidates for which a mask is true."""
    if isinstance(candidates, CandidateTable):
        return candidates.take(rows)
    return tuple(one for one, is_taken in zip(candidates, rows, strict=True) if is_taken)


def as_columns(candidates: Sequence[Candidate]) -> tuple[SceneTable, FactTable]:
    """Return the scenes of candidates that are sorted by id, and what is known of them."""
    if isinstance(candidates, CandidateTable):
        return candidates.scenes, FactTable(candidates.scenes.ids, candidates.modified_s)
    scenes = SceneTable.of([one.scene for one in candidates])
    times = [math.nan if one.facts.modified_s is None else one.facts.modified_s for one in candidates]
    more = {
        one.scene.scene_id: one.facts
        for one in candidates
        if one.facts != Facts(modified_s=one.facts.modified_s)
    }
    return scenes, FactTable(scenes.ids, np.array(times, np.float64), more)
