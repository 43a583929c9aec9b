"""Rows of the report: what is known of a scene at each point of its life."""

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.results import computed, result_of_mosaic, result_of_record, result_unopened
from sgddiff_batch.protocols import SceneRecord
from tests.kit.fakes import make_mosaic

SCENE = Scene("a.tif", "s3://b/a.tif", "v", 9)


def test_a_record_says_all():
    record = SceneRecord("a.tif", "v", "k", "a.tif/v-k.zarr", None, 5, 2, 3, 4, "now", "alpha")
    row = result_of_record(SCENE, record, "done")
    assert (row.scene_id, row.uri, row.state, row.reason) == ("a.tif", "s3://b/a.tif", "done", None)
    assert (row.store, row.valid_px, row.salient_px) == ("a.tif/v-k.zarr", 5, 2)
    assert (row.height_px, row.width_px, row.mask_rule) == (3, 4, "alpha")


def test_a_mosaic_says_its_size_and_the_notes_of_its_scene_and_no_store():
    row = result_of_mosaic(make_mosaic(3, 4), "failed", "no memory")
    assert (row.height_px, row.width_px, row.store, row.reason) == (3, 4, None, "no memory")


def test_of_what_was_not_opened_only_the_name_is_known():
    row = result_unopened(SCENE, "pending")
    assert (row.scene_id, row.uri, row.state, row.height_px, row.tiles) == (
        "a.tif",
        "s3://b/a.tif",
        "pending",
        0,
        0,
    )


def test_what_was_computed_is_tiles_and_their_pixels():
    row = computed(result_unopened(SCENE, "failed"), 2, 7)
    assert (row.state, row.tiles, row.tiles_px) == ("failed", 2, 7)
