"""A process that lost its run's lease finds out before it writes, and does not ask at every write."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from sgddiff_batch.core.leasing import LeaseState
from sgddiff_batch.errors import FatalError, RetryableError
from sgddiff_batch.io.ledger.fence import (
    LEASE,
    LeaseWatch,
    boot_clock_s,
    fenced,
    parsed_lease,
    read_lease,
)
from sgddiff_batch.io.storage.store import Store, open_store
from tests.io.mosaic_examples import CountingStore

STATE = LeaseState("run-1", "token-1", {"host": "here"}, "2026-01-01T00:00:00+00:00", 60.0)
EVERY_S = 15.0


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def store(tmp_path):
    plain = open_store(str(tmp_path / "out"))
    store = CountingStore(plain.root, plain.backend)
    Store.write(store, LEASE, STATE.encode())
    return store


class LookedAtStore(CountingStore):
    """Counts the looks at the lease too."""

    def read_versioned(self, key):
        self.calls.append(("look", key))
        return super().read_versioned(key)


def watch_of(store, clock):
    return LeaseWatch(LookedAtStore(store.root, store.backend, calls=store.calls), "token-1", EVERY_S, clock)


def test_a_look_is_trusted_for_its_time_and_no_longer(store):
    clock = Clock()
    watch = watch_of(store, clock)
    watch.check()
    clock.now_s += EVERY_S - 0.1
    watch.check()
    assert store.keys_of("look") == [LEASE]
    clock.now_s += 0.1
    watch.check()
    assert store.keys_of("look") == [LEASE, LEASE]


@pytest.mark.parametrize(
    "after", [replace(STATE, token="token-2", run_id="run-2"), STATE.next_beat(released=True), None]
)
def test_a_lease_that_is_another_s_released_or_gone_is_lost(store, after):
    watch = watch_of(store, clock := Clock())
    watch.check()
    if after is None:
        store.delete(LEASE)
    else:
        store.write(LEASE, after.encode())
    watch.check()
    clock.now_s += EVERY_S
    for _ in range(2):
        with pytest.raises(FatalError, match=r"lease on .*out was lost: the run of this worker has ended"):
            watch.check()


def test_later_beats_of_the_same_run_are_the_same_lease(store):
    watch = watch_of(store, clock := Clock())
    store.write(LEASE, STATE.next_beat().encode())
    watch.check()
    store.write(LEASE, STATE.next_beat().next_beat().encode())
    clock.now_s += EVERY_S
    watch.check()


def test_a_damaged_lease_stops_the_worker_and_says_what_to_do(store):
    store.write(LEASE, b"?")
    with pytest.raises(
        FatalError, match=r"lease~\.json in .* is damaged .*; make sure that no run is at work"
    ):
        watch_of(store, Clock()).check()


def test_a_store_that_does_not_say_is_asked_again_at_the_next_write(store):
    class Silent(CountingStore):
        def read_versioned(self, key):
            raise RetryableError("busy")

    clock = Clock()
    watch = LeaseWatch(Silent(store.root, store.backend), "token-1", EVERY_S, clock)
    for _ in range(2):
        with pytest.raises(RetryableError, match="busy"):
            watch.check()


def test_another_process_looks_for_itself(store):
    watch = LeaseWatch(open_store(store.root), "token-1", 3600.0)
    watch.check()
    store.write(LEASE, replace(STATE, token="token-2").encode())
    watch.check()
    with pytest.raises(FatalError, match="was lost"):
        pickle.loads(pickle.dumps(watch)).check()


def test_without_a_fence_a_store_is_itself(store):
    assert fenced(store, None) is store


class Refusing:
    def check(self) -> None:
        raise FatalError("the lease was lost")


def test_no_method_that_changes_a_store_goes_past_its_fence(tmp_path):
    """A new method of stores has to be added to one of these lists, and has to ask if it writes."""
    folder = open_store(str(tmp_path / "out"))
    changes = {
        "write": (b"1",),
        "create": (b"1",),
        "replace": (b"1", "version"),
        "delete": (),
        "delete_tree": (),
        "sweep_temporary": (),
    }
    asks = {
        "uri",
        "uri_of",
        "over_network",
        "path",
        "local_path",
        "guarded",
        "translated",
        "listed_columns",
        "find_each",
        "arrow",
        "web_url",
        "zarr",
    }
    looks = {"keys", "listed", "find", "files_in", "stat", "entries", "is_link", "is_in_sight"}
    reads = {"read", "read_part", "open", "read_versioned", "read_all", "read_many", "temporary"}
    public = {name for name in vars(Store) if not name.startswith("_")} - {"root", "backend", "check"}
    assert public == changes.keys() | asks | looks | reads
    guarded = fenced(folder, Refusing())
    for change, arguments in changes.items():
        with pytest.raises(FatalError, match="the lease was lost"):
            getattr(guarded, change)("a", *arguments)
    assert folder.keys() == []


def test_a_lease_is_read_with_its_version_and_none_is_none(store):
    found = read_lease(store)
    assert found is not None
    assert parsed_lease(store, found.data) == STATE
    assert store.replace(LEASE, STATE.next_beat().encode(), found.version)
    store.delete(LEASE)
    assert read_lease(store) is None


def test_the_clock_only_grows():
    times = [boot_clock_s() for _ in range(100)]
    assert times == sorted(times)
    assert times[0] > 0
