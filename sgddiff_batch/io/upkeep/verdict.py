"""Verdicts: what a verification found of a stored mosaic."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an object: ``key`` counts from the mosaic; "" is the mosaic as a whole."""

    key: str
    words: str


@dataclass(slots=True)
class Verdict:
    """What was found of one mosaic. ``notes`` say what could not be looked at; they are no damage.

    ``pixels_version`` is that of its pixels; None where it is not known, and of area mosaics.
    """

    store: str
    scene_id: str
    blocks: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pixels_version: int | None = None

    def found(self, key: str, words: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(key, words))
