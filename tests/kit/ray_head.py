"""A Ray head of its own with two CPUs, for the tests of submitted jobs; ended with all below it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.processes import end_with_family

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
ADDRESS = f"127.0.0.1:{PORTS['port']}"
DASHBOARD = f"http://127.0.0.1:{PORTS['dashboard-port']}"


@contextmanager
def run_ray_head(folder: Path) -> Iterator[str]:
    """Run a head until the context ends; yields the address of its dashboard."""
    command = [str(BIN / "ray"), "start", "--head", "--block", "--num-cpus=2", "--node-ip-address=127.0.0.1"]
    command += ["--dashboard-host=127.0.0.1", *(f"--{name}={port}" for name, port in PORTS.items())]
    own_folder = Path(f"/tmp/r{os.getpid()}")  # the paths of Ray's sockets have to be short
    command += ["--object-store-memory=100000000", f"--temp-dir={own_folder}"]
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "RAY_ADDRESS"}
    with (folder / "head.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(f"{DASHBOARD}/api/version", process, folder / "head.log")
        yield DASHBOARD
    finally:
        end_with_family(process, patience_s=20)
        shutil.rmtree(own_folder, ignore_errors=True)


def submit(head: str, cwd: Path, *job: str) -> subprocess.CompletedProcess[str]:
    """Submit a Python job and wait for its end; the head may answer before its agent for jobs is there."""
    command = [str(BIN / "ray"), "job", "submit", "--address", head, "--working-dir", ".", "--"]
    end = time.monotonic() + 120
    while True:
        ended = subprocess.run(
            [*command, "python", *job],
            check=False,
            env=ENVIRONMENT,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if "No available agent" not in ended.stderr or time.monotonic() > end:
            return ended
        time.sleep(2)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path, limit_s: float = 90) -> None:
    end = time.monotonic() + limit_s
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"the Ray head did not start: {log.read_text()[-1000:]}")
