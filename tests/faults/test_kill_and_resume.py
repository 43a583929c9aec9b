"""SIGKILL at random moments, then a last run: the bytes and the objects of an unbroken one."""

import os
import random
import time
from contextlib import contextmanager

import psutil
import pytest

from jobs.cli import main
from sgddiff_batch.io.catalogue import read_pointer
from sgddiff_batch.io.storage import open_store
from tests.kit import jobs

KILLS = 6
STARTS = 3
SMALL = ("--set", "tiling.block_px=64", "--set", "tiling.task_memory_gib=0.003")
"""Many small tasks, so that all kills fall into their midst."""


@pytest.fixture(scope="module")
def unbroken_small(tmp_path_factory, archive, checkpoint):
    """The output of a run in small blocks that nothing happened to."""
    folder = tmp_path_factory.mktemp("small")
    config = jobs.write_config(folder / "run.yaml", archive, folder / "out", checkpoint)
    assert jobs.run_job(config, *SMALL) == 0, config.with_suffix(".log").read_text()
    return folder / "out"


def marks(output):
    """The marks of stored blocks and the records of finished mosaics that a run has left so far."""
    folders = [output / "_ledger" / kind for kind in ("blocks", "mosaics")]
    return {f"{folder}/{name}" for top in folders for folder, _, names in os.walk(top) for name in names}


def run_until_progress_then_kill(config, output, rng):
    """Kill the job a moment after it has stored something new; returns whether it was still running."""
    before = marks(output)
    with jobs.running_job(config, *SMALL) as process:
        while process.poll() is None and not marks(output) - before:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        running = process.poll() is None
        process.kill()
    return running


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_six_times_it_ends_with_the_bytes_and_objects_of_an_unbroken_run(
    tmp_path, archive, checkpoint, unbroken_small
):
    output = tmp_path / "out"
    config = jobs.write_config(tmp_path / "run.yaml", archive, output, checkpoint, workers=1)
    rng = random.Random(7)
    landed = [run_until_progress_then_kill(config, output, rng) for _ in range(KILLS)]
    assert sum(landed) >= KILLS - 2, "the kills came after the work was done"
    assert jobs.run_job(config, *SMALL) == 0, config.with_suffix(".log").read_text()
    # A kill between a mosaic's record and the removal of its marks, or amid a record, leaves what gc takes.
    assert main(["gc", str(output), "--older-than", "0", "--delete"]) == 0
    jobs.assert_equal_mosaics(jobs.decoded(output), jobs.decoded(unbroken_small))
    assert jobs.object_names(output) == jobs.object_names(unbroken_small)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_ray_worker_killed_in_mid_run_costs_no_mosaic_and_no_byte(
    tmp_path, archive, checkpoint, unbroken_small
):
    config = jobs.write_config(
        tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint, kind="ray", workers=1
    )
    with running_on_ray(config) as process:
        killed = sum(kill_a_worker_at_work(process, tmp_path / "out") for _ in range(2))
        process.wait()
    assert process.returncode == 0, config.with_suffix(".log").read_text()
    assert killed, "the run was over before a worker could be killed"
    jobs.assert_equal_mosaics(jobs.decoded(tmp_path / "out"), jobs.decoded(unbroken_small))
    assert jobs.object_names(tmp_path / "out") == jobs.object_names(unbroken_small)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_worker_goes_on_after_its_driver_was_killed(tmp_path, archive, checkpoint):
    output = tmp_path / "out"
    config = jobs.write_config(tmp_path / "run.yaml", archive, output, checkpoint, kind="ray", workers=1)
    with running_on_ray(config) as process:
        while process.poll() is None and not (ray_workers(process.pid) and len(marks(output)) > 2):
            time.sleep(0.05)
        assert process.poll() is None, config.with_suffix(".log").read_text()
        workers = ray_workers(process.pid)
        assert workers
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["local", "ray"])
def test_killed_after_it_published_readers_keep_that_and_the_next_run_goes_on(tmp_path, checkpoint, kind):
    for seed, name in enumerate("abcdefgh"):
        jobs.write_scene(tmp_path / "scenes" / f"{name}.tif", 150, 200, seed)
    output = tmp_path / "out"
    often = ("--set", "output.publish_minutes=0.0005", "--set", "lease.seconds=5")
    config = jobs.write_config(
        tmp_path / "run.yaml", tmp_path / "scenes", output, checkpoint, kind=kind, workers=1
    )
    with jobs.running_job(config, *SMALL, *often) as process:
        while process.poll() is None and not (output / "_catalogue/current.json").exists():
            time.sleep(0.005)
        assert process.poll() is None, config.with_suffix(".log").read_text()
        process.kill()
    pointer = read_pointer(open_store(str(output)))
    (partial,) = pointer.kept
    held = jobs.decoded(output)
    assert 0 < partial.rows < 8
    assert jobs.run_job(config, *SMALL, *often) == 0, config.with_suffix(".log").read_text()
    # Of each of the two runs one generation is kept, and what was seen of the first is as it was.
    now = read_pointer(open_store(str(output)))
    assert [one.rows for one in now.kept] == [partial.rows, 8]
    assert len({one.run_id for one in now.kept}) == 2
    assert now.newest.previous == partial.number
    decoded = jobs.decoded(output)
    jobs.assert_equal_mosaics({name: decoded[name] for name in held}, held)


@contextmanager
def running_on_ray(config):
    """Run the job on a cluster of its own, from its first worker on.

    Ray gives a node 30 s to come up, too short for a busy machine: then it is started again.
    """
    log = config.with_suffix(".log")
    for _ in range(STARTS):
        log.unlink(missing_ok=True)
        with jobs.running_job(config, *SMALL) as process:
            while process.poll() is None and not ray_workers(process.pid):
                time.sleep(0.05)
            if process.poll() is None:
                yield process
                return
        if "timed out during startup" not in log.read_text():
            break
    pytest.fail(f"no worker was started: {log.read_text()[-3000:]}")


def kill_a_worker_at_work(process, output):
    """Kill a worker once it has stored something; returns whether there was one before the run's end.

    What others stored before does not count: a worker that has only begun is not in the midst of its work.
    """
    before = marks(output)
    while process.poll() is None:
        workers = ray_workers(process.pid) if marks(output) - before else []
        for worker in workers:
            worker.kill()
            psutil.wait_procs([worker], timeout=30)
            return True
        time.sleep(0.05)
    return False


def ray_workers(driver_pid):
    """The actors of a job's own cluster, by the names that Ray gives their processes."""
    try:
        family = psutil.Process(driver_pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [child for child in family if "RayWorker" in name_of(child)]


def name_of(process):
    """The words that a process is called by, none of one that has ended: others of its family may live."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
