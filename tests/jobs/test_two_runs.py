"""Two runs on one output: the second leaves, or takes over, and the first finds out before it writes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from jobs import infer_archive
from jobs.exits import Exit
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.ledger.fence import LEASE
from sgddiff_batch.io.ledger.lease import Lease
from sgddiff_batch.io.storage.store import open_store
from tests.kit import jobs
from tests.kit.faulty import StoreFault
from tests.kit.scripted import scripted, scripted_output

SHORT = ("--set", "lease.seconds=5")

HELD = """
import signal, sys, time
from pathlib import Path
from jobs import infer_archive
from sgddiff_batch.io.mosaics import ZarrBlockWriter

folder, call = Path(sys.argv[1]), sys.argv[2]
reached, go, interrupted = folder / "reached", folder / "go", folder / "interrupted"
write = getattr(ZarrBlockWriter, call)

def held(*arguments):
    reached.touch()
    while not go.exists():
        time.sleep(0.02)
    return write(*arguments)

def interrupt(*arguments):
    interrupted.touch()
    signal.default_int_handler(*arguments)

setattr(ZarrBlockWriter, call, held)
signal.signal(signal.SIGINT, interrupt)
sys.exit(infer_archive.main(sys.argv[3:]))
"""
"""A run that stops before each call of one method of its writer, until it is let go; it tells of Ctrl-C."""


class HeldRun:
    """A run of its own process that waits before its first call of a method of the writer."""

    def __init__(self, config, folder, call):
        self.folder, self.go, self.log = folder, folder / "go", folder / "held.log"
        command = [sys.executable, "-W", "ignore", "-c", HELD, str(folder), call]
        environment = {**os.environ, "PYTHONPATH": str(jobs.ROOT)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--config", str(config), *SHORT], env=environment, stdout=log, stderr=log
            )

    def wait_for(self, name):
        """Wait until it has told of something by a file."""
        while not (self.folder / name).exists():
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)

    def interrupt(self):
        """Send Ctrl-C, and wait until it has arrived: a run that goes on first may end as if nothing was."""
        self.process.send_signal(signal.SIGINT)
        self.wait_for("interrupted")

    def end(self):
        """Let it go on and return its exit code."""
        self.go.touch()
        return self.process.wait(120)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def config(tmp_path, archive, checkpoint, output):
    return jobs.write_config(tmp_path / "run.yaml", archive, output, checkpoint)


@pytest.fixture
def held(request, config, tmp_path):
    """Held before it stores a block, or where a test says so."""
    run = HeldRun(config, tmp_path, getattr(request, "param", "write_block"))
    try:
        run.wait_for("reached")
        yield run
    finally:
        run.process.kill()
        run.process.wait()


def run_here(config):
    """The job in this process, whose exit code it returns."""
    return infer_archive.main(["--config", str(config), *SHORT])


def files(output, *, but=None):
    """Every file below an output: its bytes and the time of its last change."""
    found = {str(path.relative_to(output)): path for path in output.rglob("*") if path.is_file()}
    kept = {name: path for name, path in found.items() if but is None or not name.startswith(but)}
    return {name: (path.read_bytes(), path.stat().st_mtime_ns) for name, path in kept.items()}


@pytest.mark.slow
@pytest.mark.parametrize("held", ["claim"], indirect=True)
def test_a_second_run_leaves_with_4_says_who_is_at_work_and_touches_nothing(
    held, config, output, unbroken, capsys
):
    before = files(output, but=LEASE)
    assert run_here(config) == Exit.HELD == 4
    message = capsys.readouterr().err.splitlines()[-1]
    assert files(output, but=LEASE) == before
    assert infer_archive.main(["--config", str(config), "--dry-run"]) == 0
    assert message.startswith("sgddiff run: ")
    assert "another run is at work" in message
    assert f"on {socket.gethostname()}, process {held.process.pid}" in message
    assert "heartbeat" in message
    assert held.end() == 0, held.log.read_text()
    jobs.assert_equal_mosaics(jobs.decoded(output), jobs.decoded(unbroken))
    assert jobs.object_names(output) == jobs.object_names(unbroken)


@pytest.mark.slow
def test_a_killed_run_is_taken_over_at_once_on_its_machine(held, config, output, unbroken, monkeypatch):
    held.process.kill()
    held.process.wait()
    monkeypatch.setattr(Lease, "acquire", _without_sleeping(Lease.acquire))
    assert run_here(config) == 0
    jobs.assert_equal_mosaics(jobs.decoded(output), jobs.decoded(unbroken))
    assert jobs.object_names(output) == jobs.object_names(unbroken)


def _without_sleeping(acquire):
    def wrapped(lease):
        lease._sleep = lambda seconds: pytest.fail(f"it waited for {seconds} s")
        acquire(lease)

    return wrapped


@pytest.mark.slow
def test_a_killed_run_of_another_machine_is_taken_over_after_the_leases_length(
    held, config, output, unbroken, caplog
):
    held.process.kill()
    held.process.wait()
    lease = json.loads((output / LEASE).read_text())
    lease["owner"] |= {"host": "far-away", "machine": "another"}
    (output / LEASE).write_text(json.dumps(lease))
    start = time.monotonic()
    assert run_here(config) == 0
    assert time.monotonic() - start >= 5
    assert "taken over from a run that is gone" in caplog.text
    assert "far-away" in caplog.text
    jobs.assert_equal_mosaics(jobs.decoded(output), jobs.decoded(unbroken))


def stop_between_heartbeats(process, output):
    """SIGSTOP right after a heartbeat: a request that is on its way when it strikes is beyond any fence."""
    lease, lock = output / LEASE, output / f"{LEASE}.lock.partial"
    before = lease.read_bytes()
    while lease.read_bytes() == before or lock.exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGSTOP)


@pytest.mark.slow
@pytest.mark.parametrize("seen", [True, False], ids=["its process is seen", "its process is unknown"])
def test_a_run_that_was_paused_for_longer_than_its_lease_writes_nothing_after_it_wakes(
    held, config, output, unbroken, seen
):
    stop_between_heartbeats(held.process, output)
    if not seen:
        lease = json.loads((output / LEASE).read_text())
        lease["owner"] |= {"machine": "another"}
        (output / LEASE).write_text(json.dumps(lease))
    assert run_here(config) == 0
    jobs.assert_equal_mosaics(jobs.decoded(output), jobs.decoded(unbroken))
    before = files(output)
    held.go.touch()
    held.process.send_signal(signal.SIGCONT)
    assert held.end() == 1
    assert files(output) == before
    assert jobs.object_names(output) == jobs.object_names(unbroken)
    assert "sgddiff run: the lease was lost" in held.log.read_text()
    assert "Traceback" not in held.log.read_text()


@pytest.mark.slow
def test_ctrl_c_frees_the_output(held, output):
    held.interrupt()
    assert held.end() == Exit.INTERRUPTED
    assert json.loads((output / LEASE).read_text())["released"] is True


def test_a_run_that_stops_with_an_error_frees_the_output(config, output, capsys):
    with scripted(StoreFault("put", "*.zarr/zarr.json", error=FatalError("of all things"))):
        assert infer_archive.main(["--config", str(config), *SHORT, *scripted_output(output)]) == 1
    assert "of all things" in capsys.readouterr().err
    assert json.loads((output / LEASE).read_text())["released"] is True


def test_a_damaged_lease_ends_a_run_with_one_line_and_changes_nothing(config, output, capsys):
    store = open_store(str(output))
    store.write(LEASE, b"\x00damaged")
    before = files(output)
    assert run_here(config) == Exit.FAILED
    assert files(output) == before
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("sgddiff run: ")
    assert "is damaged" in message
    assert "delete it" in message


def test_a_dry_run_takes_no_lease(config, output):
    assert infer_archive.main(["--config", str(config), "--dry-run"]) == 0
    assert not output.exists()


@pytest.mark.parametrize("seconds", ["4", "0", "-1", "99999", "soon", "null"])
def test_a_length_that_is_no_length_is_refused(config, seconds, capsys):
    assert infer_archive.main(["--config", str(config), "--set", f"lease.seconds={seconds}"]) == 2
    assert "lease.seconds" in capsys.readouterr().err
