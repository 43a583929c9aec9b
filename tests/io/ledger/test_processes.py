"""A mark tells which process wrote it; only one that is there for certain is alive."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sgddiff_batch.io.ledger.processes import is_alive, this_process

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def mark(**changes: object) -> bytes:
    return json.dumps({**this_process(), **changes}).encode()


@pytest.fixture
def sleeper():
    """A process that waits for its input to end."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def started(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])


@linux
def test_this_process_is_alive_and_says_who_it_is():
    assert this_process() == {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": started(os.getpid()),
    }
    assert is_alive(mark())


@linux
def test_another_process_is_alive_until_it_ends_also_where_nobody_waited_for_it(sleeper):
    other = mark(pid=sleeper.pid, started=started(sleeper.pid))
    assert is_alive(other)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(other), "it is a zombie now"
    sleeper.wait()
    assert not is_alive(other)


@linux
@pytest.mark.parametrize("name", [b"a) Z (b", b"\xff\xfe", b"fourteen bytes\xc3"])
def test_whatever_a_process_calls_itself_it_is_alive(name):
    comm = Path("/proc/self/comm")
    before = comm.read_bytes()
    comm.write_bytes(name)
    try:
        process = this_process()
        assert process["started"] == started(os.getpid())
        assert is_alive(json.dumps(process).encode())
    finally:
        comm.write_bytes(before.rstrip(b"\n"))


def test_a_number_that_was_given_to_another_process_since_is_not_alive():
    assert not is_alive(mark(started=12345))


def test_a_process_of_another_host_is_not_known_to_live():
    assert not is_alive(mark(host="elsewhere"))


def test_a_start_that_is_not_known_is_no_sign_of_life():
    assert not is_alive(mark(pid=2**22 + 1, started=0))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"{}",
        b"\xff",
        b'{"host": "h", "pid": null, "started": 1}',
        b'{"host": "h", "pid": Infinity, "started": 1}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_mark_is_of_no_process_that_lives(data):
    assert not is_alive(data)
