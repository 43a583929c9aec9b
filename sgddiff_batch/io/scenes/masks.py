"""The mask of a scene: found out once, by one rule, and read with each window."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window as RasterioWindow

from sgddiff_batch.core.archive import BucketAccess
from sgddiff_batch.core.masks import Mask, NoData, can_occur, choose_mask, has_data
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.scenes.gdal import opened

_NOT_STORED = (MaskFlags.all_valid, MaskFlags.alpha, MaskFlags.nodata)
_DECLARED = re.compile(r"<NoDataValue>([^<]*)</NoDataValue>")


def mask_of(
    source: DatasetReader, scene: Scene, access: BucketAccess, bands: tuple[int, ...]
) -> tuple[Mask, tuple[str, ...]]:
    """Return the mask of an open scene whose distinct shown bands are ``bands``, and notes on it.

    Raises:
        UnreadableSceneError, RetryableError: as :func:`opened`, where a mask lies both in it and beside it.
    """
    values, notes = _nodata(source, bands)
    stored = _stored(source, scene, access, bands)
    return choose_mask(stored, [colour.name for colour in source.colorinterp], values), notes


def read_with_mask(
    source: DatasetReader, bands: tuple[int, ...], mask: Mask, window: Window
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
        valid = _stored_mask(source, bands, part)
    elif mask.rule == "alpha":
        valid = np.asarray(alpha[0] > 0)
    elif mask.rule == "nodata":
        valid = has_data(samples, mask.nodata)
    else:
        valid = np.ones(samples.shape[1:], dtype=np.bool_)
    if np.issubdtype(samples.dtype, np.floating):
        valid &= np.isfinite(samples).all(axis=0)
    return samples, valid


def _stored_mask(source: DatasetReader, bands: tuple[int, ...], part: RasterioWindow) -> NDArray[np.bool_]:
    """Return where a stored mask lets a shown band through: one for all of them, or one a band."""
    shared = MaskFlags.per_dataset in source.mask_flag_enums[bands[0] - 1]
    masks = source.read_masks(bands[:1] if shared else bands, window=part)
    return np.asarray((masks > 0).any(axis=0))


def _stored(
    source: DatasetReader, scene: Scene, access: BucketAccess, bands: tuple[int, ...]
) -> Literal["internal", "sidecar"] | None:
    if not _has_stored_mask(source, bands):
        return None
    if not scene.has_sidecars or not any(file.lower().endswith(".msk") for file in source.files):
        return "internal"
    # GDAL prefers the one inside: if there still is one where nobody looks beside the file, it was that.
    with opened(replace(scene, has_sidecars=False), "looking for its mask", access) as alone:
        return "internal" if _has_stored_mask(alone, bands) else "sidecar"


def _has_stored_mask(source: DatasetReader, bands: tuple[int, ...]) -> bool:
    flags = source.mask_flag_enums[bands[0] - 1]
    return not any(flag in flags for flag in _NOT_STORED)


def _nodata(source: DatasetReader, bands: tuple[int, ...]) -> tuple[tuple[NoData, ...], tuple[str, ...]]:
    """Return the no-data values of bands, None for one that cannot occur, and a note on those that cannot."""
    declared = _declared(source, bands)
    kept: list[NoData] = []
    impossible: dict[str, str] = {}
    for band, value in zip(bands, declared, strict=True):
        dtype, bits = source.dtypes[band - 1], sample_bits(source, band)
        fits = value is not None and can_occur(value, dtype, bits)
        kept.append(value if fits else None)
        if value is not None and not fits:
            impossible[f"{value:g}"] = dtype if bits is None else f"{bits}-bit {dtype}"
    return tuple(kept), tuple(
        f"its no-data value {value} cannot occur in {kind} samples and is ignored"
        for value, kind in impossible.items()
    )


def _declared(source: DatasetReader, bands: tuple[int, ...]) -> Sequence[NoData]:
    of_all = source.tags().get("NODATA_VALUES", "").split()
    if len(of_all) == source.count:
        try:
            return [float(of_all[band - 1]) for band in bands]
        except ValueError:
            pass
    values = source.nodatavals
    if np.dtype(source.dtypes[bands[0] - 1]).itemsize == 8:
        return _undisclosed(source, bands)  # rasterio's are floats, which round integers of 64 bits
    if any(values[band - 1] is not None for band in bands):
        return [values[band - 1] for band in bands]
    return _undisclosed(source, bands)


def _undisclosed(source: DatasetReader, bands: tuple[int, ...]) -> Sequence[NoData]:
    """Return values that rasterio rounds, or keeps to itself as impossible: GDAL puts them into a VRT."""
    # No request: it would look whether the scene that the VRT is made of is there.
    with rasterio.Env(CPL_VSIL_CURL_ALLOWED_EXTENSIONS=".no-network"), MemoryFile(ext=".vrt") as memory:
        rasterio.shutil.copy(source, memory.name, driver="VRT")
        found = _DECLARED.findall(memory.read().decode(errors="replace"))
    if len(found) != source.count:
        return [None] * len(bands)
    return [_number(found[band - 1]) for band in bands]


def _number(text: str) -> NoData:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def sample_bits(source: DatasetReader, band: int) -> int | None:
    """Return how many bits of a band's unsigned samples are used, None for all of them."""
    bits = source.tags(band, ns="IMAGE_STRUCTURE").get("NBITS", "")
    kind = np.dtype(source.dtypes[band - 1])
    if not bits.isdigit() or kind.kind != "u" or not 0 < int(bits) < 8 * kind.itemsize:
        return None
    return int(bits)
