"""Composites: how the codes of several scenes become one, pixel by pixel.

latest, first   the code of the scene that was taken last, or first, of those that saw the pixel
max             the greatest code
mean            the mean code, rounded half up

A scene saw a pixel where its code is not 255. Of scenes of one time, that of the greater rank counts as the
later one; ranks are :func:`ranks_of`. Nothing depends on the order in which scenes are added: sums are of
integers, and latest and first remember whose code they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.core.window import Window

Rule = Literal["latest", "first", "max", "mean"]

MOST_SCENES = 65535
"""What ``n_obs`` can count, and far from what sums of codes can hold in 32 bits."""


def ranks_of(scenes: Sequence[tuple[str, TimeSpan]]) -> dict[str, int]:
    """Return the rank 0, 1, .. of scenes by (id, time): by begin, then by end, then by id, all ascending.

    Raises:
        ValueError: if an id is there twice.
    """
    ordered = sorted((span.start_s, span.stop_s, scene_id) for scene_id, span in scenes)
    ranks = {scene_id: rank for rank, (_, _, scene_id) in enumerate(ordered)}
    if len(ranks) != len(scenes):
        raise ValueError("a composite takes each scene once")
    return ranks


class Composite:
    """A composite of (h, w) pixels in the making. Takes 7 bytes a pixel, whatever the number of scenes."""

    def __init__(self, height_px: int, width_px: int, rule: Rule) -> None:
        shape = height_px, width_px
        self._rule = rule
        self._n_obs = np.zeros(shape, dtype=np.uint16)
        self._codes = np.full(shape, NO_DATA, dtype=np.uint8)
        # The sum of codes of mean, the rank of the held code of latest and first; max needs none.
        self._memory = np.zeros(shape if rule != "max" else (0, 0), dtype=np.uint32)

    def add(self, codes: NDArray[np.uint8], rank: int, part: Window) -> None:
        """Add what one scene shows of a part of the pixels.

        codes: (h, w) of ``part``, 0..254, 255 where the scene has no data. Parts of one scene must not
        overlap. rank: 0..65534, one for each scene.

        Raises:
            ValueError: if the rank or the shape is not possible.
        """
        if not 0 <= rank < MOST_SCENES:
            raise ValueError(f"a composite takes ranks 0 to {MOST_SCENES - 1}, got {rank}")
        if codes.shape != (part.height_px, part.width_px):
            raise ValueError(f"{part} needs codes of its shape, got {codes.shape}")
        seen = codes != NO_DATA
        before = self._n_obs[part.slices]
        held = self._codes[part.slices]
        if self._rule == "max":
            np.copyto(held, codes, where=seen & ((before == 0) | (codes > held)))
        elif self._rule == "mean":
            self._memory[part.slices] += np.where(seen, codes, 0).astype(np.uint32)
        else:
            holder = self._memory[part.slices]
            wins = rank >= holder if self._rule == "latest" else rank < holder
            taken = seen & (wins | (before == 0))
            np.copyto(held, codes, where=taken)
            holder[taken] = rank
        before += seen

    def result(self) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        """Return the codes (h, w), 255 where no scene saw the pixel, and how many scenes saw each."""
        if self._rule != "mean":
            return self._codes.copy(), self._n_obs.copy()
        count = self._n_obs.astype(np.uint32)
        mean = (2 * self._memory + count) // np.maximum(2 * count, 1)
        return np.where(count == 0, NO_DATA, mean).astype(np.uint8), self._n_obs.copy()


def halve_counts(n_obs: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return (ceil(h/2), ceil(w/2)): the most scenes that saw a pixel of each 2 x 2.

    So 0 is, on every level, where the saliency has no data, and nowhere else.
    """
    height, width = n_obs.shape
    padded = np.zeros((height + height % 2, width + width % 2), dtype=np.uint16)
    padded[:height, :width] = n_obs
    pairs = np.maximum(padded[::2], padded[1::2])
    most: NDArray[np.uint16] = np.maximum(pairs[:, ::2], pairs[:, 1::2])
    return most
