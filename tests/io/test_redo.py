"""Marks to work on a scene again: they count for the state they were made for, once."""

from dataclasses import replace

import pytest

from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.redo import drop_redo, mark_redo, redo_marks
from sgddiff_batch.io.stores import open_store
from sgddiff_batch.protocols import SceneRecord

RECORD = SceneRecord("north/a.tif", "v1", "key", None, "it is torn", finished_at="2026-11-23T01:00:00+00:00")
AT = "2026-11-23T09:00:00+00:00"


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


def test_a_mark_counts_until_its_scene_is_settled_again(store):
    mark = mark_redo(store, RECORD, "replay", AT)
    assert mark_redo(store, RECORD, "replay", AT) == mark
    assert redo_marks(store, {RECORD.scene_id: RECORD}) == ({RECORD.scene_id: mark}, [])
    later = replace(RECORD, finished_at="2026-11-24T01:00:00+00:00")
    assert redo_marks(store, {RECORD.scene_id: later}) == ({}, [RECORD.scene_id])
    assert redo_marks(store, {}) == ({}, [RECORD.scene_id])
    drop_redo(store, RECORD.scene_id)
    drop_redo(store, RECORD.scene_id)
    assert redo_marks(store, {RECORD.scene_id: RECORD}) == ({}, [])


@pytest.mark.parametrize("data", [b"", b"{}", b'{"scene_id": "other"}'])
def test_a_damaged_mark_is_told_by_its_key(store, data):
    store.write("_ledger/redo/a.tif~.json", data)
    with pytest.raises(FatalError, match=r"_ledger/redo/a\.tif~\.json"):
        redo_marks(store, {})


def test_a_mark_in_the_place_of_another_scene_is_refused(store):
    mark_redo(store, RECORD, "replay", AT)
    store.write("_ledger/redo/a.tif~.json", store.read("_ledger/redo/north/a.tif~.json"))
    with pytest.raises(FatalError, match="another scene"):
        redo_marks(store, {RECORD.scene_id: RECORD})
