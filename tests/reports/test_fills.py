"""Reported conditions whose right answer is not one picture: what may decide a stretch, and what inks are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sgddiff_batch.errors import UnsupportedSceneError
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.kit.scenes import scene_of, write_scene
from tests.reports.inputs import holes, picture

LOWEST = float(np.finfo(np.float32).min)


@pytest.mark.parametrize(
    ("fill", "declared"),
    [(LOWEST, None), (LOWEST, b"-1.797693134862316e+308"), (9.969209968386869e36, None)],
    ids=["undeclared", "declared as a float64's", "the fill of NetCDF"],
)
def test_a_fill_near_the_end_of_floats_does_not_decide_the_stretch(
    tmp_path: Path, fill: float, declared: bytes | None
) -> None:
    """apache/sedona#3114, ida-mdc/pixel-patrol#266."""
    samples = np.where(holes(), picture(1, top=4000, dtype="float32"), np.float32(fill))
    path = write_scene(tmp_path / "a.tif", samples, nodata=LOWEST if declared else None)
    if declared:
        data, written = path.read_bytes(), b"-3.4028234663852886e+38"
        assert data.count(written) == 1
        path.write_bytes(data.replace(written, declared))
    stretch = GeoTiffReader().profile(scene_of(path)).stretch
    assert stretch is not None
    low, high = np.percentile(samples[:, holes()], (2, 98))
    # Towards a fill that nobody declared it reaches a quarter further.
    assert (stretch.low, stretch.high) == pytest.approx((low, high), abs=0.26 * (high - low))


def test_inks_of_16_bits_are_shown_as_on_paper_or_refused(tmp_path: Path) -> None:
    """image-rs/image#2074, ImageMagick/ImageMagick#6094: GDAL converts those of 8 bits alone."""
    inks = picture(4, top=4000, dtype="uint16")
    inks[3] = 0
    scene = scene_of(write_scene(tmp_path / "a.tif", inks, photometric="CMYK"))
    try:
        profile = GeoTiffReader().profile(scene)
    except UnsupportedSceneError:
        return
    pixels, _ = GeoTiffReader().read(scene, profile, profile.grid.window)
    for ink, shown in zip(inks[:3], pixels, strict=True):
        assert np.corrcoef(ink.ravel(), shown.ravel())[0, 1] < -0.9
