"""Where crops come from: one set of pairs, or several mixed by weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .data import Pair


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """Several sets of pairs; a draw picks a set by weight, then one of its pictures, all equally likely.

    Weights need not sum to 1. Raises ValueError that says which set or weight is wrong: none at all, another
    number of weights than of sets, a set without pictures, a weight that is not finite and positive.
    """

    sets: tuple[Sequence[Pair], ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.sets:
            raise ValueError("a mix needs at least one set of pictures, found none")
        if len(self.sets) != len(self.weights):
            raise ValueError(
                f"a mix needs a weight a set: {len(self.sets)} sets, {len(self.weights)} weights"
            )
        for place, (pairs, weight) in enumerate(zip(self.sets, self.weights, strict=True)):
            if len(pairs) == 0:
                raise ValueError(f"set {place} of {len(self.sets)} in the mix has no pictures")
            if not (math.isfinite(weight) and weight > 0):
                raise ValueError(f"weight {place} of the mix must be finite and positive, found {weight}")

    def draw(self, rng: np.random.Generator) -> Pair:
        """Draw one picture; uses two random numbers of `rng`."""
        shares = np.asarray(self.weights, dtype=np.float64) / max(self.weights)
        ends = np.cumsum(shares)
        chosen = int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
        return _draw_from(self.sets[min(chosen, len(self.sets) - 1)], rng)


Source: TypeAlias = Sequence[Pair] | Mix


def draw_pair(source: Source, rng: np.random.Generator) -> Pair:
    """Draw one picture of a set or a mix. Raises ValueError for a set without pictures."""
    if isinstance(source, Mix):
        return source.draw(rng)
    if len(source) == 0:
        raise ValueError("cannot draw a crop: the set has no pictures")
    return _draw_from(source, rng)


def _draw_from(pairs: Sequence[Pair], rng: np.random.Generator) -> Pair:
    return pairs[int(rng.integers(len(pairs)))]
