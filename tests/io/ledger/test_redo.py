"""Marks to work on a scene again: they count for the state they were made for, once."""

from dataclasses import replace

import pytest

from sgddiff_batch.core.store_names import replacement_of
from sgddiff_batch.io.ledger.redo import drop_redo, mark_redo, redo_marks
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.protocols import SceneRecord

RECORD = SceneRecord("north/a.tif", "v1", "key", None, "it is torn", finished_at="2026-11-23T01:00:00+00:00")
AT = "2026-11-23T09:00:00+00:00"


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


def test_a_mark_counts_until_its_scene_is_settled_again(store):
    mark = mark_redo(store, RECORD, "replay", AT)
    assert mark_redo(store, RECORD, "replay", AT) == mark
    assert redo_marks(store, {RECORD.scene_id: RECORD}) == ({RECORD.scene_id: mark}, {})
    later = replace(RECORD, finished_at="2026-11-24T01:00:00+00:00")
    assert redo_marks(store, {RECORD.scene_id: later}) == ({}, {RECORD.scene_id: mark})
    assert redo_marks(store, {}) == ({}, {RECORD.scene_id: mark})
    drop_redo(store, RECORD.scene_id)
    drop_redo(store, RECORD.scene_id)
    assert redo_marks(store, {RECORD.scene_id: RECORD}) == ({}, {})


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"scene_id": "other"}', b"[" * 100_000, b'{"scene_id":"a.tif","why":"?"}']
)
@pytest.mark.parametrize(("reason", "why"), [("it is torn", "replay"), (None, "damaged")])
def test_a_damaged_mark_asks_for_its_scene_as_it_is_now_and_is_told(store, data, reason, why):
    record, told = replace(RECORD, scene_id="a.tif", store="a.tif/v1-key.zarr", reason=reason), []
    store.write("_ledger/redo/a.tif~.json", data)
    marks, outdated = redo_marks(store, {"a.tif": record}, told.append)
    assert (marks["a.tif"].why, marks["a.tif"].store, outdated) == (why, record.store, {})
    assert [(one.scene_id, one.key) for one in told] == [("a.tif", "_ledger/redo/a.tif~.json")]
    assert redo_marks(store, {}, told.append)[0] == {}


def test_a_mark_in_the_place_of_another_scene_is_damaged(store):
    mark_redo(store, RECORD, "replay", AT)
    store.write("_ledger/redo/a.tif~.json", store.read("_ledger/redo/north/a.tif~.json"))
    told = []
    marks, outdated = redo_marks(store, {RECORD.scene_id: RECORD}, told.append)
    assert (set(marks), set(outdated)) == ({RECORD.scene_id}, {"a.tif"})
    assert "names another scene" in told[0].reason


def test_a_replacement_has_a_name_of_its_own_however_often(store):
    base = "n.r1.zarr/a.r2.tif/v1-key.zarr"
    first = replacement_of(base)
    assert (first, replacement_of(first)) == (base[:-5] + ".r1.zarr", base[:-5] + ".r2.zarr")
