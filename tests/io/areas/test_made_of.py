"""Area mosaics tell by their own provenance which scenes they were made of."""

from __future__ import annotations

import json

import pytest

from sgddiff_batch.io.areas.made_of import made_of
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.protocols import SceneRecord
from tests.io.mosaic_examples import counting_store


def record(area_id: str, *, stored: bool = True) -> SceneRecord:
    return SceneRecord(area_id, "v", "key", f"{area_id}/v-key.zarr" if stored else None)


def put(area, record: SceneRecord, *scene_ids: str) -> None:
    scenes = [{"id": scene_id} for scene_id in scene_ids]
    root = {"attributes": {"provenance": {"area": {}, "scenes": scenes}}}
    area.write(f"{record.store}/zarr.json", json.dumps(root).encode())


ONE, TWO, THREE = (record(f"2026-01/x{number}y0") for number in (1, 2, 3))


@pytest.fixture
def area(tmp_path):
    area = open_store(str(tmp_path / "area"))
    put(area, ONE, "a.tif", "b.tif")
    put(area, TWO, "b.tif")
    put(area, THREE, "c.tif")
    return area


@pytest.mark.parametrize(
    ("scenes", "wanted"),
    [
        ({"a.tif"}, {ONE}),
        ({"b.tif"}, {ONE, TWO}),
        ({"a.tif", "c.tif"}, {ONE, THREE}),
        ({"d.tif"}, set()),
    ],
)
def test_those_with_one_of_the_scenes_are_found(area, scenes, wanted):
    assert made_of(area, [ONE, TWO, THREE], scenes) == {one.scene_id for one in wanted}


def test_only_the_records_that_are_given_count(area):
    assert made_of(area, [TWO, THREE], {"a.tif", "b.tif"}) == {TWO.scene_id}


@pytest.mark.parametrize(
    "root",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"attributes": {}}',
        b'{"attributes": {"provenance": {}}}',
        b'{"attributes": {"provenance": {"scenes": 5}}}',
        b'{"attributes": {"provenance": {"scenes": [{"id": 5}]}}}',
        b"[" * 100_000,
    ],
)
def test_a_mosaic_that_does_not_tell_counts_too(area, root):
    key = f"{ONE.store}/zarr.json"
    if root is None:
        area.delete(key)
    else:
        area.write(key, root)
    assert made_of(area, [ONE, THREE], {"d.tif"}) == {ONE.scene_id}


def test_a_record_without_a_mosaic_was_made_of_nothing(area):
    assert made_of(area, [record("2026-01/x9y9", stored=False)], {"a.tif"}) == set()


def test_without_scenes_nothing_is_read(tmp_path):
    area = counting_store(tmp_path)
    assert made_of(area, [ONE], set()) == set()
    assert area.calls == []


def test_many_mosaics_are_read_in_parts_and_all_are_found(tmp_path):
    area = open_store(str(tmp_path))
    records = [record(f"2026-01/x{number}y0") for number in range(300)]
    for number, one in enumerate(records):
        put(area, one, f"{number % 2}.tif")
    assert made_of(area, records, {"1.tif"}) == {one.scene_id for one in records[1::2]}
