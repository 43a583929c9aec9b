"""What a scene shows in the pixels of a cell: the same bytes on the same grid, GDAL's warp on another."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.composite_planning import AreaScene
from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import ChangedSceneError, SceneError
from sgddiff_batch.io.areas import source as area_sources
from sgddiff_batch.io.areas.source import open_source
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from tests.io.area_examples import LEFT, TOP, UTM33, area_settings, put_scene, smooth

CELL = Grid(80, 80, Transform(10, 0, LEFT, 0, -10, TOP), UTM33)


@pytest.fixture
def output(tmp_path):
    return open_store(str(tmp_path / "out"))


def wkt(code: int) -> str:
    return CRS.from_epsg(code).to_wkt()


def opened(output, codes, settings=None, **where):
    record = put_scene(output, "a.tif", codes, **where)
    scene = AreaScene("a.tif", str(record.store), "then", TimeSpan(0, 0))
    return open_source(output, scene, settings or area_settings())


def seen(source, cell=CELL, block_px=80):
    codes = np.full((cell.height_px, cell.width_px), 255, dtype=np.uint8)
    for block in cell.window.split(block_px):
        for part, found in source.parts(cell, block):
            assert block.contains(part)
            codes[part.slices] = found
    return codes


def zone_32(px: float) -> Transform:
    """A grid of zone 32 that covers the cell."""
    (x,), (y,) = transform(CRS.from_epsg(32633), CRS.from_epsg(32632), [LEFT], [TOP])
    return Transform(px, 0, x - 100, 0, -px, y + 100)


def warped_by_gdal(codes, crs, where, resampling):
    """The same, by another way through GDAL: a virtual raster over a file."""
    profile = {"driver": "GTiff", "height": codes.shape[0], "width": codes.shape[1], "count": 1}
    placed = {"crs": crs, "transform": Affine(*where.coefficients), "dtype": "uint8", "nodata": 255}
    target = {"crs": "EPSG:32633", "transform": Affine(*CELL.transform.coefficients)}
    method = rasterio.enums.Resampling[resampling]
    with MemoryFile() as memory:
        with memory.open(**profile, **placed) as file:
            file.write(codes, 1)
        with (
            memory.open() as read,
            WarpedVRT(read, **target, height=80, width=80, nodata=255, resampling=method) as vrt,
        ):
            return vrt.read(1)


@pytest.mark.parametrize(("row", "col"), [(0, 0), (-17, 23), (70, -30), (-100, -100), (500, 0)])
def test_a_scene_of_the_same_grid_is_copied_to_the_byte(output, row, col):
    codes = smooth(110, 130, seed=3)
    around = np.full((400, 400), 255, dtype=np.uint8)
    if abs(row) < 150:
        around[150 + row : 260 + row, 150 + col : 280 + col] = codes
    got = seen(opened(output, codes, row=row, col=col))
    np.testing.assert_array_equal(got, around[150:230, 150:230])


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average"])
def test_a_scene_of_another_grid_is_warped_as_gdal_does_it(output, resampling):
    codes, where = smooth(130, 130, seed=5), zone_32(9.0)
    source = opened(output, codes, area_settings(resampling=resampling), crs=wkt(32632), transform=where)
    got, wanted = seen(source), warped_by_gdal(codes, "EPSG:32632", where, resampling)
    assert (wanted != 255).mean() > 0.7
    differ = np.abs(got.astype(int) - wanted) > 2
    # GDAL approximates its way along a row, which moves what is at an edge by an eighth of a pixel.
    assert differ.mean() < 0.02


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average"])
def test_no_pixel_depends_on_the_size_of_blocks(output, resampling):
    source = opened(
        output, smooth(150, 150), area_settings(resampling=resampling), crs=wkt(32632), transform=zone_32(7.3)
    )
    whole = seen(source, block_px=96)
    for block_px in (32, 64):
        np.testing.assert_array_equal(seen(source, block_px=block_px), whole)


def test_no_pixel_depends_on_how_much_of_a_scene_is_read_at_once(output, monkeypatch):
    where = {"crs": wkt(32632), "transform": zone_32(9.0)}
    source = opened(output, smooth(130, 130), **where)
    whole = seen(source)
    widest = max(window.area_px for _, window, _ in source._tiles(CELL, CELL.window))
    monkeypatch.setattr(area_sources, "MOST_READ_PX", widest)
    np.testing.assert_array_equal(seen(source), whole)


def test_what_is_too_large_to_be_read_is_warped_in_smaller_tiles(output, monkeypatch):
    source = opened(output, smooth(130, 130), crs=wkt(32632), transform=zone_32(9.0))
    whole = seen(source)
    monkeypatch.setattr(area_sources, "MOST_READ_PX", 700)
    tiles = list(source._tiles(CELL, CELL.window))
    assert max(window.area_px for _, window, _ in tiles) <= 700
    got = seen(source)
    np.testing.assert_array_equal(got == 255, whole == 255)
    assert np.abs(got.astype(int) - whole).max() <= 2
    monkeypatch.setattr(area_sources, "MOST_READ_PX", 1)
    with pytest.raises(SceneError, match=r"a\.tif cannot be warped"):
        seen(source)


def test_no_data_stays_no_data_and_is_not_mixed_into_its_neighbours(output):
    codes = np.full((130, 130), 100, dtype=np.uint8)
    codes[40:60, 40:60] = 255
    got = seen(opened(output, codes, crs=wkt(32632), transform=zone_32(9.0)))
    assert set(np.unique(got)) == {100, 255}


@pytest.mark.parametrize("row", [0.5, 0.25])
def test_a_grid_that_is_shifted_by_less_than_a_pixel_is_warped(output, row):
    codes = np.tile(np.arange(100, dtype=np.uint8)[:, None], (1, 100))
    got = seen(opened(output, codes, row=row))
    shift = got[5:75, 5:75].astype(float) - np.arange(5, 75)[:, None]
    assert np.abs(shift + row).max() <= 0.51


def test_of_a_fine_scene_the_level_is_taken_that_suits_the_area(output):
    codes = smooth(320, 320)
    source = opened(output, codes, pixel=2.5)
    assert source.level == 2
    np.testing.assert_array_equal(seen(source), pyramid.halve(pyramid.halve(codes)))
    assert opened(output, codes, pixel=2.6).level == 1
    assert opened(output, codes, pixel=0.001).level == len(range(pyramid.level_count(320, 320, 32))) - 1
    assert opened(output, codes, pixel=30.0).level == 0


def test_a_scene_that_crosses_the_antimeridian_in_degrees_is_found_from_its_other_side(output):
    (x,), (y,) = transform(CRS.from_epsg(4326), CRS.from_epsg(32601), [-180], [45])
    cell = Grid(80, 80, Transform(500, 0, x - 20_000, 0, -500, y + 20_000), wkt(32601))
    codes = np.full((200, 200), 77, dtype=np.uint8)
    settings = area_settings(crs=wkt(32601), resolution=500.0)
    where = Transform(0.01, 0, 179, 0, -0.01, 46)  # 179 to 181 degrees
    source = opened(output, codes, settings, crs=wkt(4326), transform=where)
    assert set(np.unique(seen(source, cell))) == {77}


def test_a_bottom_up_scene_is_turned_the_right_way(output):
    codes = smooth(80, 80)
    upside = Transform(10, 0, LEFT, 0, 10, TOP - 800)
    got = seen(opened(output, codes[::-1].copy(), area_settings(resampling="nearest"), transform=upside))
    np.testing.assert_array_equal(got, codes)


def test_a_scene_that_is_gone_is_no_scene_without_data(output):
    source = opened(output, smooth(80, 80))
    ZarrBlockWriter(output).empty(source.scene.path)
    ZarrBlockWriter(output).clear(source.scene.path)
    with pytest.raises(ChangedSceneError, match="gone"):
        source.check()
    with pytest.raises(ChangedSceneError, match="gone"):
        open_source(output, source.scene, source.settings)


def test_a_scene_that_was_made_anew_is_noticed(output):
    source = opened(output, smooth(80, 80))
    source.check()
    root = f"{source.scene.path}/zarr.json"
    output.write(root, output.read(root).replace(b'"now"', b'"new"'))
    with pytest.raises(ChangedSceneError, match="made anew"):
        source.check()


@pytest.mark.parametrize(
    "root", [b"", b"[]", b"{}", b"null", b'{"attributes": {"complete": false}}', b"[" * 100_000]
)
def test_a_damaged_root_names_the_mosaic_and_the_cure(output, root):
    source = opened(output, smooth(80, 80))
    output.write(f"{source.scene.path}/zarr.json", root)
    with pytest.raises(SceneError, match=r"a\.tif/.*damaged.*--mark-for-redo"):
        open_source(output, source.scene, source.settings)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "lost"])
def test_a_damaged_shard_names_the_mosaic_and_the_cure(output, damage, aligned):
    source = opened(output, smooth(80, 80, hole=False), row=0 if aligned else 0.3)
    key = f"{source.scene.path}/0/saliency/c/0/0"
    data = bytearray(output.read(key))
    data[len(data) // 3] ^= 255
    output.write(key, {"truncated": data[: len(data) // 2], "flipped": data}.get(damage, b""))
    if damage == "lost":
        output.delete(key)
    with pytest.raises(SceneError, match=r"a\.tif/.*(damaged|lost).*--mark-for-redo"):
        seen(source)


def test_a_shard_that_never_held_data_is_not_missed(output):
    codes = smooth(140, 140, hole=False)
    codes[:64, :64] = 255  # the whole first shard
    got = seen(opened(output, codes))
    np.testing.assert_array_equal(got, codes[:80, :80])
    coarse = opened(output, codes, pixel=5.0)
    assert coarse.level == 1
    got = seen(coarse)
    np.testing.assert_array_equal(got[:70, :70], pyramid.halve(codes))


def test_a_lost_shard_of_a_coarse_level_is_missed_too(output):
    source = opened(output, smooth(140, 140, hole=False), pixel=2.5)
    assert source.level == 2
    output.delete(f"{source.scene.path}/2/saliency/c/0/0")
    with pytest.raises(SceneError, match="lost"):
        seen(source)


def test_a_block_that_the_scene_does_not_reach_reads_nothing(output):
    source = opened(output, smooth(20, 20), row=200)
    assert list(source.parts(CELL, CELL.window)) == []
    other = opened(output, smooth(20, 20), crs=wkt(32632), transform=Transform(10, 0, 0, 0, -10, 0))
    assert list(other.parts(CELL, Window(0, 32, 0, 32))) == []


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average"])
def test_no_pixel_depends_on_how_much_of_a_tile_the_scene_fills(output, resampling):
    codes = np.random.default_rng(1).integers(0, 255, (160, 160), dtype=np.uint8)
    settings, where = area_settings(resampling=resampling, chunk_px=80), {"pixel": 6.0}
    whole = seen(opened(output, codes, settings, row=-0.7, col=-0.7, **where))
    cut = seen(opened(output, codes[:, :61].copy(), settings, row=-0.7, col=-0.7, number=2, **where))
    np.testing.assert_array_equal(cut[:, :34], whole[:, :34])
    assert (cut[:, 40:] == 255).all()


def test_what_the_ledger_knows_of_a_scene_may_be_damaged_for_that_scene_alone(output):
    source = opened(output, smooth(80, 80))
    output.write(f"_ledger/mosaics/{source.scene.path}~.json", b"{")
    with pytest.raises(SceneError, match=r"a\.tif/.*damaged.*--mark-for-redo"):
        open_source(output, source.scene, source.settings)


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("degrees", [1.0, 0.7])
def test_a_scene_across_the_antimeridian_is_found_on_the_areas_own_degrees(output, degrees, shift):
    # 20 columns, half of them beyond 180 degrees; once more as a scene in degrees of 0 to 360.
    codes = np.tile(np.arange(100, 120, dtype=np.uint8), (20, 1))
    left = np.floor(180 / degrees) * degrees - (10 - shift) * degrees
    settings = area_settings(crs=wkt(4326), resolution=degrees, resampling="nearest")
    where = Transform(degrees, 0, float(left), 0, -degrees, 10)
    source = opened(output, codes, settings, crs=wkt(4326), transform=where)
    first = np.floor(-180 / degrees) * degrees
    cell = Grid(20, 20, Transform(degrees, 0, float(first), 0, -degrees, 10), wkt(4326))
    x = first + degrees * (np.arange(20) + 0.5) + 360
    wanted = 100 + np.floor((x - left) / degrees + 1e-9).astype(int)
    inside = wanted < 120
    got = seen(source, cell)
    assert inside.sum() >= 9
    assert (got[:, ~inside] == 255).all()
    assert np.abs(got[5, inside].astype(int) - wanted[inside]).max() <= (shift == 0.5)
    east = Grid(20, 20, Transform(degrees, 0, float(left), 0, -degrees, 10), wkt(4326))
    np.testing.assert_array_equal(seen(source, east)[5], codes[5])
