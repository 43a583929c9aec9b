"""Views: a place of a mosaic and of its scene that can be drawn: all of it, or its most salient part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.previews import PART_PX, WHOLE_PX, brightest
from sgddiff_batch.core.provenance import Provenance
from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.window import Window
from sgddiff_batch.core.words import on_one_line, redact_uri
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io import mosaics
from sgddiff_batch.io.mosaics import DamagedObjectError, Level, StoredMosaic
from sgddiff_batch.io.scenes import GeoTiffReader
from sgddiff_batch.io.storage import Store, open_store

OF_SEVERAL = "it is made of several scenes"
"""Why the scene of an area's mosaic is lacking."""

_SEARCH_PX = 2048
"""The salient part is looked for in the finest level whose sides are at most so long."""

Codes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class View:
    """A window of a mosaic: its codes (h, w) uint8, 255 no data, and the scene (3, h, w) uint8 there.

    ``pixels`` is None where the scene cannot be shown; ``lacking`` says why. ``is_whole``: it is all of it.
    """

    codes: Codes
    pixels: NDArray[np.uint8] | None
    window: Window
    is_whole: bool
    lacking: str = ""


def view_of(output: Store, path: str, access: BucketAccess) -> View:
    """Return what there is to show of a mosaic below an output, and of its scene.

    Only native pixels are read: overviews of a scene are files that nobody has looked into yet.

    Raises:
        FileNotFoundError: if there is no mosaic.
        DamagedObjectError: if it cannot be read.
        ConfigError, RetryableError: as the store does.
    """
    stored = mosaics.open_stored(open_store(output.uri_of(path)))
    height, width = stored.levels[0].shape
    is_whole = max(height, width) <= WHOLE_PX
    window = Window(0, height, 0, width) if is_whole else _salient_part(stored)
    codes = _codes(stored, stored.levels[0], window)
    pixels, lacking = _scene(stored, window, access)
    return View(codes, pixels, window, is_whole, lacking)


def _scene(
    stored: StoredMosaic, window: Window, access: BucketAccess
) -> tuple[NDArray[np.uint8] | None, str]:
    provenance = stored.provenance
    if not provenance.source_uri:
        return None, OF_SEVERAL
    try:
        reader, scene = _reader(provenance, access), provenance.scene
        profile = reader.profile(scene)
        if (profile.grid.height_px, profile.grid.width_px) != stored.levels[0].shape:
            return None, "the scene has changed since"
        return reader.read(scene, profile, window)[0], ""
    except (SgddiffBatchError, OSError, ValueError) as error:
        return None, f"the scene cannot be read: {on_one_line(redact_uri(str(error)))}"[:200]


def _reader(provenance: Provenance, access: BucketAccess) -> GeoTiffReader:
    """Return what reads a scene as the network saw it."""
    stretch = provenance.stretch
    if stretch is None:
        return GeoTiffReader(provenance.bands, "none", access=access)
    return GeoTiffReader(provenance.bands, (stretch.low, stretch.high), access=access)


def _codes(stored: StoredMosaic, level: Level, window: Window) -> Codes:
    """Return the codes of any window of a level, shard by shard."""
    codes = np.full((window.height_px, window.width_px), NO_DATA, dtype=np.uint8)
    for part in window.split(level.shards.shard_px):
        shard = _shard_at(level, part)
        values = stored.read_shard(level, shard)
        if values is not None:
            codes[part.relative_to(window).slices] = values[part.relative_to(shard).slices]
    return codes


def _shard_at(level: Level, part: Window) -> Window:
    """Return the whole shard that a part of one lies in."""
    side, (height, width) = level.shards.shard_px, level.shape
    row, col = part.row_start // side * side, part.col_start // side * side
    return Window(row, min(row + side, height), col, min(col + side, width))


def _salient_part(stored: StoredMosaic) -> Window:
    """Return the window of a large mosaic with the most saliency in it; where there is none, the middle."""
    levels = stored.levels
    level = next((one for one in levels if max(one.shape) <= _SEARCH_PX), levels[-1])
    height, width = level.shape
    if max(height, width) > 2 * _SEARCH_PX:
        raise DamagedObjectError("it has no level that is small enough to look for its salient part")
    codes = _codes(stored, level, Window(0, height, 0, width))
    side = max(1, PART_PX // 2**level.number)
    row, col = brightest(np.where(codes == NO_DATA, 0, codes), side)
    return _around(stored.levels[0].shape, (row * 2**level.number, col * 2**level.number))


def _around(shape: tuple[int, int], start: tuple[int, int]) -> Window:
    """Return the window of ``PART_PX`` that begins there, moved into the mosaic, no larger than that."""
    (row, height), (col, width) = (
        (max(0, min(begin, length - PART_PX)), min(PART_PX, length))
        for begin, length in zip(start, shape, strict=True)
    )
    return Window(row, row + height, col, col + width)
