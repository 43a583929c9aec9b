"""Conditions of how samples are stored: bits, signs, orders of bytes and planes, codecs."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.kit.scenes import write_scene
from tests.reports.inputs import (
    NIGHT,
    Want,
    everywhere,
    holes,
    mask_file,
    picture,
    reported,
    want,
)


@reported("geotiffjs/geotiff.js#202")
def twelve_bits(folder: Path) -> Want:
    """Samples of 12 bits, interleaved by pixel, are whole."""
    samples = picture(top=4095, dtype="uint16")
    path = write_scene(folder / "a.tif", samples, nbits=12, interleave="pixel", photometric="RGB")
    return want(path, samples, everywhere(), NIGHT)


@reported("geotiffjs/geotiff.js#78")
def eleven_bits_with_nodata(folder: Path) -> Want:
    """Samples of 11 bits whose largest is no data."""
    samples = np.where(holes(), picture(top=2000, dtype="uint16"), np.uint16(2047))
    path = write_scene(folder / "a.tif", samples, nbits=11, nodata=2047, photometric="RGB")
    return want(path, np.where(holes(), samples, 0), holes(), NIGHT)


@reported("jblindsay/whitebox-tools#98")
def floats_of_sixteen_bits(folder: Path) -> Want:
    """Half floats, which GDAL reads as float32."""
    samples = picture(top=2000, dtype="float32")
    samples[:, ~holes()] = np.nan
    return want(write_scene(folder / "a.tif", samples, nbits=16), np.nan_to_num(samples), holes(), NIGHT)


@reported("rasterio/rasterio#2180")
def signed_bytes_with_nodata(folder: Path) -> Want:
    """Bytes with a sign and a no-data value below 0."""
    samples = (picture().astype(np.int16) - 127).astype(np.int8)
    samples = np.where(holes(), samples, np.int8(-128))
    path = write_scene(folder / "a.tif", samples, nodata=-128, photometric="RGB")
    return want(path, samples, holes(), (-128.0, 127.0))


@reported("OSGeo/gdal#8471")
def signed_bytes_are_stretched(folder: Path) -> Want:
    """Bytes with a sign do not pass as they are: -1 is no bright pixel."""
    samples = (picture().astype(np.int16) - 127).astype(np.int8)
    path = write_scene(folder / "a.tif", samples, photometric="RGB")
    low, high = np.percentile(samples, (2, 98))
    return replace(want(path, samples, everywhere(), (low, high)), reader=GeoTiffReader(), tolerance=2)


@reported("rasterio/rasterio#2219")
def scale_and_offset(folder: Path) -> Want:
    """Samples count as they are stored: a scale and an offset would only move the stretch."""
    samples = picture(top=4000, dtype="int16")
    path = write_scene(folder / "a.tif", samples, photometric="RGB")
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets = (0.0001,) * 3, (-0.1,) * 3
    return want(path, samples, everywhere(), NIGHT)


@reported("opengeos/GeoLibre#2413")
def big_endian_floats_with_nodata(folder: Path) -> Want:
    """The larger byte first, and -9999 as no data."""
    samples = np.where(holes(), picture(top=4000, dtype="float32"), np.float32(-9999))
    path = write_scene(folder / "a.tif", samples, endianness="BIG", nodata=-9999, compress="deflate")
    return want(path, np.where(holes(), samples, 0), holes(), NIGHT)


@reported("pearu/pylibtiff#29")
def big_endian_uint16(folder: Path) -> Want:
    """The larger byte first, not compressed."""
    samples = picture(top=4000, dtype="uint16")
    path = write_scene(folder / "a.tif", samples, endianness="BIG", photometric="RGB")
    return want(path, samples, everywhere(), NIGHT)


@reported("haraldk/TwelveMonkeys#184")
def planes_apart(folder: Path) -> Want:
    """All of red, then all of green, then all of blue."""
    path = write_scene(
        folder / "a.tif",
        picture(),
        interleave="band",
        tiled=True,
        blockxsize=32,
        blockysize=32,
        compress="lzw",
    )
    return want(path, picture(), everywhere())


@reported("geotiffjs/geotiff.js#272")
def ycbcr_jpeg_with_a_mask_inside(folder: Path) -> Want:
    """Colours come back from YCbCr; the mask is exact."""
    return jpeg(folder / "a.tif", mask=holes())


@reported("rasterio/rasterio#726")
def ycbcr_jpeg_with_a_mask_beside(folder: Path) -> Want:
    """The same with a .msk."""
    found = jpeg(folder / "a.tif")
    mask_file(found.path, holes(), compress="deflate")
    return found


def jpeg(path: Path, **options: Any) -> Want:
    """Gentle slopes of red, green and blue through JPEG at quality 95: near, not equal."""
    rows, cols = np.mgrid[0:48, 0:80]
    samples = np.stack([40 + 2 * cols, 30 + 3 * rows, 220 - cols - rows]).astype(np.uint8)
    coding = {"compress": "jpeg", "photometric": "ycbcr", "jpeg_quality": 95, "interleave": "pixel"}
    write_scene(path, samples, tiled=True, blockxsize=32, blockysize=32, **coding, **options)
    return replace(want(path, samples, holes()), tolerance=6)


@reported("OSGeo/gdal#3055")
def lerc_with_not_a_number(folder: Path) -> Want:
    """Esri's codec, in which what is not a number is a mask of its own."""
    samples = picture(1, top=2000, dtype="float32")
    samples[:, ~holes()] = np.nan
    return want(
        write_scene(folder / "a.tif", samples, compress="lerc"), np.nan_to_num(samples), holes(), NIGHT
    )


@reported("image-rs/image#2074")
def inks(folder: Path) -> Want:
    """Cyan, magenta, yellow and black are inks: none of them is white."""
    cyan, magenta, yellow, black = ink = picture(4)
    path = write_scene(folder / "a.tif", ink, photometric="CMYK")
    light = np.stack([cyan, magenta, yellow]).astype(np.int64)
    paper = (255 - light) * (255 - black.astype(np.int64)) // 255
    return replace(want(path, paper.astype(np.uint8), everywhere()), tolerance=1)


@reported("rasterio/rasterio#1242")
def one_strip(folder: Path) -> Want:
    """The whole scene in one strip of a BigTIFF, with a predictor."""
    samples = picture(top=4000, dtype="uint16")
    options = {"blockysize": 48, "bigtiff": "YES", "compress": "deflate", "predictor": 2}
    return want(
        write_scene(folder / "a.tif", samples, photometric="RGB", **options), samples, everywhere(), NIGHT
    )


@reported("xarray-contrib/xarray-spatial#1797")
def white_is_zero_of_16_bits(folder: Path) -> Want:
    """The smaller, the brighter, whatever the type."""
    return white_is_zero(folder / "a.tif", picture(1, top=4000, dtype="uint16"))


@reported("xarray-contrib/xarray-spatial#2278")
def white_is_zero_with_a_sign(folder: Path) -> Want:
    """The smaller, the brighter, below zero, too."""
    return white_is_zero(folder / "a.tif", picture(1, top=4000, dtype="int16") - np.int16(2000))


@reported("xarray-contrib/xarray-spatial#1836")
def white_is_zero_with_nodata(folder: Path) -> Want:
    """A no-data value counts as it is stored."""
    samples = np.where(holes(), picture(1, top=200), np.uint8(255))
    path = write_scene(folder / "a.tif", samples, photometric="MINISWHITE", nodata=255)
    return want(path, 255 - samples, holes())


def white_is_zero(path: Path, samples: np.ndarray) -> Want:
    """A negative, as it comes out by the scene's own stretch."""
    write_scene(path, samples, photometric="MINISWHITE")
    low, high = np.percentile(-samples.astype(np.int64), (2, 98))
    shown_right = want(path, -samples.astype(np.int64), everywhere(), (low, high))
    return replace(shown_right, reader=GeoTiffReader(), tolerance=2)


@reported("python-pillow/Pillow#932")
def palette_of_four_bits(folder: Path) -> Want:
    """Indices of 4 bits are looked up, not scaled."""
    return indexed(folder / "a.tif", 4)


@reported("rasterio/rasterio#2769")
def palette_of_sixteen_bits(folder: Path) -> Want:
    """Indices past 255."""
    return indexed(folder / "a.tif", 16)


@reported("OSGeo/gdal#10310")
def palette_in_steps_of_256(folder: Path) -> Want:
    """Colours of 16 bits whose lower byte is 0, as other writers leave them."""
    return written_otherwise(folder / "a.tif", 256)


@reported("python-pillow/Pillow#2157")
def palette_of_8_bits_in_16(folder: Path) -> Want:
    """Colours from 0 to 255 in a table of 16 bits: not all of them are black."""
    return written_otherwise(folder / "a.tif", 1)


def written_otherwise(path: Path, step: int) -> Want:
    """A palette of 8 bits, of which GDAL writes 257 times each colour, by another writer."""
    found = indexed(path, 8)
    data = path.read_bytes()
    (directory,) = struct.unpack_from("<I", data, 4)
    entry = data.index(struct.pack("<HHI", 320, 3, 768), directory)
    (table,) = struct.unpack_from("<I", data, entry + 8)
    colours = np.frombuffer(data, "<u2", 768, table) // 257 * step
    path.write_bytes(data[:table] + colours.astype("<u2").tobytes() + data[table + 1536 :])
    return found


def indexed(path: Path, bits: int) -> Want:
    """Indices of some bits, the last of them in use, and their colours."""
    dtype, top = {4: (np.uint8, 15), 8: (np.uint8, 255), 16: (np.uint16, 300)}[bits]
    indices = (picture(1, top=4000, dtype="uint16") % (top + 1)).astype(dtype)
    indices[0, 0, 0] = top
    table = np.random.default_rng(5).integers(0, 256, (top + 1, 3))
    colours = {number: (*map(int, colour), 255) for number, colour in enumerate(table)}
    write_scene(path, indices, photometric="palette", colormap=colours, nbits=bits)
    return want(path, table[indices[0]].transpose(2, 0, 1), everywhere())
