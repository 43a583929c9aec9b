"""SIGKILL at random moments, then a last run: the bytes and the objects of an unbroken one."""

import os
import random
import time

import psutil
import pytest

from jobs.cli import main
from tests.kit import jobs

KILLS = 10
SMALL = ("--set", "tiling.block_px=64", "--set", "tiling.task_memory_gib=0.003")
"""Many small tasks, so that ten kills fall into their midst."""


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
    before, process = marks(output), jobs.start_job(config, *SMALL)
    while process.poll() is None and not marks(output) - before:
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.1))
    running = process.poll() is None
    process.kill()
    process.wait()
    return running


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_ten_times_it_ends_with_the_bytes_and_objects_of_an_unbroken_run(
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
def test_a_ray_worker_killed_in_mid_run_costs_no_mosaic_and_no_byte(tmp_path, archive, checkpoint, unbroken):
    config = jobs.write_config(
        tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint, kind="ray", workers=1
    )
    process = jobs.start_job(config, "--set", "tiling.task_memory_gib=0.003")
    killed = set()
    while process.poll() is None:
        stored = marks(tmp_path / "out")
        for worker in ray_workers(process.pid):
            if len(killed) < 2 and worker.pid not in killed and len(stored) > len(killed):
                worker.kill()
                killed.add(worker.pid)
        time.sleep(0.05)
    assert process.returncode == 0, config.with_suffix(".log").read_text()
    assert killed
    jobs.assert_equal_mosaics(jobs.decoded(tmp_path / "out"), jobs.decoded(unbroken))
    assert jobs.object_names(tmp_path / "out") == jobs.object_names(unbroken)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_worker_goes_on_after_its_driver_was_killed(tmp_path, archive, checkpoint):
    output = tmp_path / "out"
    config = jobs.write_config(tmp_path / "run.yaml", archive, output, checkpoint, kind="ray", workers=1)
    process = jobs.start_job(config, *SMALL)
    while process.poll() is None and not (ray_workers(process.pid) and len(marks(output)) > 2):
        time.sleep(0.05)
    assert process.poll() is None, config.with_suffix(".log").read_text()
    workers = ray_workers(process.pid)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []


def ray_workers(driver_pid):
    """The actors of a job's own cluster, by the names that Ray gives their processes."""
    try:
        children = psutil.Process(driver_pid).children(recursive=True)
        return [child for child in children if "MapWorker" in " ".join(child.cmdline())]
    except psutil.Error:
        return []
