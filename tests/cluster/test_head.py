"""A real Ray head, started as its unit says: who can reach it, and what a stop of a job does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.cluster import units
from tests.kit.processes import end_with_family

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

BIN = Path(sys.executable).parent
PORT, DASHBOARD = 6431, "http://127.0.0.1:8431"
PORTS = {
    "port": PORT,
    "dashboard-port": 8431,
    "dashboard-agent-listen-port": 8432,
    "dashboard-agent-grpc-port": 8433,
    "runtime-env-agent-port": 8434,
    "metrics-export-port": 8435,
    "ray-client-server-port": 8436,
}
"""In place of the usual ones: other tests have heads of their own beside this one."""
TOKEN = "c1" * 32
STARTS = 3
WAITS = """
import sys, time, pathlib
folder = pathlib.Path(sys.argv[1])
try:
    (folder / "began").touch()
    time.sleep(300)
except KeyboardInterrupt:
    (folder / "interrupted").touch()
"""


@dataclass(frozen=True, slots=True)
class Head:
    process: psutil.Process
    token_path: Path

    def environment(self, unit: str) -> dict[str, str]:
        """What a service sets, with this test's paths and ports; the rest is this process's."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        changes = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "RAY_AUTH_TOKEN_PATH": str(self.token_path),
            "RAY_ADDRESS": f"127.0.0.1:{PORT}",
            "PYTHONWARNINGS": "ignore",
            "OMP_NUM_THREADS": "1",
        }
        set_there = units.environment(units.read_unit(unit))
        return own | set_there | {name: value for name, value in changes.items() if _may(name, set_there)}


def _may(name: str, set_there: dict[str, str]) -> bool:
    return name in set_there or not name.startswith("RAY_")


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    """The head of sgddiff-ray-head.service, alone on this machine as the unit comes."""
    folder = tmp_path_factory.mktemp("head")
    (folder / "token").write_text(TOKEN)
    name = "sgddiff-ray-head.service"
    environment = Head(psutil.Process(), folder / "token").environment(name)
    words = units.command(units.read_unit(name), environment)
    replaced = {f"--{option}" for option in PORTS} | {"--temp-dir", "--object-store-memory"}
    command = [str(BIN / "ray"), *(word for word in words[1:] if word.partition("=")[0] not in replaced)]
    command += [f"--{option}={value}" for option, value in PORTS.items()]
    own_folder = Path(f"/tmp/rh{os.getpid()}")  # the paths of Ray's sockets have to be short
    command += [f"--temp-dir={own_folder}", "--object-store-memory=100000000", "--num-cpus=1"]
    process = _start(command, environment, folder / "log")
    try:
        yield Head(psutil.Process(process.pid), folder / "token")
    finally:
        end_with_family(process, patience_s=60)
        shutil.rmtree(own_folder, ignore_errors=True)


def _start(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a head and wait for it. Ray gives a node 30 s to come up, too short for a busy machine: then
    it is started again, as its unit would be.
    """
    for _ in range(STARTS):
        with log.open("wb") as words:
            process = subprocess.Popen(command, env=environment, stdout=words, stderr=subprocess.STDOUT)
        end = time.monotonic() + 150
        while time.monotonic() < end and process.poll() is None:
            if "Ray runtime started" in log.read_text() and _status(TOKEN) == 200:
                return process
            time.sleep(0.5)
        end_with_family(process, patience_s=60)
        if "timed out during startup" not in log.read_text():
            break
    pytest.fail(f"the Ray head did not start: {log.read_text()[-1000:]}")


def _status(token: str | None) -> int:
    """What the dashboard answers to a question about jobs; 0 if there is no answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        question = urllib.request.Request(f"{DASHBOARD}/api/jobs/", headers=headers)
        with urllib.request.urlopen(question, timeout=5) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_nothing_of_it_listens_beyond_the_loopback(head: Head) -> None:
    family = [head.process, *head.process.children(recursive=True)]
    sockets = [each for process in family for each in process.net_connections("inet")]
    listening = [each for each in sockets if each.status == "LISTEN"]
    addresses = {each.laddr.ip.removeprefix("::ffff:") for each in listening}
    assert PORT in {each.laddr.port for each in listening}
    assert addresses <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("token", [None, "c2" * 32])
def test_without_the_token_it_answers_nothing(head: Head, token: str | None) -> None:
    assert _status(token) in (401, 403)


def test_the_nightly_service_finds_it_with_its_own_environment(head: Head) -> None:
    code = "import ray; ray.init(logging_level='ERROR'); print(int(ray.cluster_resources()['CPU']))"
    environment = head.environment("sgddiff-nightly.service")
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr[-1000:]
    assert ended.stdout.split()[-1] == "1"


def test_a_stopped_job_gets_ctrl_c_and_time_to_end(head: Head, tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text(WAITS)
    environment = head.environment("sgddiff-nightly.service") | {"RAY_API_SERVER_ADDRESS": DASHBOARD}
    submit = [str(BIN / "ray"), "job", "submit", "--no-wait", "--submission-id", "waits", "--"]
    submit += ["python", str(tmp_path / "waits.py"), str(tmp_path)]
    end = time.monotonic() + 120
    while (ended := _ray(submit, environment)).returncode and "No available agent" in ended.stderr:
        assert time.monotonic() < end
        time.sleep(2)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    while not (tmp_path / "began").exists():
        assert time.monotonic() < end
        time.sleep(0.2)
    stopped = _ray([str(BIN / "ray"), "job", "stop", "waits"], environment)
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    while not (tmp_path / "interrupted").exists():
        assert time.monotonic() < end + 60, stopped.stdout
        time.sleep(0.2)


def _ray(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
