"""Reading shards: what a window of whole shards holds, of any array of a mosaic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.window import Window
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.io.mosaics.metadata import Level

Read = Callable[[str], bytes]
"""Returns an object of a mosaic by its key; raises FileNotFoundError where there is none."""
Each = Callable[[Callable[[Window], None], Iterable[Window]], None]


class DamagedObjectError(ValueError):
    """An object of a mosaic is not what it must be; the message says what is wrong, not where.

    ``key``: which of a mosaic's objects, where the one who raises it knows.
    """

    key = ""


def one_by_one(call: Callable[[Window], None], windows: Iterable[Window]) -> None:
    """Call for every window."""
    for window in windows:
        call(window)


def read_shard(level: Level, window: Window, read: Read) -> NDArray[Any] | None:
    """Return what one whole shard holds (h, w), or None where it has no object.

    Raises:
        DamagedObjectError: if the object cannot be decoded.
    """
    key = level.key(window)
    try:
        data = read(key)
    except FileNotFoundError:
        return None
    try:
        return level.shards.decode(data, (window.height_px, window.width_px))
    except Exception as error:  # what decoders raise of arbitrary bytes is no closed list
        damage = DamagedObjectError(on_one_line(error) or type(error).__name__)
        damage.key = key
        raise damage from error


def read_window(level: Level, window: Window, read: Read, each: Each = one_by_one) -> NDArray[Any]:
    """Return what a window of whole shards holds (h, w), the fill value where there is no object.

    each: calls for every shard, and may do so at once.

    Raises:
        DamagedObjectError: if an object cannot be decoded.
    """
    values = np.full((window.height_px, window.width_px), level.shards.fill, dtype=level.shards.dtype)

    def fill(part: Window) -> None:
        shard = read_shard(level, part, read)
        if shard is not None:
            values[part.relative_to(window).slices] = shard

    each(fill, window.split(level.shards.shard_px))
    return values
