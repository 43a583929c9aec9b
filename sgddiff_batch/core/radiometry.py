"""Radiometry: which bands are shown to the network, and how their samples become uint8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np
from numpy.typing import NDArray

LOW_PERCENTILE, HIGH_PERCENTILE = 2.0, 98.0
_ENOUGH_VALUES = 32
_HUGE = 1e300
"""Samples past it count as this much: differences of larger ones overflow."""
_STRIP = 2**16
"""Samples that are stretched at a time, so that working in float64 takes no memory to speak of."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Linear map of samples to uint8: ``low`` and below become 0, ``high`` and above 255.

    One stretch serves all bands and all tasks of a scene: colours keep their balance, and a pixel does not
    depend on the window that it is read in.

    Raises:
        ValueError: unless low < high and both ends and their distance are finite.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (isfinite(float(self.high) - float(self.low)) and self.low < self.high):
            raise ValueError(f"a stretch needs finite low < high, got {self.low} and {self.high}")

    def apply(self, samples: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Return uint8 of samples of any real type and shape, rounded half up; NaN becomes 0.

        Raises:
            TypeError: if the samples are complex.
        """
        codes = np.empty(samples.shape, dtype=np.uint8)
        with np.nditer(
            [samples, codes],
            ["external_loop", "buffered", "zerosize_ok"],
            [["readonly"], ["writeonly"]],
            op_dtypes=[np.float64, np.uint8],
            casting="same_kind",
            buffersize=_STRIP,
        ) as strips:
            for strip, out in strips:
                out[...] = self._scaled(strip)
        return codes

    def _scaled(self, strip: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 0.5 .. 255.5, to be cut off to 0 .. 255; float32 would lose the steps of large integers."""
        scaled: NDArray[np.float64] = np.fmin(np.fmax(strip, self.low), self.high)  # NaN becomes low
        scaled -= self.low
        scaled /= self.high - self.low
        scaled *= 255.0
        scaled += 0.5
        return scaled


def measure_stretch(samples: NDArray[np.generic]) -> Stretch:
    """Return the stretch from the 2nd to the 98th percentile of the finite valid samples, any shape.

    A value that alone makes up 2 % and more (a fill that nobody declared, the black of a night, a sea of one
    value) is left out where the stretches with it and without it have less than half in common and 32 other
    values are there; twice at most. The stretch then reaches a quarter of its width further towards it, if it
    is not nearer, so that what is shown stays told apart from it. Where both ends are the same it is the
    whole range of the samples; a scene of one value, or of none, gets one of width 1 from there (from 0).
    """
    finite = samples[np.isfinite(samples)].astype(np.float64)
    if finite.size == 0:
        return Stretch(0.0, 1.0)
    np.clip(finite, -_HUGE, _HUGE, out=finite)
    finite.sort()
    low, high = _robust_ends(finite)
    if high <= low:
        low, high = float(finite[0]), float(finite[-1])
    if high <= low:
        high = low + max(1.0, float(np.spacing(abs(low))))  # 1.0 is lost beside the largest numbers
    return Stretch(low, high)


def _robust_ends(ordered: NDArray[np.float64]) -> tuple[float, float]:
    """Return low and high of sorted samples, those of values that squeeze or tear the rest left out."""
    (low, high), left_out = _ends(ordered), []
    for _ in range(2):
        found = next(_better(ordered, low, high), None)
        if found is None:
            break
        value, ordered = found
        left_out.append(value)
        low, high = _ends(ordered)
    margin = (high - low) / 4
    lower = [max(value, low - margin) for value in left_out if value < low]
    upper = [min(value, high + margin) for value in left_out if value > high]
    return min([low, *lower]), max([high, *upper])


def _better(
    ordered: NDArray[np.float64], low: float, high: float
) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Yield each value to be left out, and the sorted samples without it. low, high: the ends with it."""
    for start, stop in _heaps(ordered):
        rest = np.concatenate([ordered[:start], ordered[stop:]])
        first, last = _ends(rest)
        common = min(high, last) - max(low, first)
        if common < (max(high, last) - min(low, first)) / 2:
            yield float(ordered[start]), rest


def _heaps(ordered: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return where those of the commonest value and both ends lie that make up 2 %, the commonest first."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    if starts.size <= _ENOUGH_VALUES:
        return []
    counts = np.diff(np.append(starts, ordered.size))
    last = ordered.size - 1
    ends = (int(last * LOW_PERCENTILE / 100), ceil(last * HIGH_PERCENTILE / 100))
    runs = {int(counts.argmax()), *(int(np.searchsorted(starts, end, "right")) - 1 for end in ends)}
    enough = ordered.size * LOW_PERCENTILE / 100
    heaps = [(int(counts[run]), int(starts[run])) for run in runs if counts[run] >= enough]
    return [(start, start + count) for count, start in sorted(heaps, reverse=True)]


def _ends(ordered: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(ordered, (LOW_PERCENTILE, HIGH_PERCENTILE))
    return float(low), float(high)


def choose_bands(interpretation: Sequence[str]) -> tuple[int, int, int]:
    """Return the 1-based bands to read as red, green and blue.

    interpretation: the colour name of each band ("red", "gray", "alpha", "undefined", ...). Red, green and
    blue by name where all are named, else the first three that are not alpha; fewer than three: the first,
    repeated.

    Raises:
        ValueError: if there is no band but alpha, or the bands are inks.
    """
    names = [name.lower() for name in interpretation]
    if {"cyan", "magenta", "yellow"} <= set(names):
        raise ValueError(
            "its bands are inks (CMYK), not light; convert it to RGB, or name bands in input.bands"
        )
    if all(colour in names for colour in ("red", "green", "blue")):
        return names.index("red") + 1, names.index("green") + 1, names.index("blue") + 1
    colours = [number for number, name in enumerate(names, start=1) if name != "alpha"]
    if not colours:
        raise ValueError("it has no band to look at, only alpha")
    if len(colours) < 3:
        return colours[0], colours[0], colours[0]
    return colours[0], colours[1], colours[2]
