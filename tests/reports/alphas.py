"""Conditions of alpha bands: which band it is, of which type, and what else is beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.kit.scenes import write_scene
from tests.reports.inputs import (
    NIGHT,
    RGB,
    Want,
    everywhere,
    holes,
    interpreted,
    picture,
    renamed_nodata,
    reported,
    sidecar,
    want,
    with_alpha,
)


@reported("rasterio/rasterio#1721")
def alpha_between_0_and_255(folder: Path) -> Want:
    """Partly transparent pixels are data: alpha is more than 0."""
    alpha = np.arange(48)[:, None] * 5 * np.ones((1, 80), dtype=int)
    path = with_alpha(folder / "a.tif", picture(), alpha)
    return want(path, picture(), alpha > 0)


@reported("torchgeo/torchgeo#3663")
def alpha_of_0_and_1(folder: Path) -> Want:
    """Alpha need not be 255 where it is opaque."""
    return want(with_alpha(folder / "a.tif", picture(), holes()), picture(), holes())


@reported("torchgeo/torchgeo#3663")
def alpha_of_0_and_4095(folder: Path) -> Want:
    """Alpha as GDAL's Sentinel-2 driver makes it, of 12 bits in uint16."""
    samples = picture(top=4000, dtype="uint16")
    path = with_alpha(folder / "a.tif", samples, holes() * 4095)
    return want(path, samples, holes(), NIGHT)


@reported("cogeotiff/rio-cogeo#112")
def uint16_with_alpha_of_0_and_255(folder: Path) -> Want:
    """An orthophoto of 16 bits whose alpha kept the range of 8."""
    samples = picture(top=4000, dtype="uint16")
    return want(with_alpha(folder / "a.tif", samples, holes() * 255), samples, holes(), NIGHT)


@reported("rasterio/rasterio#1456")
def alpha_in_band_3(folder: Path) -> Want:
    """Gray, something else, alpha: GDAL itself looks in bands 2 and 4 alone."""
    samples = np.concatenate([picture(2), (holes() * 255).astype(np.uint8)[None]])
    path = interpreted(
        folder / "a.tif",
        samples,
        ("gray", "undefined", "alpha"),
        photometric="MINISBLACK",
        alpha="unspecified",
    )
    return want(path, samples[:1], holes())


@reported("rasterio/rasterio#1178")
def alpha_after_six_bands(folder: Path) -> Want:
    """Red, green, blue, red edge, two infrareds and alpha, of 16 bits."""
    samples = picture(6, top=4000, dtype="uint16")
    stacked = np.concatenate([samples, (holes() * 65535).astype(np.uint16)[None]])
    colours = (*RGB, "undefined", "undefined", "undefined", "alpha")
    path = interpreted(folder / "a.tif", stacked, colours, photometric="RGB")
    return want(path, samples[:3], holes(), NIGHT)


@reported("OSGeo/gdal#3953")
def alpha_and_nodata_65535(folder: Path) -> Want:
    """Alpha with a no-data value that opaque pixels have: alpha decides."""
    samples = picture(top=4000, dtype="uint16")
    samples[:, 40:, :9] = 65535
    path = with_alpha(folder / "a.tif", samples, holes() * 65535, nodata=65535)
    return want(path, samples, holes(), NIGHT)


@reported("mapnik/mapnik#3714")
def alpha_and_nodata_that_is_not_a_number(folder: Path) -> Want:
    """RGBA of bytes with the no-data value nan."""
    path = folder / "a.tif"
    stacked = np.concatenate([picture(), (holes() * 255).astype(np.uint8)[None]])
    renamed_nodata(path, stacked, 255, "nan", alpha="YES")
    return want(path, picture(), holes())


@reported("cogeotiff/rio-tiler#51")
def alpha_by_a_sidecar(folder: Path) -> Want:
    """The file leaves band 4 open; the sidecar says that it is alpha."""
    stacked = np.concatenate([picture(), (holes() * 255).astype(np.uint8)[None]])
    path = write_scene(folder / "a.tif", stacked, photometric="RGB", alpha="unspecified")
    sidecar(path, "", "", "", "<ColorInterp>Alpha</ColorInterp>")
    return want(path, picture(), holes())


@reported("hotosm/oam-dynamic-tiler#27")
def band_4_that_is_no_alpha(folder: Path) -> Want:
    """Infrared of 16 bits, 0 over water, without any no-data value."""
    samples = picture(4, top=4000, dtype="uint16")
    samples[3, 10:30] = 0
    path = write_scene(folder / "a.tif", samples, photometric="RGB", alpha="unspecified")
    return want(path, samples[:3], everywhere(), NIGHT)
