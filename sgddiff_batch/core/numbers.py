"""Numbers: one number for each of many texts, where it is known, as two columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.texts import Texts, TextSet


@dataclass(frozen=True, slots=True, eq=False)
class Numbers(Mapping[str, float]):
    """A number by text. ``texts`` are sorted, each once; a text whose amount is NaN has none."""

    texts: Texts
    amounts: NDArray[np.float64]

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> Self:
        """Return a mapping as columns; columns as they are."""
        if isinstance(numbers, cls):
            return numbers
        known = sorted(numbers)
        return cls(Texts.of(known), np.array([numbers[text] for text in known], np.float64))

    def __len__(self) -> int:
        return int(np.count_nonzero(~np.isnan(self.amounts)))

    def __iter__(self) -> Iterator[str]:
        return (text for text, value in zip(self.texts, self.amounts, strict=True) if not np.isnan(value))

    def __getitem__(self, text: str) -> float:
        amount = float(self.amounts[self.texts.find(text)])
        if math.isnan(amount):
            raise KeyError(text)
        return amount

    def at(self, wanted: Texts) -> NDArray[np.float64]:
        """Return the number of each text of another column, NaN where there is none."""
        if wanted is self.texts or not len(self.texts):
            return self.amounts if len(self.texts) else np.full(len(wanted), np.nan)
        rows = TextSet(self.texts).rows(wanted)
        return np.where(rows >= 0, self.amounts[rows], np.nan)
