"""Opening: a mosaic as analysts use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from sgddiff_batch.io.mosaics import conventions, metadata
from sgddiff_batch.io.storage import Store, open_store

if TYPE_CHECKING:
    import xarray as xr


def open_mosaic(uri: str, level: int = 0) -> xr.DataArray:
    """Open a level of a mosaic lazily: float32 saliency 0..1 (y, x), NaN where there is no data, CRS set.

    Level 0 is native resolution; each further level halves it. Pixels are read when they are used: a part
    that is cut out with ``isel`` or ``rio.clip_box`` costs no more than its own chunks. The
    mosaic's provenance is in ``attrs["provenance"]``.

    Raises:
        ConfigError: if the URI has a scheme that is not known.
        FileNotFoundError: if there is no mosaic at ``uri``.
        ValueError: if the mosaic is not complete, or has no such level.
    """
    # Here, for they load pandas: two seconds before the first tile of a run, which needs none of it.
    import rioxarray  # noqa: F401 - gives every DataArray its .rio
    import xarray as xr

    store = open_store(uri)
    root = read_root(store)
    levels = mosaic_levels(root)
    if not 0 <= level < levels:
        raise ValueError(f"{uri!r} has no level {level}; its levels are 0 to {levels - 1}")
    packed = xr.open_zarr(
        store.zarr("", read_only=True),
        group=str(level),
        consolidated=True,
        chunks=None,
        decode_cf=False,
        zarr_format=3,
    )
    attributes = packed[conventions.ARRAY_NAME].attrs
    for name in ("scale_factor", "add_offset"):
        # CF unpacks to the type of these two. JSON knows no float32, and float64 would double the memory.
        attributes[name] = np.float32(attributes[name])
    unpacked = xr.decode_cf(packed, decode_coords="all")
    saliency: xr.DataArray = unpacked[conventions.ARRAY_NAME]
    return saliency.assign_attrs({conventions.PROVENANCE: root.get(conventions.PROVENANCE)})


def read_root(store: Store) -> dict[str, Any]:
    """Return the attributes of the root of the complete mosaic that a store holds.

    Raises:
        FileNotFoundError: if there is no mosaic.
        ValueError: if what is there is no mosaic, or not complete.
    """
    try:
        data = store.read(metadata.ROOT)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no mosaic at {store.uri!r}: it has no {metadata.ROOT}; "
            "`sgddiff catalogue show OUTPUT` names those that there are"
        ) from None
    try:
        attributes: dict[str, Any] = json.loads(data)["attributes"]
        marked, _ = attributes[conventions.COMPLETE], mosaic_levels(attributes)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{store.uri!r} is not the root of a mosaic of this project") from None
    if marked is not True:
        raise ValueError(f"the mosaic {store.uri!r} is not complete: run the job again to finish it")
    return attributes


def mosaic_levels(attributes: dict[str, Any]) -> int:
    """Return the number of levels that root attributes list."""
    return len(attributes["multiscales"]["layout"])
