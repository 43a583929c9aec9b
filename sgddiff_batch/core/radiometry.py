"""Radiometry: which bands are shown to the network, and how their samples become uint8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

LOW_PERCENTILE, HIGH_PERCENTILE = 2.0, 98.0
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

    A scene of one value, or of none, gets a stretch of width 1 that starts there (at 0).
    """
    finite = samples[np.isfinite(samples)].astype(np.float64)
    if finite.size == 0:
        return Stretch(0.0, 1.0)
    np.clip(finite, -_HUGE, _HUGE, out=finite)
    low, high = (float(v) for v in np.percentile(finite, (LOW_PERCENTILE, HIGH_PERCENTILE)))
    if high <= low:
        high = low + max(1.0, float(np.spacing(abs(low))))  # 1.0 is lost beside the largest numbers
    return Stretch(low, high)


def choose_bands(interpretation: Sequence[str]) -> tuple[int, int, int]:
    """Return the 1-based bands to read as red, green and blue.

    interpretation: the colour name of each band ("red", "gray", "alpha", "undefined", ...). Red, green and
    blue by name where all are named, else the first three that are not alpha; fewer than three: the first,
    repeated.

    Raises:
        ValueError: if there is no band but alpha.
    """
    names = [name.lower() for name in interpretation]
    if all(colour in names for colour in ("red", "green", "blue")):
        return names.index("red") + 1, names.index("green") + 1, names.index("blue") + 1
    colours = [number for number, name in enumerate(names, start=1) if name != "alpha"]
    if not colours:
        raise ValueError("it has no band to look at, only alpha")
    if len(colours) < 3:
        return colours[0], colours[0], colours[0]
    return colours[0], colours[1], colours[2]
