"""Objects are published by the catalogue's flip and rolled back with it, wherever a publish is killed."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from sgddiff_batch.core.times import parse_span
from sgddiff_batch.io.catalogue import OBJECTS, PublishContext, draw_objects, publish, read_pointer, rollback
from sgddiff_batch.io.catalogue.generations import POINTER
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.objects import output as output_module
from sgddiff_batch.io.objects.generation import GENERATIONS, FormerObjects, read_mosaics
from sgddiff_batch.io.objects.geoparquet import ROWS_TOGETHER, SCHEMA, ObjectFile, decode
from sgddiff_batch.io.objects.output import ObjectsMaker, find_objects
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.garbage import find_garbage
from tests.io.catalogue_examples import dying_store
from tests.io.mosaic_examples import Killed
from tests.io.objects.examples import EXACT, put_scene, shown_rows

PIER, SHIP = (slice(5, 40), slice(5, 9)), (slice(20, 24), slice(30, 50))
TIMES = {f"{name}.tif": parse_span(f"2026-01-{day:02d}T10:00:00Z") for day, name in enumerate("abcd", 1)}


def picture(*places):
    codes = np.zeros((60, 70), np.uint8)
    for rows, cols in places:
        codes[rows, cols] = 200
    return codes


SCENES = {
    "a.tif": picture(PIER, SHIP),
    "b.tif": picture(PIER),
    "c.tif": picture(SHIP),
    "d.tif": picture((slice(50, 55), slice(50, 60))),
}


@pytest.fixture
def output(tmp_path):
    return open_store(str(tmp_path / "out"))


def night(output, run, *scene_ids, drawn=True, is_over=True, settings=EXACT, most_px=None):
    """Put scenes that are not there, and publish all as a run of a name; return its generation."""
    ledger = ObjectLedger(output)
    for scene_id in scene_ids:
        if scene_id not in ledger.records():
            put_scene(output, scene_id, SCENES[scene_id])
    maker = ObjectsMaker(output, settings, most_px=most_px) if drawn else None
    context = PublishContext(run, times=TIMES)
    return publish(output, ledger.records(), set(), context, is_over=is_over, objects=maker)


def shown(output):
    return [(row["scene"], row["id"], row["state"]) for row in shown_rows(output.read(OBJECTS))]


def test_a_generation_has_the_objects_of_its_mosaics_and_a_copy_of_them(output):
    generation = night(output, "1", "a.tif", "b.tif")
    assert generation.objects.made_of == generation.digest
    assert output.read(generation.objects.file) == output.read(OBJECTS)
    assert [(row.scene_id, row.objects) for row in read_mosaics(output, generation.objects)] == [
        ("a.tif", 2),
        ("b.tif", 1),
    ]
    assert generation.objects.rows == len(shown(output)) == 3


def test_what_is_put_together_of_the_rows_of_before_is_what_the_parts_give(output, tmp_path):
    for number, scene_id in enumerate(SCENES):
        night(output, str(number), scene_id)
    by_nights = output.read(OBJECTS)
    assert {state for _, _, state in shown(output)} == {"seen", "vanished"}
    find_objects(output.uri, EXACT)
    assert output.read(OBJECTS) == by_nights
    other = open_store(str(tmp_path / "other"))
    night(other, "all", *SCENES)
    assert shown(other) == shown(output)


def test_only_new_mosaics_are_looked_at_and_nothing_where_nothing_changed(output, monkeypatch):
    night(output, "1", "a.tif", "b.tif")
    asked = []
    monkeypatch.setattr(
        output_module,
        "part_of",
        lambda *args, real=output_module.part_of: asked.append(args[2]) or real(*args),
    )
    assert night(output, "2") is None
    assert asked == []
    night(output, "3", "c.tif")
    assert asked == ["c.tif"]


def test_nothing_new_reads_no_file_of_objects_or_ids(output):
    night(output, "1", "a.tif", "b.tif")
    counted = dying_store(output.uri)
    assert night(counted, "2") is None
    assert [key for key in counted.reads if key.startswith(("_objects", OBJECTS))] == []


def test_a_rollback_turns_the_objects_back_and_the_next_night_goes_on(output):
    night(output, "1", "a.tif")
    first = output.read(OBJECTS)
    night(output, "2", "b.tif")
    second = output.read(OBJECTS)
    assert first != second
    rollback(output)
    assert output.read(OBJECTS) == first
    assert night(output, "3") is None
    assert output.read(OBJECTS) == first, "nothing new: readers stay where they were turned"
    rollback(output, 2)
    assert output.read(OBJECTS) == second
    rollback(output)
    night(output, "4", "c.tif")
    assert {scene for scene, _, _ in shown(output)} == {"a.tif", "b.tif", "c.tif"}


def test_generations_without_objects_keep_working_and_their_readers_see_none_of_others(output):
    night(output, "1", "a.tif", drawn=False)
    assert b"objects" not in output.read(POINTER)
    assert not output.keys("_objects")
    night(output, "2", "b.tif")
    rollback(output)
    assert not output.keys(OBJECTS), "they would be those of another generation"
    assert night(output, "3") is None
    assert {scene for scene, _, _ in shown(output)} == {"a.tif"}
    assert read_pointer(output).current == 1


def test_a_section_that_is_switched_on_later_draws_what_is_there_without_a_new_generation(output):
    night(output, "1", "a.tif", "b.tif", drawn=False)
    assert night(output, "2") is None
    assert read_pointer(output).current == 1
    assert len(shown(output)) == 3


def test_more_than_a_run_may_draw_is_left_to_the_command_and_told(output, caplog):
    caplog.set_level(logging.WARNING)
    night(output, "1", "a.tif", "b.tif", most_px=4200)
    assert "2 mosaics have no objects yet" in caplog.text
    assert "sgddiff objects --config" in caplog.text
    assert not output.keys("_objects")
    find_objects(output.uri, EXACT)
    night(output, "2", "c.tif", most_px=4200)
    assert {scene for scene, _, _ in shown(output)} == {"a.tif", "b.tif", "c.tif"}


def test_while_a_run_goes_on_objects_stay_those_of_before(output):
    night(output, "1", "a.tif")
    before = output.read(OBJECTS)
    generation = night(output, "2", "b.tif", is_over=False)
    assert (generation.rows, output.read(OBJECTS)) == (2, before)
    night(output, "2", "b.tif")
    assert {scene for scene, _, _ in shown(output)} == {"a.tif", "b.tif"}


@pytest.mark.parametrize("is_first", [True, False])
def test_killed_at_any_change_the_next_night_repairs_and_ids_are_those_of_a_quiet_one(tmp_path, is_first):
    quiet = open_store(str(tmp_path / "quiet"))
    if not is_first:
        night(quiet, "1", "a.tif")
    night(quiet, "2", "a.tif", "b.tif", "c.tif")
    for die_at in range(60):
        folder = tmp_path / f"{die_at}"
        plain = open_store(str(folder))
        if not is_first:
            night(plain, "1", "a.tif")
        for scene_id in ("a.tif", "b.tif", "c.tif"):
            if scene_id not in ObjectLedger(plain).records():
                put_scene(plain, scene_id, SCENES[scene_id])
        try:
            night(dying_store(folder, die_at), "2")
            break
        except Killed:
            pass
        pointer = read_pointer(plain)
        if pointer is not None and pointer.generation.objects is not None:
            assert plain.stat(pointer.generation.objects.file) is not None
        night(plain, "3")
        assert shown(plain) == shown(quiet)
        current = read_pointer(plain).generation
        assert (current.rows, current.objects.made_of) == (3, current.digest)
        assert plain.read(current.objects.file) == plain.read(OBJECTS)
    assert die_at > 10


def test_a_lost_file_of_objects_is_made_again(output):
    generation = night(output, "1", "a.tif", "b.tif")
    wanted = output.read(OBJECTS)
    for key in (generation.objects.file, generation.objects.mosaics):
        output.delete(key)
        night(output, "2")
        now = read_pointer(output).generation.objects
        assert output.read(now.file) == output.read(OBJECTS) == wanted
    assert {row.scene_id for row in read_mosaics(output, now)} == {"a.tif", "b.tif"}


@pytest.mark.parametrize("which", ["file", "mosaics"])
def test_a_damaged_file_of_before_is_gone_round(output, which):
    generation = night(output, "1", "a.tif", "b.tif")
    output.write(getattr(generation.objects, which), b"torn")
    night(output, "2", "c.tif")
    assert {scene for scene, _, _ in shown(output)} == {"a.tif", "b.tif", "c.tif"}


def test_a_damaged_file_of_a_generation_is_never_copied(output, caplog):
    night(output, "1", "a.tif")
    generation = read_pointer(output).generation
    night(output, "2", "b.tif")
    output.write(generation.objects.file, b"torn")
    rollback(output)
    assert not output.keys(OBJECTS)
    assert "the objects of the current mosaics are lost" in caplog.text


def test_files_of_generations_that_are_kept_are_no_garbage_and_others_are(output):
    night(output, "1", "a.tif")
    night(output, "2", "b.tif")
    output.write(f"{GENERATIONS}/left.parquet", b"by one that was killed")
    (item,) = find_garbage(output, 0).garbage
    assert (item.kind, item.path) == ("objects", f"{GENERATIONS}/left.parquet")


def test_two_who_draw_at_once_end_with_the_same(output):
    night(output, "1", "a.tif", "b.tif", drawn=False)

    class Meanwhile(ObjectsMaker):
        def make(self, *args):
            made = super().make(*args)
            if not self.made_before:
                self.made_before.append(find_objects(output.uri, EXACT))
            return made

    maker = Meanwhile(output, EXACT)
    maker.made_before = []
    draw_objects(output, maker)
    assert output.read(read_pointer(output).generation.objects.file) == output.read(OBJECTS)
    assert len(shown(output)) == 3


def test_a_former_version_that_drops_what_it_does_not_know_leaves_nothing_wrong(output):
    night(output, "1", "a.tif")
    tree = json.loads(output.read(POINTER))
    assert all("objects" not in row for row in tree["kept"])
    del tree["objects"]
    output.write(POINTER, json.dumps(tree).encode())
    assert night(output, "2") is None
    assert read_pointer(output).generation.objects is not None


def test_rows_are_taken_across_row_groups():
    names = np.arange(2 * ROWS_TOGETHER + 5)
    empty = {field.name: [None] * len(names) for field in SCHEMA}
    import pyarrow as pa

    table = pa.table(empty, schema=SCHEMA).set_column(SCHEMA.get_field_index("row"), "row", [names])
    file = ObjectFile(None, several=True)
    file.add(table)
    data = file.finish({})
    assert decode(data)[0].num_rows == len(names)
    from sgddiff_batch.core.fingerprint import bytes_digest

    former = FormerObjects(data, bytes_digest(data))
    for start, count in ((0, 3), (3, 0), (10, ROWS_TOGETHER), (2 * ROWS_TOGETHER, 5)):
        assert former.take(start, count)["row"].to_pylist() == names[start : start + count].tolist()
    with pytest.raises(ValueError, match="not what was written"):
        FormerObjects(data, "other")


def test_where_no_mosaic_is_shown_no_object_is(output):
    night(output, "1", "a.tif")
    publish(output, ObjectLedger(output).records(), {"a.tif"}, PublishContext("2"))
    assert read_pointer(output).generation.objects is None
    assert not output.keys(OBJECTS)


def test_a_run_without_the_section_leaves_the_objects_as_they_were(output):
    night(output, "1", "a.tif")
    before = output.read(OBJECTS)
    assert night(output, "2", "b.tif", drawn=False).objects.made_of != read_pointer(output).generation.digest
    assert output.read(OBJECTS) == before
    night(output, "3")
    assert {scene for scene, _, _ in shown(output)} == {"a.tif", "b.tif"}
