from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rioxarray
import xarray as xr
import zarr
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.mosaics.opening import open_mosaic
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from tests.io.mosaic_examples import GRIDS, NORTH_UP, UTM, build, codes_of, mosaic_of, tiling
from tests.kit.mosaics import begun

# rioxarray 0.19, the last for Python 3.11, multiplies matrices with an operator that affine 3 will retire.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")

GRID = Grid(101, 75, NORTH_UP, UTM)


def probabilities(codes: np.ndarray) -> np.ndarray:
    return np.where(codes == 255, np.nan, codes / 254).astype(np.float32)


@pytest.mark.parametrize("name", GRIDS)
def test_an_opened_mosaic_has_the_pixels_crs_and_transform_of_its_scene(tmp_path, name):
    grid = GRIDS[name]
    codes = codes_of(grid)
    saliency = open_mosaic(build(tmp_path, mosaic_of(grid), codes))
    assert saliency.dtype == np.float32
    assert saliency.dims == ("y", "x")
    np.testing.assert_allclose(saliency.values, probabilities(codes), rtol=1e-6)
    assert saliency.rio.crs == (CRS.from_wkt(grid.crs_wkt) if grid.crs_wkt else None)
    assert saliency.rio.transform()[:6] == pytest.approx(grid.transform.coefficients, rel=1e-12)
    assert np.isnan(saliency.rio.nodata)


def test_saliency_runs_from_exactly_0_to_exactly_1(tmp_path):
    mosaic = mosaic_of(Grid(1, 256))
    saliency = open_mosaic(build(tmp_path, mosaic, np.arange(256, dtype=np.uint8)[None])).values[0]
    assert (saliency[0], saliency[254]) == (0.0, 1.0)
    assert np.isnan(saliency[255])
    assert (np.diff(saliency[:255]) > 0).all()


@pytest.mark.parametrize("name", GRIDS)
def test_every_level_lies_where_the_scene_does(tmp_path, name):
    grid = GRIDS[name]
    mosaic = mosaic_of(grid)
    uri = build(tmp_path, mosaic, codes_of(grid))
    for number in range(mosaic.levels):
        level = open_mosaic(uri, number)
        assert level.shape == (grid.level(number).height_px, grid.level(number).width_px)
        expected = grid.level(number).transform.coefficients
        assert level.rio.transform()[:6] == pytest.approx(expected, rel=1e-12)


def test_coordinates_are_pixel_centres(tmp_path):
    saliency = open_mosaic(build(tmp_path, mosaic_of(GRID), codes_of(GRID)))
    assert (saliency.x.values[0], saliency.y.values[0]) == (499985.0, 5000035.0)
    assert (saliency.x.values[-1], saliency.y.values[-1]) == (500725.0, 4999035.0)


def test_opening_reads_no_pixels_and_cutting_out_reads_only_its_own_shard(tmp_path):
    codes = np.zeros((101, 75), np.uint8)
    uri = build(tmp_path, mosaic_of(GRID), codes)
    shards = [path for path in Path(uri, "0/saliency/c").rglob("*") if path.is_file()]
    assert len(shards) == 6
    for path in shards:
        if path != Path(uri, "0/saliency/c/1/0"):
            path.write_bytes(b"damaged")
    saliency = open_mosaic(uri)
    assert (saliency.isel(y=slice(50, 90), x=slice(0, 40)).values == 0).all()


def test_provenance_is_among_the_attributes(tmp_path):
    saliency = open_mosaic(build(tmp_path, mosaic_of(GRID), codes_of(GRID)))
    assert saliency.attrs["provenance"]["run_key"] == "key"


@pytest.mark.parametrize("level", [-1, 4, 99])
def test_a_level_that_there_is_not_is_refused(tmp_path, level):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    with pytest.raises(ValueError, match=rf"has no level {level}; its levels are 0 to 3"):
        open_mosaic(uri, level)


def test_an_incomplete_mosaic_is_refused(tmp_path):
    mosaic = mosaic_of(GRID)
    begun(ZarrBlockWriter(open_store(str(tmp_path))), mosaic, {"run_key": "key"})
    with pytest.raises(ValueError, match="not complete: run the job again"):
        open_mosaic(f"{tmp_path}/{mosaic.path}")


def test_where_there_is_no_mosaic_the_error_says_what_to_give(tmp_path):
    with pytest.raises(FileNotFoundError, match="sgddiff catalogue show OUTPUT"):
        open_mosaic(str(tmp_path / "nothing.zarr"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileNotFoundError, match="sgddiff catalogue show OUTPUT"):
        open_mosaic(str(tmp_path / "file"))


@pytest.mark.parametrize(
    "root", ["", "{}", "[1]", '{"attributes": {}}', '{"attributes": {"complete": true}}', "[" * 100_000]
)
def test_what_is_no_mosaic_is_refused(tmp_path, root):
    (tmp_path / "zarr.json").write_text(root)
    with pytest.raises(ValueError, match="not the root of a mosaic"):
        open_mosaic(str(tmp_path))


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ConfigError, match="gs://"):
        open_mosaic("gs://bucket/mosaic.zarr")


@pytest.mark.parametrize("name", GRIDS)
def test_plain_xarray_and_rioxarray_find_crs_and_no_data_by_themselves(tmp_path, name):
    grid, codes = GRIDS[name], codes_of(GRIDS[name])
    uri = build(tmp_path, mosaic_of(grid), codes)
    with xr.open_dataset(uri, engine="zarr", group="0", decode_coords="all") as opened:
        np.testing.assert_allclose(opened.saliency.values, probabilities(codes), rtol=1e-6)
        assert opened.rio.crs == (CRS.from_wkt(grid.crs_wkt) if grid.crs_wkt else None)
    assert rioxarray.__version__


def test_a_whole_pyramid_opens_as_a_data_tree(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    with xr.open_datatree(uri, engine="zarr", chunks=None) as tree:
        assert list(tree.groups) == ["/", "/0", "/1", "/2", "/3"]


def test_rio_tiler_reads_the_same_pixels_crs_and_transform(tmp_path):
    reader = pytest.importorskip("rio_tiler.io.xarray", reason="rio-tiler is not installed")
    codes = codes_of(GRID)
    uri = build(tmp_path, mosaic_of(GRID), codes)
    with reader.XarrayReader(open_mosaic(uri)) as source:
        assert source.crs == CRS.from_epsg(32633)
        assert source.transform[:6] == GRID.transform.coefficients
        image = source.preview(max_size=None)
    np.testing.assert_array_equal(image.array.mask[0], codes == 255)
    np.testing.assert_allclose(image.array.filled(np.nan)[0], probabilities(codes), rtol=1e-6)


def test_rio_tiler_finds_the_pyramid_by_its_conventions(tmp_path):
    reader = pytest.importorskip("rio_tiler.experimental.zarr", reason="rio-tiler[zarr] is not installed")
    codes = codes_of(GRID)
    uri = build(tmp_path, mosaic_of(GRID), codes)
    with reader.GroupReader(zarr.open_group(uri, mode="r")) as source:
        assert source.crs == CRS.from_epsg(32633)
        assert source.transform[:6] == GRID.transform.coefficients
        assert [(v["name"], v["multiscale"]) for v in source.list_variables()] == [("saliency", True)]
        image = source.preview(variables=["saliency"], max_size=None)
    np.testing.assert_array_equal(image.array.data[0], codes)


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("folder", ["real", "odd", "truth"])
def test_mosaics_of_real_scenes_have_their_crs_and_transform(tmp_path, data_root, folder):
    for path in sorted((data_root / "scenes" / folder).glob("*.tif")):
        if path.name == "corrupt.tif":
            continue
        with rasterio.open(path) as scene:
            crs, transform, height, width = scene.crs, scene.transform, scene.height, scene.width
        wkt = crs.to_wkt() if crs else None
        mosaic = mosaic_of(Grid(height, width, Transform(*transform[:6]), wkt), Tiling())
        saliency = open_mosaic(build(tmp_path / path.name, mosaic, np.full((height, width), 9, np.uint8)))
        assert saliency.shape == (height, width), path.name
        assert saliency.rio.crs == crs, path.name
        assert saliency.rio.transform()[:6] == pytest.approx(transform[:6], rel=1e-12), path.name


def test_block_size_does_not_show_in_what_is_opened(tmp_path):
    codes = codes_of(GRID)
    opened = [
        open_mosaic(build(tmp_path / f"{level} {n}", mosaic_of(GRID, tiling(n)), codes), level).values
        for level in range(3)
        for n in (1, 2, 4)
    ]
    for level in range(3):
        one, two, four = opened[3 * level : 3 * level + 3]
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, four)
