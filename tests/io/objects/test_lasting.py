"""Over nights the objects of an output keep their ids: in other scenes, versions, and after a rollback."""

from __future__ import annotations

import numpy as np
import pytest

from sgddiff_batch.core.times import parse_span
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.catalogue import OBJECTS
from sgddiff_batch.io.catalogue.generations import publish, rollback
from sgddiff_batch.io.catalogue.update import PublishContext
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.objects.geoparquet import SCHEMA, ObjectFile, decode
from sgddiff_batch.io.objects.output import find_objects
from sgddiff_batch.io.storage.store import open_store
from tests.io.objects.examples import EXACT, put_scene, shown_rows

PIER, SHIP = (slice(5, 40), slice(5, 9)), (slice(20, 24), slice(30, 50))
TIMES = {f"{name}.tif": f"2026-01-{day:02d}T10:00:00Z" for day, name in enumerate("abcd", 1)}


def picture(*places, without=None):
    codes = np.zeros((60, 70), np.uint8)
    for rows, cols in places:
        codes[rows, cols] = 200
    if without is not None:
        codes[without] = 255
    return codes


def right(place, by):
    return place[0], slice(place[1].start + by, place[1].stop + by)


@pytest.fixture
def output(tmp_path):
    return open_store(str(tmp_path / "out"))


def night(output, run, *scenes):
    """Put scenes, publish them as a run of a name, and return the rows of all objects."""
    for scene_id, codes, number in scenes:
        put_scene(output, scene_id, codes, number)
    ledger = ObjectLedger(output)
    times = {scene_id: parse_span(text) for scene_id, text in TIMES.items()}
    publish(output, ledger.records(), ledger.withdrawn().keys(), PublishContext(run, times=times))
    return found(output)


def found(output):
    find_objects(output.uri, EXACT)
    return {(row["scene"], row["row"], row["col"]): row for row in shown_rows(output.read(OBJECTS))}


def test_a_ship_keeps_its_id_in_another_scene_and_in_a_new_version_and_leaves(output):
    first = night(output, "1", ("a.tif", picture(PIER, SHIP), 1))
    pier, ship = first["a.tif", 5, 5]["id"], first["a.tif", 20, 30]["id"]
    second = night(output, "2", ("b.tif", picture(PIER, right(SHIP, 3)), 1))
    assert (second["b.tif", 5, 5]["id"], second["b.tif", 20, 33]["id"]) == (pier, ship)
    third = night(output, "3", ("b.tif", picture(PIER, right(SHIP, 4)), 2), ("c.tif", picture(PIER), 1))
    assert (third["b.tif", 20, 34]["id"], third["b.tif", 20, 34]["state"]) == (ship, "vanished")
    assert {row["state"] for row in third.values() if row["id"] == pier} == {"seen"}
    assert {row["id"] for row in third.values()} == {pier, ship}
    rollback(output)
    assert {key: row["id"] for key, row in found(output).items()} == {k: r["id"] for k, r in second.items()}


def test_where_a_later_scene_has_no_data_nothing_vanishes(output):
    night(output, "1", ("a.tif", picture(PIER, SHIP), 1))
    rows = night(output, "2", ("b.tif", picture(PIER, without=(slice(22, 23), slice(45, 46))), 1))
    assert rows["a.tif", 20, 30]["state"] == "seen"


def test_parts_of_a_ship_name_what_they_were_split_from(output):
    first = night(output, "1", ("a.tif", picture(SHIP), 1))
    own = first["a.tif", 20, 30]["id"]
    stern, bow = (SHIP[0], slice(30, 42)), (SHIP[0], slice(44, 50))
    rows = night(output, "2", ("b.tif", picture(stern, bow), 1))
    assert (rows["b.tif", 20, 30]["id"], rows["b.tif", 20, 44]["parents"]) == (own, [own])
    assert rows["b.tif", 20, 44]["id"] != own


def test_an_archive_in_one_night_has_the_ids_of_nights_in_order(output, tmp_path):
    scenes = [
        ("a.tif", picture(PIER, SHIP), 1),
        ("b.tif", picture(PIER, right(SHIP, 2)), 1),
        ("c.tif", picture(PIER), 1),
        ("d.tif", picture(right(SHIP, 1)), 1),
    ]
    for number, scene in enumerate(scenes):
        nights = night(output, str(number), scene)
    other = open_store(str(tmp_path / "other"))
    assert night(other, "all", *scenes[::-1]) == nights
    assert other.read(OBJECTS) == output.read(OBJECTS)


def test_without_a_place_on_the_globe_each_mosaic_has_ids_of_its_own(output):
    for number, name in enumerate(("a.tif", "b.tif")):
        put_scene(output, name, picture(SHIP), number + 1, crs=None)
    rows = night(output, "1")
    assert len({row["id"] for row in rows.values()}) == 2
    assert {row["state"] for row in rows.values()} == {"seen"}


@pytest.mark.parametrize("place", [SHIP, right(SHIP, -20), (slice(50, 54), slice(60, 66))])
def test_a_mosaic_that_was_made_again_with_other_objects_needs_nobody(output, place):
    first = night(output, "1", ("a.tif", picture(PIER), 1), ("b.tif", picture(PIER, SHIP), 1))
    path = first["a.tif", 5, 5]["store"]
    output.delete_tree(path)
    put_scene(output, "a.tif", picture(place), finished_s=40)
    rows = night(output, "2")
    (again,) = [row for (scene, _, _), row in rows.items() if scene == "a.tif"]
    assert (again["store"], again["id"] == first["b.tif", 20, 30]["id"]) == (path, place is SHIP)
    ids = {key: row["id"] for key, row in rows.items()}
    assert {key: own for key, own in ids.items() if key[0] == "b.tif"} == {
        key: row["id"] for key, row in first.items() if key[0] == "b.tif"
    }
    assert {key: row["id"] for key, row in found(output).items()} == ids


def test_a_ledger_that_lacks_what_it_told_is_an_error_and_lays_no_id_on_others(output):
    night(output, "1", ("a.tif", picture(PIER), 1))
    part = output.keys("_objects/parts")[0]
    table, about = decode(output.read(part))
    other = table.set_column(0, SCHEMA.field("id"), [["e" * 20]])
    file = ObjectFile("EPSG:32633")
    file.add(other)
    output.write(part, file.finish(about))
    rows = found(output)
    assert [row["id"] for row in rows.values()] != ["e" * 20], "it overlaps with what was told"
    (pointer,) = [key for key in output.keys("_objects/ids") if key.endswith("current.json")]
    output.write(pointer, output.read(pointer).replace(b'"sightings-', b'"sightings~'))
    with pytest.raises(FatalError, match="ids are not known"):
        found(output)
