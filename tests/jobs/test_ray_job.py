"""The main job as ``ray job submit`` runs it, on a Ray head of its own."""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.kit import jobs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BIN = Path(sys.executable).parent
PORTS = {
    "port": 6391,
    "dashboard-port": 8391,
    "dashboard-agent-listen-port": 8392,
    "dashboard-agent-grpc-port": 8393,
    "runtime-env-agent-port": 8394,
    "metrics-export-port": 8395,
    "ray-client-server-port": 8396,
}
"""All of its own: the cluster of the engine's tests may run beside it, on Ray's usual ports."""
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONWARNINGS": "ignore",
}


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """The address of the dashboard of a head with two CPUs; the head and all below it end with the test."""
    folder = tmp_path_factory.mktemp("ray")
    command = [str(BIN / "ray"), "start", "--head", "--block", "--num-cpus=2", "--node-ip-address=127.0.0.1"]
    command += ["--dashboard-host=127.0.0.1", *(f"--{name}={port}" for name, port in PORTS.items())]
    command += ["--object-store-memory=100000000", f"--temp-dir=/tmp/r{os.getpid()}"]
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "RAY_ADDRESS"}
    with (folder / "head.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{PORTS['dashboard-port']}"
        _wait_for(f"{address}/api/version", process, folder / "head.log")
        yield address
    finally:
        _end(process)


def _wait_for(url, process, log, limit_s=90):
    end = time.monotonic() + limit_s
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"the Ray head did not start: {log.read_text()[-1000:]}")


def _end(process):
    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    for child in alive:
        child.kill()


def submit(head, config, *flags):
    """Submit the job and wait for its end; the head may answer before its agent for jobs is there."""
    command = [str(BIN / "ray"), "job", "submit", "--address", head, "--working-dir", ".", "--"]
    command += ["python", "jobs/infer_archive.py", "--config", str(config), *flags]
    end = time.monotonic() + 120
    while True:
        ended = subprocess.run(
            command, check=False, env=ENVIRONMENT, cwd=jobs.ROOT, capture_output=True, text=True, timeout=300
        )
        if "No available agent" not in ended.stderr or time.monotonic() > end:
            return ended
        time.sleep(2)


def test_a_submitted_job_makes_the_mosaics_of_a_local_run(head, tmp_path, archive, checkpoint, unbroken):
    config = jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint, kind="ray")
    ended = submit(head, config, "--set", "engine.workers=1")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    jobs.assert_equal_mosaics(jobs.decoded(tmp_path / "out"), jobs.decoded(unbroken))
    assert jobs.object_names(tmp_path / "out") == jobs.object_names(unbroken)


def test_a_relative_output_is_refused_under_a_job(head, tmp_path, archive, checkpoint):
    config = jobs.write_config(tmp_path / "run.yaml", archive, "out", checkpoint, kind="ray")
    ended = submit(head, config)
    assert ended.returncode != 0
    assert "output.uri is the relative path 'out'" in ended.stdout + ended.stderr
