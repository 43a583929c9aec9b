"""A scene that ends every process that reads it: in quarantine before the run of the Ray engine ends."""

from dataclasses import dataclass

import pytest

from sgddiff_batch.io.ledger.activity import FileActivity
from sgddiff_batch.io.scenes.guarded_reader import GuardedReader
from sgddiff_batch.io.scenes.isolated_reader import IsolatedReader
from tests.engine.archives import Archive, MakesWorkers, WatchedReader, read_log
from tests.engine.conftest import on_ray
from tests.kit.fakes import SyntheticReader, make_scene

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster"), pytest.mark.timeout(300)]


@dataclass(frozen=True)
class IsolatingWorkers(MakesWorkers):
    """Makes workers as the job does: a suspect is read in a process of its own."""

    bare: SyntheticReader | None = None

    def __call__(self, label):
        worker = super().__call__(label)
        activity = FileActivity(str(self.root), label)
        reader = GuardedReader(self.bare, IsolatedReader(self.bare), activity)
        object.__setattr__(worker._steps, "reader", reader)
        return worker


def test_a_scene_that_ends_its_reader_is_quarantined_at_its_second_death_and_stops_nobody(tmp_path):
    scenes = {name: make_scene(30, 30, seed) for seed, name in enumerate(["a.tif", "deadly.tif", "b.tif"])}
    reader = WatchedReader(scenes, log=tmp_path / "reads.jsonl", trouble={"deadly.tif": "die"}, read_s=0.05)
    archive = Archive(tmp_path / "out", scenes, reader)
    workers = IsolatingWorkers(archive.root, reader, archive.tiling, bare=reader)
    results = archive.run(on_ray(archive, workers, workers=1))
    assert (results["a.tif"].state, results["b.tif"].state) == ("done", "done")
    assert results["deadly.tif"].state == "quarantined"
    assert "reading it ended the reading process twice" in results["deadly.tif"].reason
    deadly = [row["pid"] for row in read_log(reader.log) if row["scene_id"] == "deadly.tif"]
    assert len(set(deadly)) == 3, "a worker, and the two children that read it after that"
