"""Objects that were drawn of a mosaic go with it, and no others."""

from __future__ import annotations

from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.objects import GENERATIONS, PARTS, store_of_part
from sgddiff_batch.io.objects.parts import part_key
from sgddiff_batch.io.upkeep.object_parts import unwanted_objects
from tests.io.upkeep.test_garbage import LONG_AGO, collect, finish, publish_all, store, store_of

__all__ = ["store"]

SETTINGS = (ObjectSettings(), ObjectSettings(threshold=0.7))


def draw(output, *mosaics):
    keys = [part_key(mosaic, settings) for mosaic in mosaics for settings in SETTINGS]
    for key in keys:
        output.write(key, b"polygons")
    return keys


def test_a_part_says_of_which_mosaic_it_is():
    for scene_id in ("a.tif", "north-west/b-c.tif"):
        assert {store_of_part(part_key(store_of(scene_id, 1), each)) for each in SETTINGS} == {
            store_of(scene_id, 1)
        }


def test_those_of_other_mosaics_are_found(store):
    kept, gone = draw(store, "a/1.zarr"), draw(store, "a/2.zarr")
    assert sorted(key for key, *_ in unwanted_objects(store, {"a/1.zarr"}, set())) == sorted(gone)
    assert list(unwanted_objects(store, {store_of_part(key) for key in kept + gone}, set())) == []


def test_files_of_generations_that_are_not_kept_are_found(store):
    kept, gone = (f"{GENERATIONS}/{name}.parquet" for name in "ab")
    for key in (kept, gone):
        store.write(key, b"objects")
    ((key, _, why),) = unwanted_objects(store, set(), {kept})
    assert (key, why) == (gone, "no kept generation shows these objects")


def test_the_objects_of_a_withdrawn_scene_go_with_it_in_the_same_call(store):
    for scene_id in ("bad.tif", "good.tif"):
        finish(store, scene_id)
    publish_all(store, keep=7)
    draw(store, store_of("bad.tif", 1))
    kept = draw(store, store_of("good.tif", 1))
    ObjectLedger(store).withdraw("bad.tif", LONG_AGO)
    publish_all(store, keep=7)
    assert len([item for item in collect(store) if item.kind == "objects"]) == len(SETTINGS)
    assert sorted(store.find(PARTS)) == sorted(kept)
    assert collect(store) == []
