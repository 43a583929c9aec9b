"""Export of a mosaic as a Cloud-Optimized GeoTIFF, for readers that cannot open Zarr shards."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.transform import Affine
from rasterio.windows import Window as RasterWindow

from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.colours import code_colours
from sgddiff_batch.core.window import Window
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.io.mosaics import conventions
from sgddiff_batch.io.mosaics.export_levels import CodeLevel, code_levels, refusing_damage
from sgddiff_batch.io.mosaics.export_target import MARK, made_whole, mark_of
from sgddiff_batch.io.storage import Store, open_store

_BLOCK_PX = 512
_CACHE_BYTES = 64 * 2**20
_COMPRESSION = {"COMPRESS": "DEFLATE", "BIGTIFF": "IF_SAFER"}


@dataclass(frozen=True, slots=True)
class _Placement:
    """Where a mosaic lies, in GDAL's terms."""

    crs: CRS | None
    transform: Affine


@dataclass(frozen=True, slots=True)
class CogExport:
    """Mosaics as COGs; implements :class:`sgddiff_batch.io.mosaics.Export`."""

    suffix: str = ".tif"

    def mark(self, mosaic_uri: str) -> str:
        """Return the mark of a mosaic's COG; the number is raised when the same mosaic gives another file."""
        return mark_of(mosaic_uri, "cog-1")

    def marked(self, beginning: bytes) -> str | None:
        """Return the mark of a COG that begins so, None of what has none.

        GDAL keeps it as XML in a tag of the first directory; opened by GDAL an object would be fetched whole.
        """
        found = re.search(rf'<Item name="{MARK}">([^<]*)</Item>'.encode(), beginning)
        # GDAL escapes it twice.
        return unescape(unescape(found[1].decode(errors="replace"))) if found else None

    def write(self, mosaic_uri: str, target_uri: str) -> None:
        """As :func:`export_cog`."""
        export_cog(mosaic_uri, target_uri)


def export_cog(mosaic_uri: str, target_uri: str | Path) -> None:
    """Write a mosaic as a COG: codes 0..254 uint8, no data 255, band scale 1/254, tiles of 512 px.

    CRS and transform are the mosaic's; the overviews are the levels of its pyramid, to the byte; the colour
    table is that of :func:`code_colours`. target_uri: a local file or an object. Whole or not at all: what is
    there is replaced when the new one is ready. Takes the memory of one shard, and while it works twice the
    disk space of the result: beside a local target, else in this machine's temporary folder. A CRS that
    GeoTIFF cannot express goes into ``<target>.aux.xml``, as GDAL does it.

    Raises:
        FatalError: if the mosaic is damaged.
        ConfigError: if a URI has a scheme that is not known, or the target cannot be written to.
        FileNotFoundError: if there is no mosaic, or no folder to write to.
        ValueError: if the mosaic is not complete.
        OSError: if GDAL cannot write it.
    """
    store = open_store(mosaic_uri)
    levels = code_levels(store)
    placement = _placement(store)
    with made_whole(target_uri) as made, _gdal():
        folder = made.parent
        for number, level in enumerate(levels):
            _write_level(level, folder / f"{number}.tif")
        vrt = folder / "all.vrt"
        vrt.write_bytes(_vrt([level.shape for level in levels], placement, CogExport().mark(mosaic_uri)))
        _copy_as_cog(vrt, made, has_overviews=len(levels) > 1)


@contextmanager
def _gdal() -> Iterator[None]:
    """Let GDAL write in the body; what it raises there, of which not all is an OSError, becomes one."""
    try:
        with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES):
            yield
    except (CPLE_BaseError, RasterioError) as error:
        raise OSError(f"GDAL cannot write it as a COG: {on_one_line(error)}") from error


def _placement(store: Store) -> _Placement:
    import zarr

    path = f"0/{conventions.GRID_MAPPING}"
    with refusing_damage(f"{path} of {store.uri}"):
        mapping = zarr.open_array(store.zarr("", read_only=True), path=path, mode="r", zarr_format=3)
        attributes: dict[str, Any] = dict(mapping.attrs)
        wkt = attributes.get("crs_wkt")
        coefficients = (float(number) for number in attributes["GeoTransform"].split())
        return _Placement(CRS.from_wkt(wkt) if wkt else None, Affine.from_gdal(*coefficients))


def _write_level(level: CodeLevel, path: Path) -> None:
    """Copy the codes of a level to a plain TIFF, shard by shard."""
    height, width = level.shape
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
        for part in Window(0, height, 0, width).split(level.shard_px):
            place = RasterWindow(part.col_start, part.row_start, part.width_px, part.height_px)
            raster.write(level.read(part), 1, window=place)


def _vrt(sizes: list[tuple[int, int]], placement: _Placement, mark: str) -> bytes:
    """Return a virtual raster of level 0 that has the other levels as its overviews."""
    height, width = sizes[0]
    root = ET.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    if placement.crs is not None:
        ET.SubElement(root, "SRS").text = placement.crs.to_wkt()
    if not placement.transform.is_identity:
        ET.SubElement(root, "GeoTransform").text = ", ".join(map(repr, placement.transform.to_gdal()))
    ET.SubElement(ET.SubElement(root, "Metadata"), "MDI", key=MARK).text = mark
    band = ET.SubElement(root, "VRTRasterBand", dataType="Byte", band="1")
    for name, value in {
        "Description": conventions.ARRAY_NAME,
        "NoDataValue": NO_DATA,
        "Offset": 0.0,
        "Scale": 1.0 / MAX_CODE,
        "ColorInterp": "Palette",
    }.items():
        ET.SubElement(band, name).text = str(value)
    _colour_table(band)
    source = ET.SubElement(band, "SimpleSource")
    _source_file(source, 0)
    for level in range(1, len(sizes)):
        _source_file(ET.SubElement(band, "Overview"), level)
    return ET.tostring(root)


def _colour_table(band: ET.Element) -> None:
    table = ET.SubElement(band, "ColorTable")
    for colour in code_colours():
        channels = zip(("c1", "c2", "c3", "c4"), (*map(str, colour), "255"), strict=True)
        ET.SubElement(table, "Entry", dict(channels))


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
