"""What is asked of published objects: what is new, what vanished, and the history of one."""

from __future__ import annotations

import pytest

from sgddiff_batch.core.times import parse_time
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.catalogue import read_pointer, rollback
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.objects.asking import Published, RunCounts, count_objects
from sgddiff_batch.io.storage.store import open_store
from tests.io.objects.examples import put_scene
from tests.io.objects.test_generation import PIER, SHIP, night, picture


@pytest.fixture
def output(tmp_path):
    """Three nights: a pier and a ship; the pier alone; two parts of what was the ship."""
    store = open_store(str(tmp_path / "out"))
    stern, bow = (SHIP[0], slice(30, 42)), (SHIP[0], slice(44, 50))
    for number, (scene_id, codes) in enumerate(
        (("a.tif", picture(PIER, SHIP)), ("b.tif", picture(PIER)), ("c.tif", picture(PIER, stern, bow)))
    ):
        put_scene(store, scene_id, codes)
        night(store, str(number))
    return store


def day(number):
    return parse_time(f"2026-01-{number:02d}").start_s


def ids(news):
    return [(one.id, one.time[:10], one.scene, one.state) for one in news]


def history_of(output, scene, row, col):
    from tests.io.objects.examples import shown_rows

    rows = shown_rows(output.read("objects.parquet"))
    (own,) = {one["id"] for one in rows if (one["scene"], one["row"], one["col"]) == (scene, row, col)}
    return Published(output.uri).history(own)


def test_new_is_what_a_scene_taken_since_was_the_first_to_show(output):
    published = Published(output.uri)
    everything, unknown = published.new_since(day(1))
    assert [(one.time[:10], one.scene) for one in everything] == [
        ("2026-01-01", "a.tif"),
        ("2026-01-01", "a.tif"),
        ("2026-01-03", "c.tif"),
    ]
    assert unknown == 0
    assert ids(published.new_since(day(3))[0]) == ids(everything)[2:]
    assert published.new_since(day(4)) == ([], 0)
    assert everything[0].area_m2 > 0
    assert everything[0].lon is not None


def test_vanished_is_what_a_scene_taken_since_has_data_of_and_does_not_show(output):
    rollback(output)
    published = Published(output.uri)
    ship = history_of(output, "a.tif", 20, 30)
    # What is known of an object is not turned back: it is seen again by now.
    assert (ship.state, published.vanished_since(day(1))[0]) == ("seen", [])
    rollback(output, 3)
    put_scene(output, "d.tif", picture(PIER))
    night(output, "4")
    gone, _ = Published(output.uri).vanished_since(day(4))
    assert {(one.scene, one.state) for one in gone} == {("d.tif", "vanished")}
    assert len(gone) == 2
    assert Published(output.uri).vanished_since(day(5)) == ([], 0)


def test_a_history_has_every_mosaic_that_showed_the_object_with_its_relatives(output):
    ship = history_of(output, "a.tif", 20, 30)
    assert [(one.scene, one.time[:10], one.is_current) for one in ship.sightings] == [
        ("a.tif", "2026-01-01", True),
        ("c.tif", "2026-01-03", True),
    ]
    assert (ship.state, ship.told_by, ship.into) == ("seen", "c.tif", None)
    assert ship.sightings[0].area_m2 > ship.sightings[1].area_m2 > 0
    (child,) = ship.children
    bow = Published(output.uri).history(child)
    assert bow.sightings[0].parents == (ship.id,)


def test_a_mosaic_that_has_a_newer_one_is_shown_no_more_and_still_told(output):
    put_scene(output, "b.tif", picture(PIER), 2)
    night(output, "4")
    pier = history_of(output, "a.tif", 5, 5)
    assert [(one.scene, one.is_current) for one in pier.sightings] == [
        ("a.tif", True), ("b.tif", False), ("b.tif", True), ("c.tif", True),
    ]  # fmt: skip
    for key in output.keys("_objects/parts/b.tif"):
        output.delete(key)
    assert history_of(output, "a.tif", 5, 5).sightings[1].area_m2 is None


def test_scenes_of_unknown_time_are_counted_and_not_new(output):
    put_scene(output, "unknown.tif", picture((slice(50, 55), slice(50, 60))))
    night(output, "4")
    assert "unknown.tif" in ObjectLedger(output).records()
    news, unknown = Published(output.uri).new_since(day(1))
    assert ("unknown.tif" in {one.scene for one in news}, unknown) == (False, 1)


@pytest.mark.parametrize("own", ["", "x", "f" * 20, "ä" * 20, "f" * 400, "../../etc"])
def test_an_id_of_nothing_is_told(output, own):
    with pytest.raises(ValueError, match="has the id"):
        Published(output.uri).history(own)


def test_an_output_without_objects_and_damaged_ones_are_told(output, tmp_path):
    with pytest.raises(FileNotFoundError, match="sgddiff objects"):
        Published(str(tmp_path / "typo"))
    output.write(read_pointer(output).generation.objects.file, b"torn")
    with pytest.raises(FatalError, match="is damaged: remove it"):
        Published(output.uri)


def test_what_became_of_objects_with_a_run_is_told_apart(tmp_path):
    store = open_store(str(tmp_path / "out"))
    barge, twins = slice(2, 8), slice(50, 55)
    before = [(barge, slice(40, 60)), (twins, slice(10, 20)), (twins, slice(21, 30))]
    after = [(barge, slice(40, 49)), (barge, slice(50, 60)), (twins, slice(10, 30))]
    pictures = {"a.tif": picture(PIER, SHIP, *before), "b.tif": picture(PIER, *after), "c.tif": picture()}

    def counts(run, made=()):
        return count_objects(store, read_pointer(store).generation.objects, run, frozenset(made))

    paths = {}
    for run, (scene_id, codes) in enumerate(pictures.items(), 1):
        paths[scene_id] = put_scene(store, scene_id, codes, run_id=str(run))
        night(store, str(run))
        if scene_id == "b.tif":
            assert counts("1") == RunCounts({"merged": 1, "seen": 4, "vanished": 1}, 5, 0, 0, 0, 0)
            assert counts("2") == RunCounts({"merged": 1, "seen": 4, "vanished": 1}, 1, 1, 3, 1, 1)
            assert counts("2", paths.values()) == counts("2"), "the mosaics of others are not its own"
    assert counts("3") == RunCounts({"merged": 1, "vanished": 5}, 0, 0, 0, 0, 0)
    assert counts("3", [paths["c.tif"]]).vanished == 4, "a mosaic without an object has no row"
