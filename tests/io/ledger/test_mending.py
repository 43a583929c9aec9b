"""One damaged record of one scene stops no other: it is rebuilt from the scene's last commit, or is new."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sgddiff_batch.io.ledger.damage import DamageBook
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.ledger.mending import mended_records
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.protocols import SceneRecord

DONE = SceneRecord(
    "north/a.tif",
    "v1",
    "key",
    "north/a.tif/v1-key.zarr",
    *(None, 9000, 12, 100, 90),
    finished_at="2026-01-01T00:00:00+00:00",
)
KEY = "_ledger/scenes/north/a.tif~.json"
WRONG_TYPES = b'{"scene_id": 5, "version": "v", "run_key": "k", "store": 7, "finished_at": 3}'


@pytest.fixture
def ledger(tmp_path):
    return ObjectLedger(open_store(str(tmp_path)), DamageBook())


def test_records_that_are_sound_are_all_there_and_nothing_is_told(ledger):
    other = replace(DONE, scene_id="b.tif", store=None, reason="it is torn")
    for record in (DONE, other):
        ledger.finish(record)
    before = ledger.store.read_all("")
    assert mended_records(ledger, write=True) == {"north/a.tif": DONE, "b.tif": other}
    assert ledger.on_damage.records == {}
    assert ledger.store.read_all("") == before


@pytest.mark.parametrize("data", [b"{", b"[]", WRONG_TYPES, b"[" * 100000])
def test_a_damaged_record_is_rebuilt_from_the_scene_s_last_commit_and_others_go_on(ledger, data, caplog):
    ledger.finish(replace(DONE, store="north/a.tif/old.zarr"))
    last = replace(DONE, finished_at="2026-02-01T00:00:00+00:00")
    ledger.finish(last)
    other = replace(DONE, scene_id="b.tif", store="b.tif/x.zarr")
    ledger.finish(other)
    for key in ("north/a.tif", "never.tif"):
        ledger.store.write(f"_ledger/scenes/{key}~.json", data)
    before = ledger.store.read_all("")
    wanted = {"north/a.tif": last, "b.tif": other}
    assert mended_records(ledger, write=False) == wanted
    assert ledger.store.read_all("") == before
    assert mended_records(ledger, write=True) == ledger.records() == wanted
    assert ledger.store.read("_ledger/damaged/never.tif~.json") == data
    assert "scenes/north/a.tif~.json is damaged" in caplog.text
    assert "its scene is new now" in caplog.text


def test_the_ledger_takes_note_of_what_was_damaged_and_of_what_was_done(ledger):
    ledger.finish(DONE)
    ledger.store.write(KEY, b"{")
    mended_records(ledger, write=False)
    (noted,) = ledger.on_damage.records.values()
    assert (noted.key, noted.scene_id) == (KEY, "north/a.tif")
    assert noted.remedy == f"rebuilt from its commit of {DONE.finished_at}"


def test_a_record_of_another_scene_is_damaged(ledger):
    ledger.finish(DONE)
    ledger.store.write("_ledger/scenes/b.tif~.json", ledger.store.read(KEY))
    assert mended_records(ledger, write=True) == {"north/a.tif": DONE}
    (noted,) = ledger.on_damage.records.values()
    assert "is of another scene, 'north/a.tif'" in noted.reason
    assert ledger.store.keys("_ledger/scenes") == [KEY]


def test_marks_of_reading_outlive_the_mending_of_their_scene(ledger):
    ledger.finish(DONE)
    ledger.store.write("_ledger/reading/north/a.tif/profile~.json", b"{}")
    ledger.store.write(KEY, b"{")
    mended_records(ledger, write=True)
    assert ledger.deaths() == {"north/a.tif"}


def test_a_commit_that_is_damaged_too_is_gone_round(ledger, caplog):
    ledger.finish(DONE)
    ledger.finish(replace(DONE, store="north/a.tif/v2-key.zarr", finished_at="2026-02-01T00:00:00+00:00"))
    ledger.store.write("_ledger/mosaics/north/a.tif/v2-key.zarr~.json", b"{")
    ledger.store.write(KEY, b"{")
    assert mended_records(ledger, write=False) == {"north/a.tif": DONE}
    assert "mosaics/north/a.tif/v2-key.zarr~.json is damaged" in caplog.text


def test_no_record_is_rebuilt_from_a_disowned_mosaic(ledger):
    ledger.finish(DONE)
    ledger.disown_mosaic(DONE.store, "it was damaged")
    ledger.store.write(KEY, b"{")
    assert mended_records(ledger, write=False) == {}


def test_no_record_is_rebuilt_from_a_scene_in_a_folder_of_its_name(ledger):
    ledger.finish(replace(DONE, scene_id="a.tif/b.tif", store="a.tif/b.tif/v1-key.zarr"))
    ledger.store.write("_ledger/scenes/a.tif~.json", b"{")
    assert list(mended_records(ledger, write=False)) == ["a.tif/b.tif"]
