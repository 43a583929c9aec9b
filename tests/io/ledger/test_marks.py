"""The ledger: what was returned from is there, what was finished is dropped, damage is told."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import SceneMosaic, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile, escape_scene_id
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.ledger.mending import mended_records
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.protocols import BlockRecord, MosaicContents, SceneRecord

SCENE = Scene("north/a.tif", "/archive/north/a.tif", "v1", 10)
OTHER = Scene("b.tif", "/archive/b.tif", "v1", 10)
MOSAIC = SceneMosaic.at(
    "north/a.tif/v1-key.zarr", SCENE, SceneProfile(Grid(100, 90), (1, 2, 3), "uint8", 1), Tiling(64, 0, 64)
)
BLOCKS = [BlockRecord(block, "d1", 9, 3) for block in MOSAIC.blocks()]
DONE = SceneRecord("north/a.tif", "v1", "key", MOSAIC.path, None, 9000, 12, 100, 90, "2026-01-01T00:00:00")
WRONG_TYPES = b'{"scene_id": 5, "version": "v", "run_key": "k", "store": 7, "finished_at": 3}'


@pytest.fixture
def ledger(tmp_path):
    return ObjectLedger(open_store(str(tmp_path)))


def mark_all(ledger):
    ledger.mark_blocks(MOSAIC, Window(0, 64, 0, 90), BLOCKS[:2])
    ledger.mark_blocks(MOSAIC, Window(64, 100, 0, 90), BLOCKS[2:])


def test_an_empty_ledger_knows_nothing(ledger):
    assert ledger.records() == {}
    assert ledger.finished_blocks(MOSAIC.path) == []
    assert ledger.finished_mosaic(MOSAIC.path) is None
    assert ledger.deaths() == set()


def test_marked_blocks_are_there_once_however_often_their_task_ran(ledger):
    mark_all(ledger)
    mark_all(ledger)
    ledger.mark_blocks(MOSAIC, MOSAIC.grid.window, BLOCKS)
    assert sorted(ledger.finished_blocks(MOSAIC.path), key=lambda record: record.window) == BLOCKS


def test_a_finished_scene_leaves_its_records_and_no_marks(ledger, tmp_path):
    mark_all(ledger)
    ledger.finish(DONE)
    ledger.forget_blocks(str(DONE.store))
    assert ledger.records() == {"north/a.tif": DONE}
    assert ledger.finished_mosaic(MOSAIC.path) == DONE
    assert ledger.store.keys() == [
        "_ledger/mosaics/north/a.tif/v1-key.zarr~.json",
        "_ledger/scenes/north/a.tif~.json",
    ]
    assert sorted(path.name for path in (tmp_path / "_ledger").iterdir()) == ["mosaics", "scenes"]


def test_quarantine_keeps_the_mosaic_of_the_earlier_version(ledger):
    ledger.finish(DONE)
    bad = SceneRecord("north/a.tif", "v2", "key", MOSAIC.path, "it is truncated", 9000, 12, 100, 90)
    ledger.finish(bad)
    assert ledger.records() == {"north/a.tif": bad}
    assert ledger.finished_mosaic(MOSAIC.path) == DONE


def leave_mark(ledger, scene, what, **process):
    """Write the mark of a process that ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mark = {"host": socket.gethostname(), "pid": ended.pid, "started": 12345, **process}
    ledger.store.write(f"_ledger/reading/{scene.scene_id}/{what}~.json", json.dumps(mark).encode())


def test_a_read_whose_process_ended_is_a_death_of_its_scene(ledger):
    leave_mark(ledger, SCENE, "r0c0h4w4")
    assert ledger.deaths() == {"north/a.tif"}
    ledger.forget_deaths("north/a.tif")
    assert ledger.deaths() == set()
    assert ledger.store.keys() == []


def test_what_the_catalogue_shows_is_told_of_just_that_record(ledger):
    shown = {"source": "s3://b/a.tif", "outline": None}
    ledger.finish(DONE, shown=shown)
    assert ledger.shown(DONE) == shown
    assert ledger.shown(replace(DONE, valid_px=1)) is None
    ledger.finish(DONE)
    assert ledger.shown(DONE) is None
    ledger.store.write("_ledger/scenes/north/a.tif~.json", b"{")
    assert ledger.shown(DONE) is None
    assert ledger.shown(replace(DONE, scene_id="none.tif")) is None


def test_contents_are_kept_with_the_record_of_the_mosaic_and_by_one_that_disowns_it(ledger):
    contents = MosaicContents("root", (BlockRecord(Window(0, 4, 0, 4), "d", 16, 1),))
    ledger.finish(DONE, contents)
    ledger.finish(replace(DONE, finished_at="2027-01-01T00:00:00+00:00"))
    assert ledger.contents(str(DONE.store)) == contents
    ledger.disown_mosaic(str(DONE.store), "it is damaged")
    assert ledger.contents(str(DONE.store)) == contents
    assert ledger.finished_mosaic(str(DONE.store)) is None


def test_a_mark_of_an_unknown_process_counts_as_a_death(ledger):
    leave_mark(ledger, SCENE, "profile", host="elsewhere", pid=os.getpid())
    leave_mark(ledger, OTHER, "profile", pid=os.getpid())  # the number was given to another process since
    ledger.store.write("_ledger/reading/c.tif/profile~.json", b"torn")
    assert ledger.deaths() == {"north/a.tif", "b.tif", "c.tif"}


def test_scenes_whose_names_contain_each_other_do_not_collide(ledger):
    names = ["a.tif", "a.tif/b.tif", "a.tif.json/b.tif", "a.tif~.json"]
    names = [escape_scene_id(name) for name in names]
    for name in names:
        ledger.finish(SceneRecord(name, "v1", "key", f"{name}/v1-key.zarr"))
    assert sorted(ledger.records()) == sorted(names)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"scene_id": "a"}', b'{"other": 1}', WRONG_TYPES])
def test_a_damaged_record_is_told_by_its_key(ledger, data):
    ledger.store.write("_ledger/scenes/a.tif~.json", data)
    with pytest.raises(FatalError, match=r"_ledger/scenes/a\.tif~\.json"):
        ledger.records()


def test_a_record_of_a_newer_version_is_read_without_what_is_new(ledger):
    ledger.finish(DONE)
    key = "_ledger/scenes/north/a.tif~.json"
    ledger.store.write(key, ledger.store.read(key).replace(b"{", b'{"new":1,', 1))
    assert ledger.records() == {"north/a.tif": DONE}


@pytest.mark.parametrize(
    "data",
    [b"", b'[{"window": 3}]', b"[" * 100000, b'[{"window":{"row_start":0},"digest":1}]', b"{}", b"[1]"],
)
def test_a_damaged_block_mark_is_told_and_its_blocks_are_not_there(ledger, data):
    mark_all(ledger)
    ledger.store.write(f"_ledger/blocks/{MOSAIC.path}/r0c0h64w90~.json", data)
    told = []
    found = ObjectLedger(ledger.store, told.append).finished_blocks(MOSAIC.path)
    assert {record.window for record in found} <= {block.window for block in BLOCKS}
    if data != b"{}":
        assert [(one.scene_id, one.remedy) for one in told] == [
            ("north/a.tif", "its blocks are computed again")
        ]
        assert "r0c0h64w90~.json" in told[0].reason


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"at": "yesterday"}', b'{"at": 5}', b"[" * 100000])
def test_a_damaged_withdrawal_counts_since_it_was_written_and_is_told(ledger, data, tmp_path):
    ledger.withdraw("b.tif", "2026-01-01T00:00:00+00:00")
    ledger.store.write("_ledger/withdrawn/north/a.tif~.json", data)
    os.utime(tmp_path / "_ledger/withdrawn/north/a.tif~.json", (1.7e9, 1.7e9))
    told = []
    found = ObjectLedger(ledger.store, told.append).withdrawn()
    assert found["b.tif"] == "2026-01-01T00:00:00+00:00"
    assert datetime.fromisoformat(found["north/a.tif"]) > datetime(2026, 1, 1, tzinfo=UTC)
    assert [one.scene_id for one in told] == ["north/a.tif"]


def test_a_damaged_record_of_a_commit_is_none_and_told(ledger):
    ledger.finish(DONE)
    ledger.store.write(f"_ledger/mosaics/{MOSAIC.path}~.json", b"{")
    told = []
    assert ObjectLedger(ledger.store, told.append).finished_mosaic(MOSAIC.path) is None
    assert [one.scene_id for one in told] == ["north/a.tif"]


def test_a_disowned_mosaic_is_never_found_finished_and_no_record_is_rebuilt_from_it(ledger):
    ledger.finish(DONE)
    ledger.disown_mosaic(MOSAIC.path, "it was damaged")
    assert ledger.finished_mosaic(MOSAIC.path) is None
    ledger.store.write("_ledger/scenes/north/a.tif~.json", b"{")
    assert mended_records(ledger, write=False) == {}
    assert ledger.names("mosaics") == [MOSAIC.path], "gc would not know it"


def test_a_quarantine_is_untold_until_it_is_told(ledger):
    ledger.finish(replace(DONE, reason="it is torn"))
    ledger.finish(replace(DONE, scene_id="b.tif", store="b.tif/v1-key.zarr"))
    assert ledger.names("untold") == ["north/a.tif"]
    ledger.told_of(["north/a.tif"])
    assert ledger.names("untold") == []
