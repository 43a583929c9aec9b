from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_AppDefinedError
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.transform import Affine

from sgddiff_batch.core.colours import code_colours
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.mosaics.export_cog import CogExport, _Placement, _vrt, export_cog
from sgddiff_batch.io.mosaics.export_levels import CodeLevel
from sgddiff_batch.io.mosaics.export_target import MARK, MARK_BYTES
from tests.io.mosaic_examples import GRIDS, NORTH_UP, UTM, build, codes_of, mosaic_of, stored_codes

# A scene in pixel coordinates gives a COG in pixel coordinates, of which rasterio warns whoever opens it.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

GRID = Grid(101, 75, NORTH_UP, UTM)
SPARSE = {
    "driver": "GTiff", "dtype": "uint8", "count": 1, "height": 30_000, "width": 30_000, "nodata": 255,
    "tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True, "transform": Affine.scale(2.0),
}  # fmt: skip


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


@pytest.mark.parametrize(
    "said", [CPLE_AppDefinedError(3, 1, "no COG of\nthis"), RasterioError("no COG of this")]
)
def test_what_gdal_cannot_write_is_no_failure_of_python(tmp_path, monkeypatch, said):
    def refused(*_: object, **__: object) -> None:
        raise said

    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    monkeypatch.setattr(rasterio.shutil, "copy", refused)
    with pytest.raises(OSError, match="GDAL cannot write it as a COG: no COG of this"):
        export_cog(uri, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.parametrize(
    ("name", "key", "changes"),
    [
        ("0/spatial_ref", "attributes", {"GeoTransform": None}),
        ("0/spatial_ref", "attributes", {"GeoTransform": 7}),
        ("0/spatial_ref", "attributes", {"GeoTransform": "1 2"}),
        ("0/spatial_ref", "attributes", {"GeoTransform": "a b c d e f"}),
        ("0/spatial_ref", "attributes", {"crs_wkt": "PROJCS["}),
        ("1/saliency", "", {"shape": None}),
    ],
)
def test_damaged_metadata_is_told_as_such(tmp_path, name, key, changes):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    path = Path(uri, name, "zarr.json")
    tree = json.loads(path.read_text())
    changed = tree[key] if key else tree
    for each, value in changes.items():
        changed.pop(each)
        changed.update({} if value is None else {each: value})
    path.write_text(json.dumps(tree))
    with pytest.raises(FatalError, match=f"{name}|levels.*it is damaged"):
        export_cog(uri, tmp_path / "out.tif")


def test_a_cog_has_the_colours_of_saliency_beside_its_scale_and_no_data_is_transparent(tmp_path):
    path = export(build(tmp_path, mosaic_of(GRID), codes_of(GRID)), tmp_path / "out.tif")
    with rasterio.open(path) as cog:
        table = cog.colormap(1)
        assert cog.colorinterp == (ColorInterp.palette,)
    shown = code_colours().tolist()
    assert [list(table[code]) for code in range(255)] == [[*shown[code], 255] for code in range(255)]
    assert table[255][3] == 0


def test_a_cog_says_of_which_mosaic_it_is(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    path = export(uri, tmp_path / "out.tif")
    cog = CogExport()
    with rasterio.open(path) as raster:
        assert raster.tags()[MARK] == cog.mark(uri) == "v-key.zarr cog-1"
    assert cog.marked(path.read_bytes()[:MARK_BYTES]) == cog.mark(uri)
    assert cog.mark(f"{uri}/") == cog.mark(uri) != cog.mark(uri.replace("v-key", "w-key"))
    for other in (b"", b"II*\0", b"no raster"):
        assert cog.marked(other) is None


def test_the_mark_of_a_mosaic_of_30_000_px_lies_in_the_bytes_that_are_looked_at(tmp_path):
    vrt, path = tmp_path / "all.vrt", tmp_path / "out.tif"
    vrt.write_bytes(_vrt([(30_000, 30_000)], _Placement(CRS.from_wkt(UTM), Affine.scale(2.0)), "v & key"))
    with rasterio.open(tmp_path / "0.tif", "w", **SPARSE):
        pass
    rasterio.shutil.copy(vrt, path, driver="COG", BLOCKSIZE=512, OVERVIEWS="NONE", SPARSE_OK=True)
    assert CogExport().marked(path.read_bytes()[:MARK_BYTES]) == "v & key"


def test_no_more_than_a_shard_is_read_at_once(tmp_path, monkeypatch):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    areas, read = [], CodeLevel.read
    monkeypatch.setattr(
        CodeLevel, "read", lambda level, part: areas.append(part.area_px) or read(level, part)
    )
    export(uri, tmp_path / "out.tif")
    assert len(areas) > 6
    assert max(areas) == 48 * 48
