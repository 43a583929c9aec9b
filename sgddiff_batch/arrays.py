"""Saliency of arrays: the path of a task over pixels that are in memory, with the bytes of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.config import InputConfig, TilingConfig
from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.masks import NoData
from sgddiff_batch.core.planning import SceneMosaic, Tiling, plan_tasks
from sgddiff_batch.core.tiling import OVERLAP_PX, TILE_PX
from sgddiff_batch.io.scenes import GeoTiffReader, held_array
from sgddiff_batch.networks import load_network
from sgddiff_batch.pipeline import infer_task, read_task
from sgddiff_batch.protocols import Predictor

if TYPE_CHECKING:
    import xarray as xr

    Pixels = TypeVar("Pixels", NDArray[Any], xr.DataArray)

Bands = Literal["auto"] | tuple[int, int, int]
Stretching = Literal["auto", "none"] | tuple[float, float]

TASK_BYTES, BLOCK_PX = 2 * 2**30, 4096
"""What a task may take, and what it is cut into, as in a config that says neither; they change no byte."""

_MOST_COLOURS = 4
_DIMENSIONS = ("band", "y", "x")
_ATTRIBUTES = {
    "long_name": "saliency: probability that the pixel stands out",
    "units": "1",
    "scale_factor": 1.0 / MAX_CODE,
    "add_offset": 0.0,
    "_FillValue": NO_DATA,
}


def saliency(
    pixels: Pixels,
    *,
    mask: NDArray[Any] | xr.DataArray | None = None,
    nodata: NoData = None,
    network: str | Predictor = "bundled",
    device: str = "auto",
    bands: Bands = "auto",
    stretch: Stretching = "auto",
    tile_px: int = TILE_PX,
    overlap_px: int = OVERLAP_PX,
) -> Pixels:
    """As :func:`sgddiff_batch.saliency`."""
    wanted = InputConfig(bands=bands, stretch=stretch)
    tiling = TilingConfig(tile_px=tile_px, overlap_px=overlap_px, block_px=BLOCK_PX).tiling
    reader = GeoTiffReader(bands=wanted.bands, stretch=wanted.stretch)
    samples, declared = _samples(pixels)
    if bands == "auto":
        _check_bands_first(samples.shape)
    valid = None if mask is None else _valid(mask, samples.shape[1:])
    predictor = load_network(network, device) if isinstance(network, str) else network
    codes = _codes(samples, valid, declared if nodata is None else nodata, reader, tiling, predictor)
    return codes if isinstance(pixels, np.ndarray) else _like(pixels, codes)


def _codes(
    samples: NDArray[Any],
    valid: NDArray[np.bool_] | None,
    nodata: NoData,
    reader: GeoTiffReader,
    tiling: Tiling,
    predictor: Predictor,
) -> NDArray[np.uint8]:
    codes = np.empty(samples.shape[1:], dtype=np.uint8)
    with held_array(samples, valid, nodata, reader) as (scene, held):
        mosaic = SceneMosaic.at("", scene, held.profile(scene), tiling)
        for task in plan_tasks(mosaic, TASK_BYTES):
            codes[task.window.slices] = infer_task(task, read_task(task, held), predictor)
    return codes


def _samples(pixels: NDArray[Any] | xr.DataArray) -> tuple[NDArray[Any], NoData]:
    """Return samples (bands, h, w) in this machine's order of bytes, and the no-data value they come with."""
    nodata = None
    if isinstance(pixels, np.ma.MaskedArray):
        raise TypeError("pixels is a masked array: give pixels.data, and mask=~pixels.mask.all(axis=0)")
    if isinstance(pixels, np.ndarray):
        samples = pixels
    elif _is_data_array(pixels):
        samples, nodata = _samples_of(pixels)
    else:
        raise TypeError(f"pixels must be a numpy array or an xarray DataArray, got {type(pixels).__name__}")
    if samples.ndim != 3 or 0 in samples.shape:
        hint = "; of one band give pixels[None]" if samples.ndim == 2 else ""
        raise ValueError(
            f"pixels must have the shape (bands, h, w), none of them 0, got {samples.shape}{hint}"
        )
    return samples.astype(samples.dtype.newbyteorder("="), copy=False), nodata


def _check_bands_first(shape: tuple[int, ...]) -> None:
    """Refuse what most likely is (h, w, bands): as many bands of a picture 3 px wide it gives nonsense."""
    count, height, width = shape
    if width <= _MOST_COLOURS < min(count, height):
        raise ValueError(
            f"pixels of the shape {shape} look like (h, w, bands), and must be (bands, h, w): give "
            f"pixels.transpose(2, 0, 1); of {count} bands of {height} x {width} px, name three by bands="
        )


def _samples_of(pixels: xr.DataArray) -> tuple[NDArray[Any], NoData]:
    import rioxarray  # noqa: F401 - gives every DataArray its .rio

    if sorted(map(str, pixels.dims)) != sorted(_DIMENSIONS):
        raise ValueError(
            f"pixels must have the dimensions {_DIMENSIONS}, got {pixels.dims}; rename them, or "
            "expand_dims('band') of one band"
        )
    return pixels.transpose(*_DIMENSIONS).to_numpy(), pixels.rio.nodata


def _is_data_array(pixels: object) -> bool:
    import xarray as xr

    return isinstance(pixels, xr.DataArray)


def _valid(mask: NDArray[Any] | xr.DataArray, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    found = np.asarray(mask if isinstance(mask, np.ndarray) else _laid(mask))
    if found.shape != shape or found.dtype.kind not in "biu":
        raise ValueError(
            f"mask must be {shape} of bool or integers, not 0 where there is data, like rasterio's "
            f"dataset_mask(); got {found.shape} of {found.dtype}"
        )
    return np.asarray(found != 0)


def _laid(mask: xr.DataArray) -> xr.DataArray:
    """Return a mask whose dimensions y and x, if it has these, are in this order."""
    wanted = _DIMENSIONS[1:]
    return mask.transpose(*wanted) if set(getattr(mask, "dims", ())) == set(wanted) else mask


def _like(pixels: xr.DataArray, codes: NDArray[np.uint8]) -> xr.DataArray:
    """Return codes with the place of pixels: all coordinates but the bands', the CRS among them."""
    import xarray as xr

    kept = {name: value for name, value in pixels.coords.items() if "band" not in (name, *value.dims)}
    placed = xr.DataArray(codes, coords=kept, dims=_DIMENSIONS[1:], name="saliency", attrs=_ATTRIBUTES)
    if pixels.rio.grid_mapping in kept:
        placed.encoding["grid_mapping"] = pixels.rio.grid_mapping
    return placed
