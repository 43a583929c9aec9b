"""The mask of a scene: found out once, by one rule, and read with each window."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window as RasterioWindow

from sgddiff_batch.core.masks import Mask, NoData, can_occur, choose_mask, has_data
from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import SgddiffBatchError, UnreadableSceneError
from sgddiff_batch.io import storage
from sgddiff_batch.io.scenes.gdal import (
    opened,
    opened_beside,
    opened_without_overviews,
)
from sgddiff_batch.io.scenes.tiff_tags import may_have_tag

_NODATA_TAG, _BEGINNING_BYTES = 42113, 4096
_NOT_STORED = (MaskFlags.all_valid, MaskFlags.alpha, MaskFlags.nodata)
_BAND = re.compile(r'[^>]*\bband="(\d+)"')
_DECLARED = re.compile(r"<NoDataValue>([^<]*)</NoDataValue>")


def mask_of(
    source: DatasetReader,
    scene: Scene,
    beside: str,
    access: BucketAccess,
    bands: tuple[int, ...],
    bits: int | None,
    data: bytes | None = None,
) -> tuple[Mask, tuple[str, ...]]:
    """Return the mask of an open scene whose distinct shown bands are ``bands``, and notes on it.

    beside: what the mask beside it has behind the scene's name, as :func:`opened_with_mask` gives it.
    ``bits`` of unsigned samples are used, None: all. data: the bytes of its file, where they are there.

    Raises:
        UnreadableSceneError: if the mask beside it has another size, or no band for a shown one.
        UnreadableSceneError, RetryableError: as :func:`opened`, where a mask lies both in it and beside it.
    """
    values, notes = _nodata(source, scene, bands, bits, data)
    stored = _stored(source, scene, beside, access, bands)
    return choose_mask(stored, [colour.name for colour in source.colorinterp], values), notes


def read_with_mask(
    source: DatasetReader, scene: Scene, bands: tuple[int, ...], mask: Mask, window: Window
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return samples (len(bands), h, w) as they are in the file, and validity (h, w).

    No other bands are read than these and the alpha band. A sample that is not finite is no data under any
    rule: nothing can be shown for it.
    """
    part = RasterioWindow(window.col_start, window.row_start, window.width_px, window.height_px)
    wanted = bands if mask.alpha_band is None else (*bands, mask.alpha_band)
    read = source.read(wanted, window=part)
    samples, alpha = read[: len(bands)], read[len(bands) :]
    if mask.rule in ("internal", "sidecar"):
        valid = _stored_mask(source, scene, bands, mask, part)
    elif mask.rule == "alpha":
        valid = np.asarray(alpha[0] > 0)
    elif mask.rule == "nodata":
        valid = has_data(samples, mask.nodata)
    else:
        valid = np.ones(samples.shape[1:], dtype=np.bool_)
    if np.issubdtype(samples.dtype, np.floating):
        valid &= np.isfinite(samples).all(axis=0)
    return samples, valid


def _stored_mask(
    source: DatasetReader, scene: Scene, bands: tuple[int, ...], mask: Mask, part: RasterioWindow
) -> NDArray[np.bool_]:
    """Return where a stored mask lets a shown band through: one for all of them, or one a band."""
    flags = source.mask_flag_enums[bands[0] - 1]
    if mask.suffix and flags != [MaskFlags.per_dataset]:
        # GDAL takes none that does not say of itself what it is for, as other writers leave it.
        with opened_beside(scene, mask.suffix) as beside:
            masks = beside.read([1] if beside.count == 1 else list(bands), window=part)
    else:
        masks = source.read_masks(bands[:1] if MaskFlags.per_dataset in flags else bands, window=part)
    return np.asarray((masks > 0).any(axis=0))


def _stored(
    source: DatasetReader, scene: Scene, beside: str, access: BucketAccess, bands: tuple[int, ...]
) -> Mask | None:
    has_mask = _has_stored_mask(source, bands)
    if not beside:
        return Mask("internal") if has_mask else None
    if has_mask:
        # GDAL prefers the one inside: if there still is one where nobody looks beside the file, it was that.
        with opened(replace(scene, has_sidecars=False), "looking for its mask", access) as alone:
            if _has_stored_mask(alone, bands):
                return Mask("internal")
    _check_beside(source, scene, beside)
    return Mask("sidecar", suffix=beside)


def _check_beside(source: DatasetReader, scene: Scene, suffix: str) -> None:
    with opened_beside(scene, suffix) as mask:
        shape, count = mask.shape, mask.count
    if shape != source.shape or count not in (1, source.count):
        raise UnreadableSceneError(
            f"its mask (.msk) has {shape[0]} x {shape[1]} pixels in {count} band(s), the scene "
            f"{source.height} x {source.width} in {source.count}; make the mask anew, or remove it"
        )


def _has_stored_mask(source: DatasetReader, bands: tuple[int, ...]) -> bool:
    flags = source.mask_flag_enums[bands[0] - 1]
    return not any(flag in flags for flag in _NOT_STORED)


def _nodata(
    source: DatasetReader, scene: Scene, bands: tuple[int, ...], bits: int | None, data: bytes | None
) -> tuple[tuple[NoData, ...], tuple[str, ...]]:
    """Return the no-data values of bands, None for one that cannot occur, and a note on those that cannot."""
    declared = _declared(source, scene, bands, data)
    kept: list[NoData] = []
    impossible: dict[str, str] = {}
    for band, value in zip(bands, declared, strict=True):
        dtype = source.dtypes[band - 1]
        fits = value is not None and can_occur(value, dtype, bits)
        kept.append(value if fits else None)
        if value is not None and not fits:
            impossible[f"{value:g}"] = dtype if bits is None else f"{bits}-bit {dtype}"
    return tuple(kept), tuple(
        f"its no-data value {value} cannot occur in {kind} samples and is ignored"
        for value, kind in impossible.items()
    )


def _declared(
    source: DatasetReader, scene: Scene, bands: tuple[int, ...], data: bytes | None
) -> Sequence[NoData]:
    of_all = [_number(text) for text in source.tags().get("NODATA_VALUES", "").split()]
    if len(of_all) == source.count and None not in of_all:
        return [of_all[band - 1] for band in bands]
    values = [source.nodatavals[band - 1] for band in bands]
    # rasterio's are floats, which round integers of 64 bits.
    is_exact = np.dtype(source.dtypes[bands[0] - 1]).itemsize < 8
    if is_exact and None not in values:
        return values
    if not scene.has_sidecars and not may_have_tag(_NODATA_TAG, _beginning(scene) if data is None else data):
        return values
    if not scene.has_sidecars:
        found = _undisclosed(source)
    else:
        with opened_without_overviews(scene) as again:  # a VRT lists them
            found = _undisclosed(again)
    return [found.get(band, value) for band, value in zip(bands, values, strict=True)]


def _beginning(scene: Scene) -> bytes:
    """Return how the file begins, b"" of one that is remote: that would be a request."""
    if storage.over_network(scene.uri):
        return b""
    try:
        return storage.open_store(scene.uri).read_part("", 0, _BEGINNING_BYTES)
    except (OSError, SgddiffBatchError):
        return b""


def _undisclosed(source: DatasetReader) -> dict[int, NoData]:
    """Return by band what rasterio rounds, or keeps to itself as impossible: GDAL puts it into a VRT."""
    # No request: it would look whether the scene that the VRT is made of is there.
    with rasterio.Env(CPL_VSIL_CURL_ALLOWED_EXTENSIONS=".no-network"), MemoryFile(ext=".vrt") as memory:
        rasterio.shutil.copy(source, memory.name, driver="VRT")
        parts = memory.read().decode(errors="replace").split("<VRTRasterBand ")
    found: dict[int, NoData] = {}
    for part in parts[1:]:  # that of a mask has no number
        number, value = _BAND.match(part), _DECLARED.search(part)
        if number and value:
            found[int(number[1])] = _number(value[1])
    return found


def _number(text: str) -> NoData:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
