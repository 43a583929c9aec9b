"""What the Ray engine promises beyond the contract: processes that die, hang, or cannot start."""

import os
import signal
from dataclasses import dataclass

import numpy as np
import pytest

from sgddiff_batch.engine.deaths import MAX_STARTS
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.protocols import Left
from tests.engine.archives import Archive, UnheardWorkers, WatchedReader, read_log
from tests.engine.conftest import on_ray
from tests.kit.fakes import SyntheticReader, make_scene

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]


@pytest.fixture(scope="module")
def deadly(tmp_path_factory, ray_cluster):
    """A run in which one scene kills its process whenever it is read, and the test kills one, too."""
    root = tmp_path_factory.mktemp("deadly")
    scenes = {
        "a.tif": make_scene(64, 64, 1),
        "deadly.tif": make_scene(16, 16, 2),
        "b.tif": make_scene(64, 64, 4),
        **{f"small{n}.tif": make_scene(9, 9, n) for n in range(6)},
    }
    log = root / "reads.jsonl"
    reader = WatchedReader(scenes, log=log, trouble={"deadly.tif": "die"}, read_s=0.02)
    archive = Archive(root / "out", scenes, reader, is_guarded=True)
    ended = []

    def killing(take):
        for outcome in on_ray(archive, workers=1)(take):
            ended.append(outcome)
            if len(ended) == 5:
                os.kill(read_log(log)[-1]["pid"], signal.SIGKILL)
            yield outcome

    return archive, archive.run(killing), read_log(log)


def test_every_scene_has_one_result_although_processes_died(deadly):
    archive, results, _ = deadly
    assert sorted(results) == sorted(archive.scenes)


def test_a_scene_that_always_ends_its_process_is_quarantined_and_takes_no_other_with_it(deadly):
    archive, results, reads = deadly
    result = results["deadly.tif"]
    assert result.state == "quarantined"
    assert "2 of them with no other task in it" in result.reason
    assert {row.state for name, row in results.items() if name != "deadly.tif"} == {"done"}
    assert sum(read["scene_id"] == "deadly.tif" for read in reads) <= MAX_STARTS + 1
    assert not (archive.root / "deadly.tif").exists()


def test_mosaics_are_equal_to_the_byte_although_processes_died(deadly):
    archive, _, _ = deadly
    for scene_id in archive.scenes:
        if scene_id != "deadly.tif":
            assert np.array_equal(archive.stored(scene_id), archive.expected(scene_id))


def test_a_worker_computes_with_one_thread(deadly):
    assert {read["omp"] for read in deadly[2]} == {"1"}


def test_work_that_hangs_fails_in_time_and_its_process_is_replaced(tmp_path):
    scenes = {f"{number}.tif": make_scene(16, 16, number) for number in range(30)}
    scenes["stuck.tif"] = make_scene(128, 96, 2)  # the largest is the first
    log = tmp_path / "reads.jsonl"
    archive = Archive(
        tmp_path / "out", scenes, WatchedReader(scenes, log=log, trouble={"stuck.tif": "hang"}, read_s=0.5)
    )
    results = archive.run(on_ray(archive, workers=1, work_timeout_s=3.0))
    assert {results[name].state for name in scenes if name != "stuck.tif"} == {"done"}
    assert (results["stuck.tif"].state, results["stuck.tif"].reason) == (
        "failed",
        "it did not end within 3 s",
    )
    assert len({read["pid"] for read in read_log(log)}) == 2


def test_an_outcome_whose_process_dies_before_it_is_heard_is_told_again_and_nothing_is_made_twice(tmp_path):
    scenes = {"a.tif": make_scene(12, 12, 1)}
    archive = Archive(tmp_path / "out", scenes, SyntheticReader(scenes))
    marker = tmp_path / "died"
    results = archive.run(on_ray(archive, UnheardWorkers(archive.make_worker, marker)))
    assert marker.exists()
    assert results["a.tif"].state == "done"
    assert np.array_equal(archive.stored("a.tif"), archive.expected("a.tif"))


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Refusing:
    """Makes no worker; its process dies when it is asked for one, or as soon as it is asked for anything."""

    dies: str = ""

    def __call__(self, label):
        if self.dies == "in making":
            die()
        raise ConfigError("model.checkpoint: found nothing at x")

    def take_left(self, label):
        if self.dies == "at once":
            die()
        return Left()


@pytest.mark.parametrize(
    ("dies", "error", "message"),
    [
        ("", ConfigError, "^model.checkpoint: found nothing at x$"),
        ("in making", FatalError, f"died {MAX_STARTS} times while it started"),
        ("at once", FatalError, f"died {MAX_STARTS} times while it started"),
    ],
)
def test_a_worker_that_cannot_be_made_ends_the_run_with_the_reason(tmp_path, dies, error, message):
    scenes = {"a.tif": make_scene(40, 40, 1)}
    archive = Archive(tmp_path / "out", scenes, SyntheticReader(scenes))
    with pytest.raises(error, match=message):
        archive.run(on_ray(archive, Refusing(dies), workers=1))
