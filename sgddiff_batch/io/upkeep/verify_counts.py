"""Verification of ``n_obs``: whether the counts of an area mosaic fit its saliency and each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.composites import halve_counts
from sgddiff_batch.core.pyramid import doubled
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics import (
    COUNTS_NAME,
    Counts,
    DamagedObjectError,
    Level,
    StoredMosaic,
    counts_level,
)

OnProblem = Callable[[str, str], None]


def check_counts(stored: StoredMosaic, on_problem: OnProblem) -> set[str]:
    """Look at all counts of a mosaic, those of a scene have none; return the keys that belong to them.

    on_problem: is called with the key and what is wrong with it: a shard that cannot be decoded, counts
    that are 0 where the saliency has data or the other way round, a level that is not made of the one below.

    Raises:
        ConfigError, RetryableError: as the store does.
    """
    levels = [counts_level(level) for level in stored.levels]
    if f"0/{COUNTS_NAME}" not in stored.nodes:
        return set()
    keys: set[str] = set()
    for level in levels:
        for window in level.grid.window.split(level.shards.shard_px):
            key = stored.shard_key(level, window)
            keys.add(key)
            try:
                wrong = _what_is_wrong(stored, levels, level, window)
            except DamagedObjectError:
                continue  # of the saliency: that is told already
            if wrong is not None:
                on_problem(key, wrong)
    return keys


def _what_is_wrong(stored: StoredMosaic, levels: list[Level], level: Level, window: Window) -> str | None:
    n_obs = _read(stored, level, window)
    if n_obs is None:
        return "cannot be decoded"
    codes = stored.read(stored.levels[level.number], window)
    if not np.array_equal(n_obs == 0, codes == NO_DATA):
        return "is not 0 just where the saliency has no data"
    if level.number == 0:
        return None
    below = levels[level.number - 1]
    step = max(1, below.shards.shard_px // 2)
    for part in window.split(step):
        finer = _read(stored, below, doubled(part, below.grid))
        if finer is not None and not np.array_equal(
            halve_counts(finer), n_obs[part.relative_to(window).slices]
        ):
            return f"is not made of level {below.number}"
    return None


def _read(stored: StoredMosaic, level: Level, window: Window) -> Counts | None:
    """Return the counts of a window of whole shards, 0 without an object; None if one cannot be decoded."""
    try:
        return stored.read(level, window)
    except DamagedObjectError:
        return None
