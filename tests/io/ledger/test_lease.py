"""Leases and the conditional writes below them, on a local folder and on a real S3 server."""

import json
import logging
import multiprocessing
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from sgddiff_batch.core.leasing import parse_lease
from sgddiff_batch.core.progress import Progress
from sgddiff_batch.errors import ConfigError, FatalError, LeaseHeldError, RetryableError
from sgddiff_batch.io.ledger import lease as leases
from sgddiff_batch.io.ledger.fence import LEASE, fenced
from sgddiff_batch.io.ledger.lease import Lease
from sgddiff_batch.io.storage import local_locks
from sgddiff_batch.io.storage.backend import PART, Versioned
from sgddiff_batch.io.storage.s3 import S3Backend
from sgddiff_batch.io.storage.store import Store, open_store
from tests.kit.faulty import faulty

RACERS = 16


@pytest.fixture(scope="module")
def bucket(s3_server):
    """One bucket for the module: making and removing one costs a second."""
    s3_server.filesystem.mkdir("lease-bucket")
    yield "lease-bucket"
    s3_server.filesystem.rm("lease-bucket", recursive=True)


@pytest.fixture
def remote(s3_server, bucket):
    """Makes stores of one empty prefix, whose puts fail by script."""
    prefix = uuid.uuid4().hex
    return lambda *script: Store(f"{bucket}/{prefix}", S3Backend(Faulty(s3_server.filesystem, *script)))


@pytest.fixture(params=["local", "s3"])
def store(request, tmp_path):
    """An empty output, local and on S3; the contract below holds for both."""
    return (
        open_store(str(tmp_path / "out")) if request.param == "local" else request.getfixturevalue("remote")()
    )


@pytest.fixture
def folder(tmp_path):
    return open_store(str(tmp_path / "out"))


class Clock:
    """A clock that only sleeping moves; others may do something at each sleep."""

    def __init__(self, now_s=0.0, on_sleep=lambda: None):
        self.now_s, self.on_sleep, self.slept = now_s, on_sleep, []

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds
        self.slept.append(seconds)
        self.on_sleep()


def make_lease(store, run_id="run-1", seconds=60.0, clock=None):
    clock = clock or Clock()
    return Lease(store, run_id, seconds, clock=clock, sleep=clock.sleep)


def stored(store):
    return parse_lease(store.read(LEASE))


def as_foreign(store, **fields):
    """Make the stored lease one of another machine."""
    state = json.loads(store.read(LEASE))
    state["owner"] |= {"machine": "another", "host": "far-away", "pid": 1, **fields}
    store.write(LEASE, json.dumps(state).encode())


def left_behind(store, seconds=60.0):
    """Take a lease as another machine's run that ends without a word."""
    lease = make_lease(store, "lost-run", seconds)
    lease._keep = lambda: None
    lease._thread = threading.Thread(target=lease._keep)
    lease.acquire()
    as_foreign(store)
    return lease


# The contract of conditional writes.


def test_an_object_is_created_once(store):
    version = store.create("a/b", b"1")
    assert version
    assert store.create("a/b", b"2") is None
    assert store.read_versioned("a/b") == Versioned(b"1", version)


def test_an_object_is_replaced_at_its_version_only(store):
    first = store.create("a/b", b"1")
    second = store.replace("a/b", b"2", first)
    assert second not in (None, first)
    assert store.replace("a/b", b"3", first) is None
    assert store.read("a/b") == b"2"
    assert store.read_versioned("a/b").version == second


def test_an_object_that_is_gone_is_not_replaced(store):
    version = store.create("a/b", b"1")
    store.delete("a/b")
    assert store.replace("a/b", b"2", version) is None
    assert store.keys() == []
    with pytest.raises(FileNotFoundError):
        store.read_versioned("a/b")


def test_an_unconditional_write_changes_the_version(store):
    version = store.create("a/b", b"1")
    store.write("a/b", b"2")
    assert store.replace("a/b", b"3", version) is None
    assert store.replace("a/b", b"3", store.read_versioned("a/b").version)


@pytest.mark.slow
def test_of_sixteen_threads_one_creates_and_one_replaces(store):
    for turn in range(3):
        with ThreadPoolExecutor(RACERS) as pool:
            made = list(pool.map(lambda n, turn=turn: store.create(f"a/{turn}", b"%d" % n), range(RACERS)))
            (winner,) = [number for number, version in enumerate(made) if version]
            assert store.read(f"a/{turn}") == b"%d" % winner
            at = made[winner]
            put = list(
                pool.map(lambda n, t=turn, at=at: store.replace(f"a/{t}", b"r%d" % n, at), range(RACERS))
            )
        (winner,) = [number for number, version in enumerate(put) if version]
        assert store.read_versioned(f"a/{turn}") == Versioned(b"r%d" % winner, put[winner])
    assert store.keys() == ["a/0", "a/1", "a/2"]


RACE = """
import os, sys
from sgddiff_batch.io.storage.backend import PART
from sgddiff_batch.io.storage.store import open_store

def race(act):
    ready, go, children = os.pipe(), os.pipe(), []
    for number in range(16):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.close(go[1])
                store = open_store(sys.argv[1])
                store.keys()
                os.write(ready[1], b"x")
                os.read(go[0], 1)
                code = 10 if act(store, number) else 0
            finally:
                os._exit(code)
        children.append(pid)
    os.close(ready[1])
    for _ in children:
        os.read(ready[0], 1)
    os.close(go[1])
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]

print(*race(lambda store, number: store.create("a", b"%d" % number)))
version = open_store(sys.argv[1]).read_versioned("a").version
print(*race(lambda store, number: store.replace("a", b"r%d" % number, version)))
"""
"""Sixteen processes of one that has imported everything; who won ends with 10."""


def test_of_sixteen_processes_one_creates_and_one_replaces(folder):
    """On S3 the server judges, and a process is one more connection, as a thread is."""
    command = [sys.executable, "-W", "ignore", "-c", RACE, folder.uri]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    made, put = ([int(code) for code in line.split()] for line in done.stdout.splitlines())
    assert sorted(made) == sorted(put) == [0] * (RACERS - 1) + [10]
    assert folder.read("a") == f"r{put.index(10)}".encode()
    assert folder.keys() == ["a"]


class Faulty:
    """A file system whose puts fail by script: lost request, lost reply, a conflict, or no conditions."""

    def __init__(self, filesystem, *script):
        self._filesystem, self.script, self.puts = filesystem, list(script), 0

    def __getattr__(self, name):
        return getattr(self._filesystem, name)

    def call_s3(self, method, **arguments):
        self.puts += 1
        fault = self.script.pop(0) if self.script else None
        if fault == "lost request":
            raise TimeoutError("nothing came back")
        if fault == "conflict":
            raise OSError("try again") from client_error("ConditionalRequestConflict")
        if fault == "unknown":
            raise OSError("what?") from client_error("NotImplemented")
        if fault == "ignored":
            arguments.pop("IfMatch", None)
        reply = self._filesystem.call_s3(method, **arguments)
        if fault == "lost reply":
            raise TimeoutError("nothing came back")
        if fault == "repeated":  # by the client, whose first try had arrived
            return self._filesystem.call_s3(method, **arguments)
        return reply


def client_error(code):
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": code, "Message": code}}, "PutObject")


@pytest.mark.parametrize("fault", ["lost reply", "repeated", "conflict"])
def test_a_write_whose_reply_is_lost_or_that_is_repeated_is_known_to_be_ours(remote, fault):
    version = remote(fault).create("a", b"mine 1")
    assert version == remote().read_versioned("a").version
    version = remote(fault).replace("a", b"mine 2", version)
    assert remote().read_versioned("a") == Versioned(b"mine 2", version)


def test_a_lost_reply_does_not_make_anothers_write_ours(remote):
    version = remote().create("a", b"theirs")
    assert remote("lost request").create("a", b"mine") is None
    assert remote("lost request").replace("a", b"mine", "another version") is None
    assert remote().read_versioned("a") == Versioned(b"theirs", version)


def test_a_write_that_never_arrived_can_be_tried_again(remote):
    with pytest.raises(RetryableError, match="nothing came back"):
        remote("lost request").create("a", b"1")
    assert remote().create("a", b"1")


def test_a_store_without_conditional_writes_is_named(remote):
    with pytest.raises(ConfigError, match="conditional writes"):
        remote("unknown").create("a", b"1")


def test_a_lock_that_a_killed_process_left_holds_nobody_up(folder):
    folder.write("x", b"1")
    (Path(folder.root) / "a.lock.partial").write_bytes(b"")
    assert folder.create("a", b"1")
    assert folder.keys() == ["a", "x"]
    assert sorted(path.name for path in Path(folder.root).iterdir()) == ["a", "x"]


def test_a_stopped_process_that_has_the_lock_holds_nobody_up_and_finds_out(folder, monkeypatch):
    """It is stopped before the comparison, before the rename, or after it; others go on meanwhile."""
    monkeypatch.setattr(local_locks, "_LOCK_PATIENCE_S", 0.05)
    version = folder.create("a", b"first")
    read, calls = local_locks.read_local, []

    def stopped_after_reading(path):
        found = read(path)
        if not calls:
            calls.append(path)
            assert folder.replace("a", b"theirs", version)
        return found

    monkeypatch.setattr(local_locks, "read_local", stopped_after_reading)
    assert folder.replace("a", b"mine", version) is None
    assert calls
    assert folder.read("a") == b"theirs"
    assert [path.name for path in Path(folder.root).iterdir()] == ["a"]


def test_a_process_that_was_stopped_in_its_rename_gives_up_for_good(folder, monkeypatch):
    monkeypatch.setattr(local_locks, "_LOCK_PATIENCE_S", 0.05)
    version = folder.create("a", b"first")
    rename, calls = Path.replace, []

    def stopped_before_renaming(path, target):
        if not calls:
            calls.append(path)
            assert folder.replace("a", b"theirs", version)
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", stopped_before_renaming)
    with pytest.raises(FatalError, match="was stopped"):
        folder.replace("a", b"mine", version)


def test_a_file_system_without_locks_is_named(folder, monkeypatch):
    import errno
    import fcntl

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ConfigError, match="No locks available"):
        folder.create("a", b"1")


# The lease.


def test_a_lease_says_who_holds_it_and_is_free_afterwards(store):
    with make_lease(store) as lease:
        held = stored(store)
        assert held.run_id == lease.run_id == "run-1"
        assert held.owner["host"] == socket.gethostname()
        assert held.owner["pid"] == os.getpid()
        assert not held.released
        lease.check()
    assert stored(store).released
    with make_lease(store, "run-2"):
        assert stored(store).run_id == "run-2"


def test_a_lease_is_released_after_an_error_and_after_ctrl_c(folder):
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), make_lease(folder):
            raise error
        assert stored(folder).released


def test_ctrl_c_while_it_is_taken_releases_it(folder):
    def interrupt(_):
        raise KeyboardInterrupt

    left_behind(folder)
    clock = Clock()
    lease = Lease(folder, "run-2", 60.0, clock=clock, sleep=clock.sleep)
    lease._succeed = interrupt
    with pytest.raises(KeyboardInterrupt), lease:
        pass
    assert stored(folder).run_id == "run-2"
    assert stored(folder).released


def test_the_heart_beats_by_itself(store, monkeypatch):
    monkeypatch.setattr(leases.leasing, "renewal_s", lambda seconds: 0.01)
    with Lease(store, "run-1", 5.0):
        first = stored(store).beat
        while stored(store).beat < first + 3:
            time.sleep(0.01)


def test_heartbeats_carry_how_far_the_run_is_and_are_no_more_than_before(store):
    told = [Progress(1, 0, 0, 9, 0.5), Progress(2, 1, 0, 7, 0.6), Progress(9, 1, 0, 0, 0.7)]
    watched, clock = faulty(store), Clock()
    with make_lease(watched, clock=clock) as lease:
        assert stored(store).progress is None, "a run that plans has nothing to tell"
        lease.tell(iter(told).__next__)
        for wanted in told[:2]:
            clock.now_s += 40
            lease.check()
            assert stored(store).progress == wanted
            assert datetime.fromisoformat(stored(store).beat_at).tzinfo
    assert stored(store).progress == told[2]
    assert stored(store).released
    writes = sum(count for (call, _), count in watched.script.calls.items() if call in ("replace", "create"))
    assert writes == 1 + 2 + 1 + store.over_network, "taken, renewed, released; on a network a probe"


def test_a_second_run_sees_who_is_at_work_and_leaves(store):
    holder = left_behind(store)
    clock = Clock(on_sleep=lambda: (holder._renew(), as_foreign(store)))
    with pytest.raises(LeaseHeldError) as caught:
        make_lease(store, "run-2", clock=clock).acquire()
    text = str(caught.value)
    assert "lost-run" in text
    assert "far-away" in text
    assert "process 1" in text
    assert holder._state.started_at in text
    assert "heartbeat 1, less than 2.0 s ago" in text
    assert "run again" in text
    assert "\n" not in text
    assert stored(store).run_id == "lost-run"


def test_one_that_goes_on_waits_for_who_took_the_lease_in_between(store):
    holder = left_behind(store)
    beats = []

    def on_sleep():
        beats.append(holder._renew(released=len(beats) == 3))
        as_foreign(store)

    clock = Clock(on_sleep=on_sleep)
    with Lease(store, "run-2", 60.0, patience_s=300.0, clock=clock, sleep=clock.sleep):
        assert stored(store).run_id == "run-2"
    assert len(beats) == 4


def test_its_patience_ends_with_clear_words_and_another_code_than_nothing_was_done(store):
    holder = left_behind(store)
    clock = Clock(on_sleep=lambda: (holder._renew(), as_foreign(store)))
    with pytest.raises(
        FatalError, match=r"cannot go on, it waited 300 s .* another run is at work: .*lost-run"
    ):
        Lease(store, "run-2", 60.0, patience_s=300.0, clock=clock, sleep=clock.sleep).acquire()
    assert stored(store).run_id == "lost-run"


def test_a_silent_lease_of_another_machine_is_taken_over_after_its_own_length_and_not_before(store, caplog):
    left_behind(store, seconds=300.0)
    clock, seen = Clock(), []
    clock.on_sleep = lambda: seen.append((clock.now_s, stored(store).run_id))
    with make_lease(store, "run-2", seconds=5.0, clock=clock):
        assert stored(store).run_id == "run-2"
    taken = min(now_s for now_s, run_id in seen if run_id == "run-2")
    assert {run_id for now_s, run_id in seen if now_s < 300} == {"lost-run"}
    # It begins a quarter later: workers of the lost run look at the lease that often.
    assert 300 <= taken <= 303 + 75
    assert clock.slept[-1] == 75
    assert "taken over" in caplog.text


@pytest.mark.parametrize("skew_s", [-1e6, -7200.0, 7200.0, 1e6])
def test_a_clock_that_is_hours_off_changes_nothing(folder, skew_s):
    left_behind(folder)
    clock = Clock(skew_s)
    state = json.loads(folder.read(LEASE)) | {"started_at": "2150-01-01T00:00:00+00:00"}
    folder.write(LEASE, json.dumps(state).encode())
    os.utime(Path(folder.root) / LEASE, (4e9, 4e9))
    with make_lease(folder, "run-2", clock=clock):
        assert 60 <= clock.now_s - skew_s <= 62 + 15


@pytest.mark.parametrize(("alone", "waits"), [(1, []), (0, [60.0 / 4])])
def test_a_lease_whose_process_died_here_is_taken_over_after_its_workers_found_out(store, alone, waits):
    child = multiprocessing.get_context("spawn").Process(target=int)
    child.start()
    pid = child.pid
    child.join()
    left_behind(store)
    as_foreign(store, machine=leases._machine(), host=socket.gethostname(), pid=pid, alone=alone)
    clock = Clock()
    with make_lease(store, "run-2", clock=clock):
        assert clock.slept == waits


def test_a_process_with_the_number_of_a_dead_one_is_not_it(folder):
    left_behind(folder)
    as_foreign(
        folder, machine=leases._machine(), host=socket.gethostname(), pid=os.getpid(), started=1, alone=1
    )
    clock = Clock()
    with make_lease(folder, "run-2", clock=clock):
        assert clock.slept == []


def test_a_machine_of_the_same_name_is_another_one(folder):
    left_behind(folder)
    as_foreign(folder, host=socket.gethostname(), pid=2**30)
    clock = Clock()
    with make_lease(folder, "run-2", clock=clock):
        assert sum(clock.slept) >= 60


def test_of_many_runs_that_find_a_dead_lease_one_takes_it(store):
    left_behind(store)
    racers = []
    barrier = threading.Barrier(8)

    def race(number):
        clock = Clock()

        def sleep():
            # The holder's heart beats while this one waits, once it knows that it is the holder: this clock
            # leaps, and must not leap over the moment between its write and the reply.
            token = stored(store).token
            for holder in (racer for racer in racers if racer._state.token == token):
                while not holder._version:
                    time.sleep(0.001)
                with holder._lock:
                    holder._renew()

        lease = make_lease(store, f"run-{number}", clock=clock)
        racers.append(lease)
        barrier.wait()
        clock.on_sleep = sleep
        try:
            lease.acquire()
        except LeaseHeldError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        won = sum(pool.map(race, range(8)))
    for racer in racers:
        racer.release()
    assert won == 1
    assert stored(store).released


@pytest.mark.parametrize("data", [b"", b"{}", b"\x00" * 40, b'{"run_id": 1}'])
def test_a_damaged_lease_is_one_clear_message(store, data):
    store.write(LEASE, data)
    with pytest.raises(FatalError, match=r"lease~\.json.*damaged.*delete it") as caught:
        make_lease(store).acquire()
    assert "\n" not in str(caught.value)
    assert store.read(LEASE) == data


# The fence.


def test_a_holder_that_slept_finds_out_before_it_writes(store):
    sleeper = make_lease(store, "run-1", clock=(clock := Clock()))
    with sleeper:
        guarded = fenced(store, sleeper)
        guarded.write("before", b"1")
        as_foreign(store)
        with make_lease(store, "run-2"):
            clock.now_s += 3600
            before = store.read_all("")
            for change in (
                lambda: guarded.write("a", b"1"),
                lambda: guarded.create("a", b"1"),
                lambda: guarded.replace("before", b"2", store.read_versioned("before").version),
                lambda: guarded.delete("before"),
                lambda: guarded.delete_tree("before"),
                lambda: guarded.sweep_temporary(""),
            ):
                with pytest.raises(FatalError, match="the lease was lost: it is run-2's"):
                    change()
            sleeper.release()
            assert store.read_all("") == before
    assert stored(store).run_id == "run-2"


def test_a_holder_that_slept_and_was_not_missed_goes_on(store):
    with make_lease(store, clock=(clock := Clock())) as lease:
        beat = stored(store).beat
        clock.now_s += 3600
        fenced(store, lease).write("a", b"1")
        assert stored(store).beat == beat + 1
        lease.check()
        assert stored(store).beat == beat + 1


def test_a_lease_that_somebody_removed_or_damaged_is_lost(folder):
    for spoil in (lambda: folder.delete(LEASE), lambda: folder.write(LEASE, b"?")):
        with make_lease(folder, clock=(clock := Clock())) as lease:
            clock.now_s += 3600
            spoil()
            with pytest.raises(FatalError, match="the lease was lost"):
                lease.check()
        folder.delete(LEASE)


def test_a_store_that_is_down_stops_writes_when_the_lease_may_have_ended_and_not_before(remote):
    store = remote()
    with make_lease(store, clock=(clock := Clock())) as lease:
        store.backend.filesystem.script += ["lost request"] * 2
        clock.now_s += 29
        lease.check()
        clock.now_s += 2
        with pytest.raises(RetryableError, match="could not be renewed for 31 s"):
            lease.check()
        assert store.backend.filesystem.script == ["lost request"]
        store.backend.filesystem.script.clear()
        lease.check()


def test_a_heartbeat_whose_reply_is_lost_is_no_lost_lease(remote):
    store = remote()
    with make_lease(store, clock=(clock := Clock())) as lease:
        for fault in ("lost reply", "repeated", None):
            store.backend.filesystem.script.append(fault)
            clock.now_s += 59
            lease.check()
        # The reply is lost, and the store is down when the object is read back.
        store.backend.filesystem.script.append("lost reply")
        read, store.backend.filesystem._call_s3 = store.backend.filesystem._call_s3, refuse_all
        clock.now_s += 59
        with pytest.raises(RetryableError):
            lease.check()
        store.backend.filesystem._call_s3 = read
        lease.check()
    assert stored(store).released


async def refuse_all(*_, **__):
    raise TimeoutError("the store is down")


def test_a_store_that_ignores_conditions_is_told_of(remote, caplog):
    with make_lease(remote(None, "ignored")):
        assert "ignores If-Match" in caplog.text
    caplog.clear()
    with make_lease(remote()):
        assert caplog.text == ""


def test_a_lease_that_cannot_be_released_is_told_of(remote, caplog):
    store = remote()
    with make_lease(store):
        store.backend.filesystem.script += ["lost request"] * 9
    assert "ends by itself in 60 s" in caplog.text


def test_a_lost_lease_is_not_written_again_by_its_thread(folder, monkeypatch, caplog):
    monkeypatch.setattr(leases.leasing, "renewal_s", lambda seconds: 0.01)
    with Lease(folder, "run-1", 5.0) as lease, caplog.at_level(logging.ERROR):
        as_foreign(folder)
        with lease._lock:
            state = json.loads(folder.read(LEASE)) | {"token": "x", "run_id": "run-2", "write_id": "x-0"}
            folder.write(LEASE, json.dumps({**state, "beat": 0}).encode())
        lease._thread.join(10)
        with pytest.raises(FatalError, match="run-2"):
            lease.check()
    assert stored(folder).run_id == "run-2"
    assert caplog.text.count("the lease was lost") == 1


def test_a_worker_elsewhere_finds_out_at_its_next_look(store):
    clock = Clock()
    with make_lease(store, clock=clock) as lease:
        watch = lease.watch()
        watch.clock = clock
        guarded = fenced(store, watch)
        guarded.write("a", b"1")
        as_foreign(store)
        with make_lease(store, "run-2"):
            guarded.write("a", b"2")
            clock.now_s += lease.watch().every_s
            with pytest.raises(FatalError, match="was lost"):
                guarded.write("a", b"3")
    assert store.read("a") == b"2"


def test_a_worker_elsewhere_stops_when_its_run_has_ended(folder):
    with make_lease(folder) as lease:
        watch = pickle.loads(pickle.dumps(lease.watch()))
        watch.check()
    late = pickle.loads(pickle.dumps(watch))
    with pytest.raises(FatalError, match="has ended"):
        late.check()
    folder.delete(LEASE)
    with pytest.raises(FatalError, match="has ended"):
        late.check()


def test_a_look_at_the_lease_is_not_repeated_at_every_write(folder):
    with make_lease(folder) as lease:
        watch = lease.watch()
        watch.store = looked_at = faulty(watch.store)
        for _ in range(5):
            fenced(folder, watch).write("a", b"1")
        assert looked_at.script.calls == {("read_versioned", LEASE): 1}


class Turnstile:
    """A fence that lets a few changes pass and calls ``then`` before the others."""

    def __init__(self, passing, then):
        self.passing, self.then = passing, then

    def check(self):
        self.passing -= 1
        if self.passing < 0:
            self.then()


def lose_the_lease():
    raise FatalError("the lease was lost")


def test_a_removal_that_loses_its_lease_on_the_way_removes_no_more(store):
    for number in range(2 * PART + 5):
        store.write(f"a[1]/x.zarr/{number:03d}", b"1")
    store.write("a1/x.zarr/000", b"1")
    guarded = fenced(store, Turnstile(2, lose_the_lease))
    with pytest.raises(FatalError, match="lost"):
        guarded.delete_tree("a[1]/x.zarr")
    assert len(store.keys("a[1]")) == PART + 5
    fenced(store, Turnstile(9, lose_the_lease)).delete_tree("a[1]/x.zarr")
    assert store.keys() == ["a1/x.zarr/000"]


def test_a_lease_that_was_released_is_not_taken_back_by_a_thread_that_asks_for_it(folder):
    clock = Clock()
    with make_lease(folder, clock=clock) as lease:
        lease.check()
    for later_s in (0.0, 3600.0):
        clock.now_s += later_s
        with pytest.raises(FatalError, match="this run has ended and released it"):
            lease.check()
        assert stored(folder).released
