from __future__ import annotations

import numpy as np
import pytest
from rasterio.crs import CRS

from sgddiff_batch.core.cells import Cell, CellGrid
from sgddiff_batch.core.grid import Transform
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.io.areas.members import find_members, parse_crs
from sgddiff_batch.io.catalogue.generations import read_catalogue
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.storage.store import open_store
from tests.io.area_examples import LEFT, TOP, UTM33, publish_scenes, put_scene, smooth
from tests.io.catalogue.former_examples import put_former

CELLS = CellGrid(UTM33, 10.0, 80)
CORNER = Cell(625, 6624)
"""The cell whose upper left corner is (LEFT, TOP)."""
DAY = "2026-01-05"


@pytest.fixture
def output(tmp_path):
    return open_store(str(tmp_path / "out"))


def wkt(code: int) -> str:
    return CRS.from_epsg(code).to_wkt()


def cells_of(output, cells=CELLS, **options):
    found = find_members(output, cells, **options)
    return {scene.scene_id: set(touched) for scene, touched in found.scenes}


def reasons_of(output, cells=CELLS, **options):
    return {one.scene_id: one.reason for one in find_members(output, cells, **options).refused}


def test_a_scene_of_the_neighbouring_zone_is_found_where_gdal_puts_it(output):
    from rasterio.warp import transform

    # Its corner in zone 32 is a pixel of zone 33 well inside of one cell.
    (x,), (y,) = transform(CRS.from_epsg(32633), CRS.from_epsg(32632), [LEFT + 400], [TOP - 400])
    corner = Transform(10, 0, x, 0, -10, y)
    put_scene(output, "a.tif", smooth(4, 4, hole=False), crs=wkt(32632), transform=corner)
    publish_scenes(output, {"a.tif": DAY})
    assert cells_of(output)["a.tif"] == {CORNER}


def test_a_scene_without_time_is_refused_by_name_unless_its_id_tells(output):
    put_scene(output, "a_20260105.tif", smooth(8, 8))
    put_scene(output, "b.tif", smooth(8, 8))
    publish_scenes(output, {})
    reasons = reasons_of(output)
    assert sorted(reasons) == ["a_20260105.tif", "b.tif"]
    assert "its time is not known" in reasons["b.tif"]
    assert "there is no time_pattern" in reasons["b.tif"]
    assert sorted(reasons_of(output, time_pattern=r"_(\d{8})\.")) == ["b.tif"]
    (scene,) = [scene for scene, _ in find_members(output, CELLS, r"_(\d{8})\.").scenes]
    assert scene.span.start_s == np.datetime64("2026-01-05", "s").astype(int)


def test_a_catalogue_of_a_former_version_knows_the_same_times(output):
    for name in ("known.tif", "span.tif", "unknown.tif"):
        put_scene(output, name, smooth(8, 8))
    publish_scenes(output, {"known.tif": "2026-03-01T00:00:00Z", "span.tif": "2026-03-01/2026-03-02"})
    today = find_members(output, CELLS)
    put_former(output, read_catalogue(output))
    assert find_members(output, CELLS) == today
    assert [scene.scene_id for scene, _ in today.scenes] == ["known.tif", "span.tif"]
    assert [scene.scene_id for scene in today.refused] == ["unknown.tif"]


def test_the_time_of_the_catalogue_goes_before_that_of_the_name(output):
    put_scene(output, "a_20200101.tif", smooth(8, 8))
    publish_scenes(output, {"a_20200101.tif": "2026-01-05T10:00:00Z"})
    (scene,) = [scene for scene, _ in find_members(output, CELLS, r"_(\d{8})\.").scenes]
    assert scene.span.start_s == scene.span.stop_s == np.datetime64("2026-01-05T10", "s").astype(int)


def test_a_scene_without_crs_is_refused_by_name(output):
    put_scene(output, "a.tif", smooth(8, 8), crs=None)
    publish_scenes(output, {"a.tif": DAY})
    assert reasons_of(output) == {"a.tif": "it has no coordinate reference system"}


def test_a_scene_far_from_where_the_crs_holds_is_refused_by_name(output):
    lonlat = wkt(4326)
    put_scene(output, "far.tif", smooth(8, 8), crs=lonlat, transform=Transform(0.1, 0, 140, 0, -0.1, -20))
    put_scene(output, "near.tif", smooth(8, 8), crs=lonlat, transform=Transform(0.001, 0, 10, 0, -0.001, 48))
    publish_scenes(output, {"far.tif": DAY, "near.tif": DAY})
    assert list(reasons_of(output)) == ["far.tif"]
    assert "area of use" in reasons_of(output)["far.tif"]
    assert list(cells_of(output)) == ["near.tif"]


def test_a_withdrawn_scene_is_no_member(output):
    for name in ("a.tif", "b.tif"):
        put_scene(output, name, smooth(8, 8))
    publish_scenes(output, {"a.tif": DAY, "b.tif": DAY})
    ObjectLedger(output).withdraw("a.tif", "2026-01-01T00:00:00+00:00")
    publish_scenes(output, {})
    assert list(cells_of(output)) == ["b.tif"]


def test_without_a_catalogue_the_operator_is_told_what_to_run(output):
    with pytest.raises(ConfigError, match=r"run `sgddiff run` first"):
        find_members(output, CELLS)


def test_a_damaged_catalogue_stops_the_run(output):
    put_scene(output, "a.tif", smooth(8, 8))
    publish_scenes(output, {"a.tif": DAY})
    for key in output.keys("_catalogue/generations"):
        output.write(key, b"PAR1")
    with pytest.raises(FatalError, match="damaged"):
        find_members(output, CELLS)


@pytest.mark.parametrize("text", ["EPSG:999999", "here", "EPSG:4978", ""])
def test_a_crs_that_pixels_cannot_be_laid_on_is_refused(text):
    with pytest.raises(ConfigError, match=r"areas\.crs"):
        parse_crs(text)


@pytest.mark.parametrize("text", ["EPSG:4807", "EPSG:4805"])
def test_degrees_that_do_not_begin_at_greenwich_and_other_angles_are_refused(text):
    with pytest.raises(ConfigError, match="degrees from Greenwich"):
        parse_crs(text)


@pytest.mark.parametrize(
    "text", ["EPSG:4326", "OGC:CRS84", "EPSG:4258", "EPSG:4267", "EPSG:4301", "EPSG:3413"]
)
def test_degrees_of_other_datums_and_any_plane_are_taken(text):
    assert parse_crs(text) == CRS.from_user_input(text)
