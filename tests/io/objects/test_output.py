"""The objects of an output: a part a current mosaic, made once, and one file of all."""

from __future__ import annotations

import dataclasses
import io
import json
from concurrent.futures import ThreadPoolExecutor

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest

from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.errors import FatalError, RetryableError
from sgddiff_batch.io.catalogue import OBJECTS, draw_objects, read_catalogue, read_pointer
from sgddiff_batch.io.catalogue.generations import rollback
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics import empty_root
from sgddiff_batch.io.objects import drawing
from sgddiff_batch.io.objects.output import ObjectsMaker, find_objects
from sgddiff_batch.io.objects.parts import make_part
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.garbage import find_garbage
from tests.io.area_examples import publish_scenes
from tests.io.catalogue_examples import publish_all
from tests.io.mosaic_examples import GRIDS, codes_of
from tests.io.objects.examples import EXACT, SQUARE, put_scene, shown_rows

TIMES = {"a.tif": "2026-01-05T10:00:00Z"}
NOISE = codes_of(GRIDS["north-up"], 1)


@pytest.fixture
def output(tmp_path):
    """Two scenes with objects, and one of nothing but sea, of which the first was taken at a known time."""
    store = open_store(str(tmp_path / "out"))
    for scene_id, codes in (("a.tif", SQUARE), ("b.tif", NOISE), ("sea.tif", SQUARE * 0)):
        put_scene(store, scene_id, codes)
    publish_scenes(store, TIMES)
    return store


def test_all_objects_are_in_one_file_and_each_mosaic_s_in_its_part(output):
    found = find_objects(output.uri, EXACT)
    assert [(one.scene_id, one.objects) for one in found.mosaics][::2] == [("a.tif", 1), ("sea.tif", 0)]
    assert found.uri == output.uri_of(OBJECTS)
    rows = shown_rows(output.read(OBJECTS))
    parts = [shown_rows(output.read(one.part)) for one in found.mosaics]
    lasting = {"id": None, "state": None, "parents": None, "time": None}
    assert [row | lasting for row in rows] == [row | lasting for part in parts for row in part]
    assert {row["state"] for row in rows} <= {"seen", "merged"}
    assert len(parts[1]) > 100
    frame = geopandas.read_parquet(io.BytesIO(output.read(OBJECTS)))
    assert frame["geometry_native"].crs.to_epsg() == 32633
    assert [one.area_m2 for one in found.mosaics][::2] == [150_000, None]


def test_the_time_is_that_of_the_scene_and_unknown_where_it_is_not(output):
    find_objects(output.uri, EXACT)
    times = {row["scene"]: row["time"] for row in shown_rows(output.read(OBJECTS))}
    assert (times["a.tif"].isoformat(), times["b.tif"]) == ("2026-01-05T10:00:00+00:00", None)


def test_a_second_time_only_what_is_missing_is_made_and_bytes_are_the_same(output):
    first = find_objects(output.uri, EXACT)
    before = {key: output.read(key) for key in (OBJECTS, *(one.part for one in first.mosaics))}
    lost = first.mosaics[0].part
    output.delete(lost)
    second = find_objects(output.uri, EXACT)
    assert [one.is_new for one in first.mosaics] == [True] * 3
    assert [one.is_new for one in second.mosaics] == [True, False, False]
    assert {key: output.read(key) for key in before} == before


def test_other_settings_have_parts_of_their_own(output):
    parts = [
        {one.part for one in find_objects(output.uri, settings).mosaics}
        for settings in (EXACT, ObjectSettings(), ObjectSettings(0.9))
    ]
    assert len(set().union(*parts)) == 9
    about = json.loads(pq.read_metadata(io.BytesIO(output.read(OBJECTS))).metadata[b"sgddiff:objects"])
    assert about["settings"]["threshold"] == 0.9


@pytest.mark.parametrize("harm", [b"", b"torn", None])
def test_a_torn_part_is_made_anew(output, harm):
    first = find_objects(output.uri, EXACT)
    whole, part = output.read(OBJECTS), first.mosaics[1].part
    output.write(part, output.read(part)[:-40] if harm is None else harm)
    assert [one.is_new for one in find_objects(output.uri, EXACT).mosaics] == [False, True, False]
    assert output.read(OBJECTS) == whole


def test_a_scene_of_another_time_needs_no_other_part(output):
    find_objects(output.uri, EXACT)
    publish_scenes(output, {"a.tif": "2026-01-06T10:00:00Z"})
    assert not any(one.is_new for one in find_objects(output.uri, EXACT).mosaics)
    times = {row["scene"]: row["time"] for row in shown_rows(output.read(OBJECTS))}
    assert times["a.tif"].day == 6


def test_a_mosaic_that_is_current_again_needs_no_other_part(output):
    find_objects(output.uri, EXACT)
    ledger = ObjectLedger(output)
    ledger.finish(dataclasses.replace(ledger.records()["a.tif"], finished_at="2026-02-01T00:00:00+00:00"))
    publish_scenes(output, TIMES)
    assert not any(one.is_new for one in find_objects(output.uri, EXACT).mosaics)


def test_a_part_of_a_store_that_was_made_again_by_the_same_name_is_made_anew(output):
    find_objects(output.uri, EXACT)
    path = f"a.tif/{1:016x}-aaaaaaaaaaaa.zarr"
    output.delete_tree(path)
    assert put_scene(output, "a.tif", np.where(SQUARE == 200, 180, SQUARE), finished_s=40) == path
    publish_scenes(output, TIMES)
    assert [one.is_new for one in find_objects(output.uri, EXACT).mosaics] == [True, False, False]
    (row,) = [row for row in shown_rows(output.read(OBJECTS)) if row["scene"] == "a.tif"]
    assert row["saliency_mean"] < 190 / 254
    assert not any(one.is_new for one in find_objects(output.uri, EXACT).mosaics)


def test_two_at_once_write_the_same(output, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        all_found = list(pool.map(lambda _: find_objects(output.uri, EXACT), range(4)))
    assert len({one.uri for one in all_found}) == 1
    whole = output.read(OBJECTS)
    find_objects(output.uri, EXACT)
    assert output.read(OBJECTS) == whole


def test_a_damaged_mosaic_and_one_that_is_gone_are_left_out_and_no_other(output):
    mosaics = {one.scene_id: one for one in find_objects(output.uri, EXACT).mosaics}
    for one in mosaics.values():
        output.delete(one.part)
    (shard, *_) = output.keys(f"{mosaics['a.tif'].store}/0/saliency/c")
    output.delete(shard)
    output.delete_tree(mosaics["b.tif"].store)
    found = find_objects(output.uri, EXACT)
    assert [(one.scene_id, one.is_damaged) for one in found.left_out] == [("a.tif", True), ("b.tif", False)]
    assert [one.scene_id for one in found.mosaics] == ["sea.tif"]


@pytest.mark.parametrize("moment", ["before", "first", "amid", "after"])
def test_a_mosaic_that_is_removed_meanwhile_is_no_damage_and_has_no_part(output, monkeypatch, moment):
    (path,) = output.keys("a.tif")[0].partition(".zarr")[:1]
    path = f"{path}.zarr"
    shards = output.keys(f"{path}/0/saliency/c")

    def made(*args):
        if moment in ("first", "amid") and args[0].mosaic.path == path:
            empty_root(output, path)
            for shard in shards[: 9 if moment == "first" else 1]:
                output.delete(shard)
        try:
            return make_part(*args)
        finally:
            if moment == "after" and args[0].mosaic.path == path:
                empty_root(output, path)

    monkeypatch.setattr(drawing, "make_part", made)
    if moment == "before":
        empty_root(output, path)
    found = find_objects(output.uri, EXACT)
    (left,) = found.left_out
    assert (left.scene_id, left.reason, left.is_damaged) == ("a.tif", "it was removed meanwhile", False)
    assert [one.scene_id for one in found.mosaics] == ["b.tif", "sea.tif"]
    assert not output.keys("_objects/parts/a.tif")


def test_scenes_of_several_crss_share_a_file_and_each_row_names_its_own(output):
    put_scene(output, "c.tif", SQUARE, crs=None)
    publish_scenes(output, TIMES)
    find_objects(output.uri, EXACT)
    frame = geopandas.read_parquet(io.BytesIO(output.read(OBJECTS)))
    assert not isinstance(frame["geometry_native"], geopandas.GeoSeries)
    assert {row["crs"] for row in shown_rows(output.read(OBJECTS))} == {"EPSG:32633", None}


def test_a_superseded_mosaic_s_objects_are_no_more_in_the_file_and_come_back_with_a_rollback(output):
    find_objects(output.uri, EXACT)
    before = shown_rows(output.read(OBJECTS))
    put_scene(output, "b.tif", NOISE[::-1], 2)
    publish_all(output)
    find_objects(output.uri, EXACT)
    stores = {row["store"] for row in shown_rows(output.read(OBJECTS))}
    assert [store for store in stores if store.startswith("b.tif")] == [f"b.tif/{2:016x}-aaaaaaaaaaaa.zarr"]
    rollback(output)
    assert not any(one.is_new for one in find_objects(output.uri, EXACT).mosaics)
    # What is known of an object now is not rolled back.
    now = shown_rows(output.read(OBJECTS))
    assert [row | {"state": None} for row in now] == [row | {"state": None} for row in before]


def test_an_output_without_a_catalogue_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no catalogue"):
        find_objects(str(tmp_path), EXACT)


def test_objects_are_no_garbage_and_no_mosaics(output):
    find_objects(output.uri, EXACT)
    found = find_garbage(output, 0)
    assert (found.garbage, found.broken, found.unknown) == ((), (), ())
    assert len(output.keys("_objects/parts")) == 3


def test_a_mosaic_of_which_drawing_fails_is_left_out_and_tried_again_the_next_time(
    output, monkeypatch, caplog
):
    def made(mosaic, *args):
        if mosaic.mosaic.path.startswith("a.tif"):
            raise RuntimeError("a bug in\nour s3://user:secret@b/ code")
        return make_part(mosaic, *args)

    def publish():
        return ObjectsMaker(output, EXACT).make(rows, "0" * 64, before)

    with monkeypatch.context() as patch:
        patch.setattr(drawing, "make_part", made)
        found = find_objects(output.uri, EXACT)
        rows, before = read_catalogue(output), read_pointer(output).generation.objects
        files = output.keys("_objects/generations")
        assert publish() == before, "what failed again is as it was"
        assert output.keys("_objects/generations") == files
    (left,) = found.left_out
    assert (left.scene_id, left.is_damaged, left.is_undrawn) == ("a.tif", False, True)
    assert left.reason == "RuntimeError: a bug in our s3://b/ code"
    assert [one.scene_id for one in found.mosaics] == ["b.tif", "sea.tif"]
    assert caplog.text.count("1 mosaic is left out of the objects, for drawing them failed") == 2
    assert {row["scene"] for row in shown_rows(output.read(OBJECTS))} == {"b.tif"}
    maker = ObjectsMaker(output, EXACT)
    assert not maker.is_made(read_pointer(output).generation), "the next run has to try again"
    draw_objects(output, maker)
    assert maker.is_made(read_pointer(output).generation)
    assert {row["scene"] for row in shown_rows(output.read(OBJECTS))} == {"a.tif", "b.tif"}
    assert not maker.undrawn


@pytest.mark.parametrize(
    "error", [RetryableError("503"), OSError("the disk is full"), FatalError("no lease")]
)
def test_what_storage_says_while_parts_are_drawn_is_no_mosaic_without_objects(output, monkeypatch, error):
    def made(*args):
        raise error

    monkeypatch.setattr(drawing, "make_part", made)
    with pytest.raises(type(error), match=str(error)):
        find_objects(output.uri, EXACT)
