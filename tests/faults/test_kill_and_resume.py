"""SIGKILL at random moments, then a last run: the bytes and the objects of an unbroken one."""

import os
import random
import signal
import subprocess
import time

import psutil
import pytest

from tests.kit import jobs

KILLS = 10


def run_and_kill(config, after_s, kill):
    """Start the job, wait, kill; returns True if it was still running then."""
    process = jobs.start_job(config)
    try:
        process.wait(after_s)
        return False
    except subprocess.TimeoutExpired:
        kill(process)
        return True
    finally:
        process.wait()


def kill_driver(process):
    process.send_signal(signal.SIGKILL)


@pytest.mark.timeout(900)
def test_killed_ten_times_it_ends_with_the_bytes_and_objects_of_an_unbroken_run(
    tmp_path, archive, checkpoint, unbroken
):
    config = jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint, workers=1)
    start = time.monotonic()
    assert (
        jobs.run_job(jobs.write_config(tmp_path / "timing.yaml", archive, tmp_path / "timing", checkpoint))
        == 0
    )
    whole_s = time.monotonic() - start
    rng = random.Random(7)
    for _ in range(KILLS):
        run_and_kill(config, rng.uniform(0.3, 1.0) * whole_s, kill_driver)
    assert jobs.run_job(config) == 0, config.with_suffix(".log").read_text()
    jobs.assert_equal_mosaics(jobs.decoded(tmp_path / "out"), jobs.decoded(unbroken))
    assert jobs.object_names(tmp_path / "out") == jobs.object_names(unbroken)


def test_no_process_outlives_a_killed_job(tmp_path, archive, checkpoint):
    config = jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint)
    process = jobs.start_job(config)
    time.sleep(3)
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_ray_worker_killed_in_mid_run_costs_no_mosaic_and_no_byte(tmp_path, archive, checkpoint, unbroken):
    config = jobs.write_config(
        tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint, kind="ray", workers=1
    )
    process = jobs.start_job(config, "--set", "tiling.task_memory_gib=0.003")
    killed = set()
    while process.poll() is None:
        marks = list((tmp_path / "out" / "_ledger").glob("blocks/**/*.json"))
        for worker in ray_workers(process.pid):
            if len(killed) < 2 and worker.pid not in killed and len(marks) > len(killed):
                worker.kill()
                killed.add(worker.pid)
        time.sleep(0.05)
    assert process.returncode == 0, config.with_suffix(".log").read_text()
    assert killed
    jobs.assert_equal_mosaics(jobs.decoded(tmp_path / "out"), jobs.decoded(unbroken))
    assert jobs.object_names(tmp_path / "out") == jobs.object_names(unbroken)


def ray_workers(driver_pid):
    """The actors of a job's own cluster, by the names that Ray gives their processes."""
    try:
        children = psutil.Process(driver_pid).children(recursive=True)
        return [child for child in children if "MapWorker" in " ".join(child.cmdline())]
    except psutil.Error:
        return []
