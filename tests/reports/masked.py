"""Conditions of masks: no data, sidecars, masks inside and beside, palettes, blocks never written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.kit.scenes import write_scene
from tests.reports.inputs import (
    NIGHT,
    Want,
    everywhere,
    holes,
    mask_file,
    picture,
    renamed_nodata,
    reported,
    sidecar,
    want,
)


@reported("rasterio/rasterio#289")
def nodata_minus_9999_of_uint16(folder: Path) -> Want:
    """A value that cannot occur is ignored: 0 is data."""
    samples = picture(top=4000, dtype="uint16")
    samples[:, :5] = 0
    return want(renamed_nodata(folder / "a.tif", samples, 60000, "-9999"), samples, everywhere(), NIGHT)


@reported("banesullivan/localtileserver#197")
def nodata_minus_1_of_uint8(folder: Path) -> Want:
    """A value that cannot occur is ignored: 0 and 255 are data."""
    samples = picture()
    samples[:, :5], samples[:, -5:] = 0, 255
    return want(renamed_nodata(folder / "a.tif", samples, 97, "-1"), samples, everywhere())


@reported("xarray-contrib/xarray-spatial#1581")
def nodata_300_of_uint8(folder: Path) -> Want:
    """A value that cannot occur is ignored: 255, the nearest that can, is data."""
    samples = picture()
    samples[:, :5], samples[:, -5:] = 0, 255
    return want(renamed_nodata(folder / "a.tif", samples, 254, "300"), samples, everywhere())


@reported("opengeos/segment-geospatial#202")
def nodata_that_is_not_a_number_of_uint8(folder: Path) -> Want:
    """A value that cannot occur is ignored: 0 is data."""
    samples = picture()
    samples[:, :5] = 0
    return want(renamed_nodata(folder / "a.tif", samples, 254, "nan"), samples, everywhere())


@reported("cogeotiff/rio-tiler#691")
def float_with_nodata_nan(folder: Path) -> Want:
    """Not a number, declared as such, is no data."""
    samples = np.where(holes(), picture(top=4000, dtype="float32"), np.float32(np.nan))
    return want(write_scene(folder / "a.tif", samples, nodata=np.nan), np.nan_to_num(samples), holes(), NIGHT)


@reported("OSGeo/gdal#3791")
def float_with_the_lowest_number_rounded(folder: Path) -> Want:
    """The lowest float32 as no data, whose text in the file has twelve digits."""
    lowest = np.finfo(np.float32).min
    samples = np.where(holes(), picture(top=4000, dtype="float32"), lowest)
    path = write_scene(folder / "a.tif", samples, nodata=-3.4028234663852886e38)
    data = path.read_bytes()
    assert data.count(b"-3.4028234663852886e+38\0") == 1
    path.write_bytes(data.replace(b"-3.4028234663852886e+38\0", b"-3.40282346639e+38\0     "))
    return want(path, np.where(holes(), samples, 0), holes(), NIGHT)


@reported("geotiffjs/geotiff.js#259")
def float_with_the_lowest_number_rounded_to_two_digits(folder: Path) -> Want:
    """Pixels of the lowest float32, and -3.4e38 in the file: GDAL takes them for one."""
    samples = np.where(holes(), picture(top=4000, dtype="float32"), np.finfo(np.float32).min)
    path = write_scene(folder / "a.tif", samples, nodata=-3.4028234663852886e38)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"-3.4028234663852886e+38\0", b"-3.39999999999999996e+38"))
    return want(path, np.where(holes(), samples, 0), holes(), NIGHT)


@reported("rasterio/rasterio#1859")
def nodata_of_each_band_in_a_sidecar(folder: Path) -> Want:
    """Each band has a value of its own: a pixel is no data where all shown bands have theirs."""
    samples, lost = picture(), np.array([0, 251, 252], dtype=np.uint8)
    samples = np.where(holes(), samples, lost[:, None, None])
    samples[1, :4, 70:] = 251
    path = write_scene(folder / "a.tif", samples, photometric="RGB")
    sidecar(path, *(f"<NoDataValue>{value}</NoDataValue>" for value in lost))
    return want(path, samples, holes())


@reported("rasterio/rasterio#71")
def nodata_values_of_the_whole_file(folder: Path) -> Want:
    """The same in GDAL's metadata item for it: no data is where all bands have theirs."""
    lost = np.array([0, 251, 252], dtype=np.uint8)
    samples = np.where(holes(), picture(), lost[:, None, None])
    samples[1, :4, 70:] = 251
    tags = {"": {"NODATA_VALUES": "0 251 252"}}
    return want(write_scene(folder / "a.tif", samples, photometric="RGB", tags=tags), samples, holes())


@reported("xarray-contrib/xarray-spatial#2570")
def nodata_of_64_bits(folder: Path) -> Want:
    """Two numbers that are one as float64: only the declared one is no data."""
    lost = 2**60 + 1
    samples = np.where(holes(), picture(1, top=4000, dtype="int64"), lost)
    samples[0, 40:, :9] = lost - 1
    path = write_scene(folder / "a.tif", samples, nodata=2**60)
    data, written = path.read_bytes(), b"1.152921504606847e+18\0"
    assert data.count(written) == 1
    path.write_bytes(data.replace(written, str(lost).encode().ljust(len(written), b"\0")))
    return want(path, np.where(holes(), samples, 0), holes(), NIGHT)


@reported("DHI/terracotta#181")
def nodata_and_not_a_number(folder: Path) -> Want:
    """A declared value on one side of a scene, and what is not a number on the other."""
    samples = np.where(holes(), picture(1, top=4000, dtype="float32"), np.float32(-9999))
    samples[0, :, 60:] = np.nan
    valid = holes() & (np.arange(80) < 60)
    return want(
        write_scene(folder / "a.tif", samples, nodata=-9999), np.where(valid, samples, 0), valid, NIGHT
    )


@reported("rasterio/rasterio#1191")
def mask_in_a_file_beside(folder: Path) -> Want:
    """A .msk is the mask."""
    path = write_scene(folder / "a.tif", picture(), photometric="RGB")
    mask_file(path, holes())
    return want(path, picture(), holes())


@reported("rasterio/rasterio#508")
def mask_in_a_file_beside_and_nodata(folder: Path) -> Want:
    """A .msk comes before a no-data value, which dark pixels have."""
    samples = picture()
    samples[:, -6:] = 0
    path = write_scene(folder / "a.tif", samples, nodata=0, photometric="RGB")
    mask_file(path, holes())
    return want(path, samples, holes())


@reported("rasterio/rasterio#285")
def internal_mask_and_nodata(folder: Path) -> Want:
    """A mask inside comes before a no-data value, which bright pixels have."""
    samples = picture()
    samples[:, -6:] = 255
    path = write_scene(folder / "a.tif", samples, nodata=255, mask=holes(), photometric="RGB")
    return want(path, samples, holes())


@reported("qgis/QGIS#25955")
def white_in_one_band_alone(folder: Path) -> Want:
    """No-data value 255: a saturated red is data, only white is not."""
    samples = np.where(holes(), picture(), np.uint8(255))
    samples[0, 36:, :20] = samples[1:, 36:, 20:40] = 255
    return want(write_scene(folder / "a.tif", samples, nodata=255, photometric="RGB"), samples, holes())


@reported("qgis/QGIS#17697")
def black_in_one_band_alone(folder: Path) -> Want:
    """No-data value 0 of 16 bits: a pixel whose red is 0 is data."""
    samples = np.where(holes(), picture(top=4000, dtype="uint16"), np.uint16(0))
    samples[0, 36:, :20] = samples[1:, 36:, 20:40] = 0
    path = write_scene(folder / "a.tif", samples, nodata=0, photometric="RGB")
    return want(path, samples, holes(), NIGHT)


@reported("rasterio/rasterio#1896")
def a_mask_of_each_band_beside(folder: Path) -> Want:
    """A .msk with a mask for each band: a pixel is no data where all shown bands are masked."""
    path = write_scene(folder / "a.tif", picture(), photometric="RGB")
    masks = np.stack([holes(), holes(), holes()])
    masks[0, 40:, :20] = masks[1, 40:, 20:40] = False
    flags = {f"INTERNAL_MASK_FLAGS_{band}": "0" for band in (1, 2, 3)}
    beside = write_scene(folder / "mask.tif", (masks * 255).astype(np.uint8), tags={"": flags})
    beside.rename(f"{path}.msk")
    return want(path, picture(), masks.any(axis=0))


@reported("developmentseed/titiler#1023")
def palette_with_a_nodata_index(folder: Path) -> Want:
    """An index that is declared no data is none, whatever colour it has."""
    indices = (picture(1) % 5).astype(np.uint8)
    colours = {number: (40 * number, 200 - 30 * number, 7 * number, 255) for number in range(5)}
    path = write_scene(
        folder / "a.tif", indices, nodata=2, photometric="palette", colormap={**colours, 2: (255, 0, 0, 255)}
    )
    table = np.array([colours[number][:3] for number in range(5)], dtype=np.uint8)
    return want(path, table[indices[0]].transpose(2, 0, 1), indices[0] != 2)


@reported("xarray-contrib/xarray-spatial#1501")
def blocks_never_written_with_nodata(folder: Path) -> Want:
    """What a sparse file leaves out is its no-data value."""
    return want(sparse(folder / "a.tif", 77), sparse_samples(77), sparse_samples(77)[0] != 77)


@reported("geotiffjs/geotiff.js#304")
def blocks_never_written_without_nodata(folder: Path) -> Want:
    """What a sparse file without a no-data value leaves out is 0, and data."""
    return want(sparse(folder / "a.tif", None), sparse_samples(0), everywhere())


def sparse_samples(fill: int) -> np.ndarray:
    """Samples of which all but a block are a fill."""
    samples = np.full((3, 48, 80), fill, dtype=np.uint8)
    samples[:, 16:32, 32:48] = 100
    return samples


def sparse(path: Path, nodata: int | None) -> Path:
    """Write them; blocks of the fill are not written."""
    options = {"tiled": True, "blockxsize": 16, "blockysize": 16, "photometric": "RGB", "sparse_ok": True}
    return write_scene(path, sparse_samples(nodata or 0), nodata=nodata, **options)
