"""A scene that ends every process that reads it: in quarantine before the run of the Ray engine ends."""

from functools import partial

import pytest

from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.scenes.guarded_reader import GuardedReader
from sgddiff_batch.io.scenes.isolated_reader import IsolatedReader
from sgddiff_batch.io.storage.store import open_store
from tests.engine.archives import Archive, WatchedReader, read_log
from tests.kit.fakes import ToyPredictor, make_scene

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster"), pytest.mark.timeout(300)]


def guarded_worker(root, reader):
    """A worker as the job makes it, over a reader that may end its process."""
    store = open_store(root)
    ledger = ObjectLedger(store)
    guarded = GuardedReader(reader, IsolatedReader(reader), ledger, frozenset(ledger.deaths()))
    return Worker(guarded, ToyPredictor(), ZarrBlockWriter(store), ledger)


def test_a_scene_that_ends_its_reader_is_quarantined_at_its_second_death_and_stops_nobody(tmp_path):
    from sgddiff_batch.engine.ray_data import run_ray

    scenes = {name: make_scene(30, 30, seed) for seed, name in enumerate(["a.tif", "deadly.tif", "b.tif"])}
    reader = WatchedReader(scenes, log=tmp_path / "reads.jsonl", trouble={"deadly.tif": "die"}, read_s=0.05)
    archive = Archive(tmp_path / "out", scenes, reader)
    outcomes = list(run_ray(archive.tasks, partial(guarded_worker, str(archive.root), reader), workers=1))
    of_scenes = {(one.task.scene_id, one.state) for one in outcomes}
    assert {end for end in of_scenes if end[0] != "deadly.tif"} == {("a.tif", "stored"), ("b.tif", "stored")}
    ends = {one.state: one.reason for one in outcomes if one.task.scene_id == "deadly.tif"}
    assert set(ends) <= {"quarantine", "skipped"}
    assert "reading it ended the reading process twice" in ends["quarantine"]
    deadly = [row["pid"] for row in read_log(reader.log) if row["scene_id"] == "deadly.tif"]
    assert len(set(deadly)) == 3, "a worker, and the two children that read it after that"
