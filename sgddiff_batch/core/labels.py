"""Labels: one of few names, or none, for each of many texts, as two columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.texts import Mask, Texts


@dataclass(frozen=True, slots=True, eq=False)
class Labels(Mapping[str, str | None]):
    """A name by text. ``texts`` are sorted, each once; ``codes`` (n) are places in ``names``, -1 for None."""

    texts: Texts
    codes: NDArray[np.int32]
    names: tuple[str, ...]

    @classmethod
    def of(cls, labels: Mapping[str, str | None]) -> Self:
        """Return a mapping as columns; columns as they are."""
        if isinstance(labels, cls):
            return labels
        texts = sorted(labels)
        names = tuple(sorted({name for name in labels.values() if name is not None}))
        places: dict[str | None, int] = {name: place for place, name in enumerate(names)}
        codes = [places.get(labels[text], -1) for text in texts]
        return cls(Texts.of(texts), np.array(codes, np.int32), names)

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __getitem__(self, text: str) -> str | None:
        return self.name_at(self.texts.find(text))

    def name_at(self, row: int) -> str | None:
        """Return the name of a row."""
        return None if self.codes[row] < 0 else self.names[self.codes[row]]

    def where(self, is_meant: Callable[[str | None], bool]) -> Mask:
        """Return for each row whether its name is one that is meant."""
        meant = np.array([*map(is_meant, self.names), is_meant(None)], np.bool_)
        mask: Mask = meant[self.codes]  # -1 is the last
        return mask
