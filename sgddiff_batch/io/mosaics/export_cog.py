"""Export of a mosaic as a Cloud-Optimized GeoTIFF, for readers that cannot open Zarr shards."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.windows import Window as RasterWindow

from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.io.mosaics import conventions, opening
from sgddiff_batch.io.storage import local_path, open_store

if TYPE_CHECKING:
    import zarr
    from zarr.abc.store import Store as ZarrStore

_BLOCK_PX = 512
_CACHE_BYTES = 64 * 2**20
_COMPRESSION = {"COMPRESS": "DEFLATE", "BIGTIFF": "IF_SAFER"}


@dataclass(frozen=True, slots=True)
class _Placement:
    """Where a mosaic lies, in GDAL's terms."""

    crs: CRS | None
    transform: Affine


def export_cog(mosaic_uri: str, path: str | Path) -> None:
    """Write a mosaic as a local COG: codes 0..254 uint8, no data 255, band scale 1/254, tiles of 512 px.

    CRS and transform are the mosaic's; the overviews are the levels of its pyramid, to the byte. Whole or not
    at all: a file at ``path`` is replaced when the new one is ready. Takes the memory of one shard, and
    beside ``path`` twice the disk space of the result while it works. A CRS that GeoTIFF cannot express
    goes into ``<path>.aux.xml``, as GDAL does it.

    Raises:
        FatalError: if the mosaic is damaged.
        ConfigError: if ``path`` is not local, or ``mosaic_uri`` has a scheme that is not known.
        FileNotFoundError: if there is no mosaic, or no folder to write to.
        ValueError: if the mosaic is not complete.
    """
    target = _local_file(path)
    store = open_store(mosaic_uri)
    levels = opening.mosaic_levels(opening.read_root(store))
    mosaic = store.zarr("", read_only=True)
    placement = _placement(mosaic)
    with (
        tempfile.TemporaryDirectory(
            dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".partial"
        ) as name,
        rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES),
    ):
        folder = Path(name)
        sizes = [_write_level(mosaic, level, folder / f"{level}.tif") for level in range(levels)]
        (folder / "all.vrt").write_bytes(_vrt(sizes, placement))
        made = folder / "cog.tif"
        _copy_as_cog(folder / "all.vrt", made, has_overviews=levels > 1)
        sidecar = Path(f"{made}.aux.xml")
        if sidecar.exists():
            sidecar.replace(f"{target}.aux.xml")
        else:
            Path(f"{target}.aux.xml").unlink(missing_ok=True)
        made.replace(target)


def _local_file(path: str | Path) -> Path:
    if local_path(str(path)) is None:
        raise ConfigError(
            f"a COG is written to a local file, not to {str(path)!r}; write it here and upload it"
        )
    target = Path(path)
    if target.is_dir():
        raise ConfigError(f"a COG needs the name of a file, and {str(path)!r} is a folder")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(target.parent)!r} to write {target.name!r} to")
    return target


def _placement(mosaic: ZarrStore) -> _Placement:
    attributes: dict[str, Any] = dict(_open(mosaic, f"0/{conventions.GRID_MAPPING}").attrs)
    wkt = attributes.get("crs_wkt")
    coefficients = (float(number) for number in attributes["GeoTransform"].split())
    return _Placement(CRS.from_wkt(wkt) if wkt else None, Affine.from_gdal(*coefficients))


def _open(mosaic: ZarrStore, name: str) -> zarr.Array[Any]:
    import zarr

    return zarr.open_array(mosaic, path=name, mode="r", zarr_format=3)


def _write_level(mosaic: ZarrStore, level: int, path: Path) -> tuple[int, int]:
    """Copy the codes of a level to a plain TIFF, shard by shard, and return its (h, w)."""
    codes = _open(mosaic, f"{level}/{conventions.ARRAY_NAME}")
    height, width = codes.shape
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "height": height,
        "width": width,
        "nodata": NO_DATA,
        # Any but the identity, of which rasterio warns; the virtual raster places the pixels.
        "transform": Affine.scale(2.0),
        "tiled": True,
        "blockxsize": _BLOCK_PX,
        "blockysize": _BLOCK_PX,
        "sparse_ok": True,
        **_COMPRESSION,
        "ZLEVEL": 1,
    }
    with rasterio.open(path, "w", **profile) as raster:
        side = max(codes.shards or codes.chunks)
        for part in Window(0, height, 0, width).split(side):
            place = RasterWindow(part.col_start, part.row_start, part.width_px, part.height_px)
            raster.write(_read(codes, part), 1, window=place)
    return height, width


def _read(codes: zarr.Array[Any], part: Window) -> NDArray[np.uint8]:
    try:
        return np.asarray(codes[part.slices], dtype=np.uint8)
    except (ValueError, RuntimeError) as error:
        raise FatalError(
            f"cannot read {part} of {codes.store_path}: it is damaged ({error}); "
            "run the job again into another output"
        ) from error


def _vrt(sizes: list[tuple[int, int]], placement: _Placement) -> bytes:
    """Return a virtual raster of level 0 that has the other levels as its overviews."""
    height, width = sizes[0]
    root = ET.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    if placement.crs is not None:
        ET.SubElement(root, "SRS").text = placement.crs.to_wkt()
    if not placement.transform.is_identity:
        ET.SubElement(root, "GeoTransform").text = ", ".join(map(repr, placement.transform.to_gdal()))
    band = ET.SubElement(root, "VRTRasterBand", dataType="Byte", band="1")
    for name, value in {
        "Description": conventions.ARRAY_NAME,
        "NoDataValue": NO_DATA,
        "Offset": 0.0,
        "Scale": 1.0 / MAX_CODE,
        "ColorInterp": "Gray",
    }.items():
        ET.SubElement(band, name).text = str(value)
    source = ET.SubElement(band, "SimpleSource")
    _source_file(source, 0)
    for level in range(1, len(sizes)):
        _source_file(ET.SubElement(band, "Overview"), level)
    return ET.tostring(root)


def _source_file(parent: ET.Element, level: int) -> None:
    ET.SubElement(parent, "SourceFilename", relativeToVRT="1").text = f"{level}.tif"
    ET.SubElement(parent, "SourceBand").text = "1"


def _copy_as_cog(source: Path, target: Path, *, has_overviews: bool) -> None:
    rasterio.shutil.copy(
        source,
        target,
        driver="COG",
        BLOCKSIZE=_BLOCK_PX,
        OVERVIEWS="FORCE_USE_EXISTING" if has_overviews else "NONE",
        **_COMPRESSION,
    )
