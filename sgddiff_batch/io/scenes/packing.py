"""Packing: how a scene's samples lie in its file, by what the file says and nothing beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from rasterio.io import DatasetReader

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.io.scenes.gdal import opened

_BITS, _WHITE = "NBITS", "MINISWHITE"


@dataclass(frozen=True, slots=True)
class Packing:
    """``bits`` of unsigned samples are used, None: all. ``white_is_zero`` is said of the first band."""

    bits: int | None = None
    white_is_zero: bool = False


def packing_of(source: DatasetReader, scene: Scene, access: BucketAccess, band: int) -> Packing:
    """Return how the samples of an open scene lie in its file; all its bands are alike but for WhiteIsZero.

    Raises:
        UnreadableSceneError, RetryableError: as :func:`opened`, where something beside it may have said so.
    """
    found = _said(source, band)
    if found == ("", "") or not any(file.lower().endswith(".aux.xml") for file in source.files):
        return _packing(source, band)
    # GDAL lays a .aux.xml over it, which may have been another file's.
    with opened(replace(scene, has_sidecars=False), "looking for its bits", access) as alone:
        return _packing(alone, band)


def _said(source: DatasetReader, band: int) -> tuple[str, str]:
    of_band, of_all = source.tags(band, ns="IMAGE_STRUCTURE"), source.tags(ns="IMAGE_STRUCTURE")
    return of_band.get(_BITS, ""), of_all.get(_WHITE, "")


def _packing(source: DatasetReader, band: int) -> Packing:
    bits, white = _said(source, band)
    kind = np.dtype(source.dtypes[band - 1])
    used = bits.isdigit() and kind.kind == "u" and 0 < int(bits) < 8 * kind.itemsize
    return Packing(int(bits) if used else None, white == "YES")
