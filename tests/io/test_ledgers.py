"""The ledger: what was returned from is there, what was finished is dropped, damage is told."""

import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Mosaic, Task, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.ledgers import ObjectLedger
from sgddiff_batch.io.stores import open_store
from sgddiff_batch.protocols import BlockRecord, SceneRecord

SCENE = Scene("north/a.tif", "/archive/north/a.tif", "v1", 10)
MOSAIC = Mosaic(
    "north/a.tif/v1-key.zarr", SCENE, SceneProfile(Grid(100, 90), (1, 2, 3), "uint8", 1), Tiling(64, 0, 64)
)
BLOCKS = [BlockRecord(block, "d1", 9, 3) for block in MOSAIC.blocks()]
DONE = SceneRecord("north/a.tif", "v1", "key", MOSAIC.store, None, 9000, 12, 100, 90, "2026-01-01T00:00:00")


@pytest.fixture
def ledger(tmp_path):
    return ObjectLedger(open_store(str(tmp_path)))


def mark_all(ledger):
    ledger.mark_blocks(Task(MOSAIC, Window(0, 64, 0, 90)), BLOCKS[:2])
    ledger.mark_blocks(Task(MOSAIC, Window(64, 100, 0, 90)), BLOCKS[2:])


def test_an_empty_ledger_knows_nothing(ledger):
    assert ledger.records() == {}
    assert ledger.finished_blocks(MOSAIC.store) == []
    assert ledger.finished_mosaic(MOSAIC.store) is None
    assert ledger.deaths() == set()


def test_marked_blocks_are_there_once_however_often_their_task_ran(ledger):
    mark_all(ledger)
    mark_all(ledger)
    ledger.mark_blocks(Task(MOSAIC, MOSAIC.grid.window), BLOCKS)
    assert sorted(ledger.finished_blocks(MOSAIC.store), key=lambda record: record.window) == BLOCKS


def test_a_finished_scene_leaves_its_records_and_no_marks(ledger, tmp_path):
    mark_all(ledger)
    ledger.reading(SCENE, "profile")
    ledger.finish(DONE)
    assert ledger.records() == {"north/a.tif": DONE}
    assert ledger.finished_mosaic(MOSAIC.store) == DONE
    assert ledger.store.keys() == [
        "_ledger/mosaics/north/a.tif/v1-key.zarr.json",
        "_ledger/scenes/north/a.tif.json",
    ]
    assert sorted(path.name for path in (tmp_path / "_ledger").iterdir()) == ["mosaics", "scenes"]


def test_quarantine_keeps_the_mosaic_of_the_earlier_version(ledger):
    ledger.finish(DONE)
    bad = SceneRecord("north/a.tif", "v2", "key", MOSAIC.store, "it is truncated", 9000, 12, 100, 90)
    ledger.finish(bad)
    assert ledger.records() == {"north/a.tif": bad}
    assert ledger.finished_mosaic(MOSAIC.store) == DONE


def test_a_read_that_never_ended_is_a_death_of_its_scene(ledger):
    other = Scene("b.tif", "/archive/b.tif", "v1", 10)
    ledger.reading(SCENE, "r0c0h4w4")
    ledger.reading(other, "profile")
    ledger.read_ended(other, "profile")
    assert ledger.deaths() == {"north/a.tif"}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"scene_id": "a"}', b'{"other": 1}'])
def test_a_damaged_record_is_told_by_its_key(ledger, data):
    ledger.store.write("_ledger/scenes/a.tif.json", data)
    with pytest.raises(FatalError, match=r"_ledger/scenes/a\.tif\.json"):
        ledger.records()


def test_a_damaged_block_mark_is_told_by_its_key(ledger):
    ledger.store.write(f"_ledger/blocks/{MOSAIC.store}/t.json", b'[{"window": 3}]')
    with pytest.raises(FatalError, match=r"t\.json"):
        ledger.finished_blocks(MOSAIC.store)
