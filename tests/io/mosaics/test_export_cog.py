from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.io.mosaics.export_cog import export_cog
from tests.io.mosaic_examples import GRIDS, NORTH_UP, UTM, build, codes_of, mosaic_of, stored_codes

# A scene in pixel coordinates gives a COG in pixel coordinates, of which rasterio warns whoever opens it.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

GRID = Grid(101, 75, NORTH_UP, UTM)


def export(uri: str, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_cog(uri, path)
    return path


@pytest.mark.parametrize("name", GRIDS)
def test_a_cog_has_the_codes_crs_and_transform_of_its_mosaic(tmp_path, name):
    grid, codes = GRIDS[name], codes_of(GRIDS[name])
    path = export(build(tmp_path, mosaic_of(grid), codes), tmp_path / "out.tif")
    with rasterio.open(path) as cog:
        np.testing.assert_array_equal(cog.read(1), codes)
        assert cog.crs == (CRS.from_wkt(grid.crs_wkt) if grid.crs_wkt else None)
        assert cog.transform[:6] == pytest.approx(grid.transform.coefficients, rel=1e-12)
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (cog.count, cog.dtypes, cog.nodata) == (1, ("uint8",), 255)
        assert (cog.scales, cog.offsets, cog.descriptions) == ((1 / 254,), (0.0,), ("saliency",))


@pytest.mark.parametrize(
    ("grid", "cut"),
    [
        pytest.param(GRID, None, id="small"),
        pytest.param(
            Grid(1300, 2050, NORTH_UP, UTM), Tiling(32, 8, 24 * 64), id="large", marks=pytest.mark.slow
        ),
    ],
)
def test_overviews_are_the_levels_of_the_mosaic_to_the_byte(tmp_path, grid, cut):
    mosaic = mosaic_of(grid, cut)
    codes = codes_of(grid)
    codes[: grid.height_px // 2] = 255
    uri = build(tmp_path, mosaic, codes)
    path = export(uri, tmp_path / "out.tif")
    with rasterio.open(path) as cog:
        assert len(cog.overviews(1)) == mosaic.levels - 1
        np.testing.assert_array_equal(cog.read(1), codes)
    for level in range(1, mosaic.levels):
        with rasterio.open(path, overview_level=level - 1) as overview:
            np.testing.assert_array_equal(overview.read(1), stored_codes(uri, level))


def test_a_mosaic_without_data_gives_a_cog_without_data(tmp_path):
    path = export(build(tmp_path, mosaic_of(GRID), np.full((101, 75), 255, np.uint8)), tmp_path / "out.tif")
    with rasterio.open(path) as cog:
        assert (cog.read(1) == 255).all()
        assert not cog.dataset_mask().any()


def test_an_export_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.tif").write_bytes(b"old")
    export(build(tmp_path, mosaic_of(GRID), codes_of(GRID)), out / "a.tif")
    assert [path.name for path in out.iterdir()] == ["a.tif"]


def test_an_export_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.tif").write_bytes(b"old")
    uri = build(tmp_path, mosaic_of(GRID), np.zeros((101, 75), np.uint8))
    Path(uri, "2/saliency/c/0/0").write_bytes(b"damaged")
    with pytest.raises(FatalError, match="it is damaged"):
        export_cog(uri, out / "a.tif")
    assert [(path.name, path.read_bytes()) for path in out.iterdir()] == [("a.tif", b"old")]


def test_a_cog_is_written_to_local_files_only(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    with pytest.raises(ConfigError, match="upload it"):
        export_cog(uri, "s3://bucket/a.tif")
    with pytest.raises(ConfigError, match="is a folder"):
        export_cog(uri, tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        export_cog(uri, tmp_path / "typo" / "a.tif")
