"""The rules of a lease: what is stored, who may trust it and for how long."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.leasing import (
    MAX_SECONDS,
    MIN_SECONDS,
    LeaseState,
    Watch,
    look_s,
    parse_lease,
    renewal_s,
    trusted_s,
)
from sgddiff_batch.core.progress import Progress

STATE = LeaseState("run-1", "token", {"host": "h", "pid": 1}, "2026-01-01T00:00:00+00:00", 120.0)

seconds = st.floats(MIN_SECONDS, MAX_SECONDS)
moments = st.floats(-1e9, 1e9)


def test_what_is_written_is_read():
    state = STATE.next_beat().next_beat(released=True)
    assert parse_lease(state.encode()) == state
    assert state.beat == 2
    assert state.released


TOLD = STATE.next_beat("2026-01-01T00:00:20+00:00", progress=Progress(5, 1, 0, 20, 0.25))


def test_a_heartbeat_tells_when_it_was_and_how_far_the_run_is():
    assert parse_lease(TOLD.encode()) == TOLD
    assert TOLD.next_beat().progress is None
    assert parse_lease(TOLD.encode()).owner == STATE.owner, "what is told is no part of the owner"


FIELDS = {"run_id", "token", "owner", "started_at", "seconds", "beat", "released", "write_id"}


def test_versions_that_knew_no_progress_read_a_lease_that_has_it():
    """They refuse any other field, and ask of the owner only that it is an object."""
    stored = json.loads(TOLD.encode())
    assert stored.keys() == FIELDS
    assert stored["owner"].keys() == {*STATE.owner, "beat_at", "progress"}
    assert {name: stored["owner"][name] for name in STATE.owner} == STATE.owner


def test_a_lease_of_a_version_that_knew_no_progress_is_read():
    fields = {name: what for name, what in json.loads(STATE.encode()).items() if name in FIELDS}
    assert "progress" not in fields["owner"]
    assert parse_lease(json.dumps(fields).encode()) == STATE


@pytest.mark.parametrize("told", [{"progress": "half", "beat_at": 7}, {"progress": {"done": -1}}])
def test_what_is_only_shown_stops_nobody(told):
    state = parse_lease(changed(owner={**STATE.owner, **told}))
    assert state == STATE


def test_every_write_has_an_id_of_its_own():
    assert STATE.write_id != STATE.next_beat().write_id
    assert json.loads(STATE.encode())["write_id"] == STATE.write_id


def changed(**fields):
    return json.dumps({**json.loads(STATE.encode()), **fields}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b"\xff\xfe",
        b"{}",
        STATE.encode()[:-5],
        b"[" * 100_000,
        changed(seconds="120"),
        changed(seconds=True),
        changed(seconds=1e12),
        changed(seconds=float("nan")),
        changed(seconds=0),
        changed(beat=-1, write_id="token--1"),
        changed(beat=1.5, write_id="token-1.5"),
        changed(beat=1),
        changed(released="no"),
        changed(token="", write_id="-0"),
        changed(run_id=None),
        changed(owner="me"),
        changed(started_at=5),
        changed(unknown=1),
        changed(write_id="another"),
    ],
)
def test_a_damaged_lease_is_refused_and_never_guessed_at(data):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the caller's
        parse_lease(data)


@given(seconds, moments, st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_watcher_waits_for_the_whole_length_and_no_longer(length_s, since_s, early_s, late_s):
    state = LeaseState("r", "t", {}, "then", length_s)
    watch = Watch(state.write_id, since_s)
    assert watch.is_silent(state, since_s + length_s + late_s + 1e-3)
    assert not watch.is_silent(state, since_s + length_s - min(early_s, length_s) - 1e-3)
    assert not watch.is_silent(state.next_beat(), since_s + length_s + late_s)
    assert watch.has_changed(state.next_beat())
    assert not watch.has_changed(state)


@given(seconds, moments, moments, st.floats(0, 10), st.floats(0, 1e4))
def test_no_skew_of_clocks_lets_a_watcher_take_over_while_the_holder_still_trusts(
    length_s, holders_clock_s, watchers_clock_s, seen_after_s, passed_s
):
    """Both clocks start anywhere; the watcher sees the renewal ``seen_after_s`` after it began."""
    state = LeaseState("r", "t", {}, "then", length_s)
    watch = Watch(state.write_id, watchers_clock_s + seen_after_s)
    holder_trusts = (holders_clock_s + passed_s) - holders_clock_s < trusted_s(length_s)
    watcher_takes_over = watch.is_silent(state, watchers_clock_s + passed_s)
    assert not (holder_trusts and watcher_takes_over)


@given(seconds)
def test_several_renewals_may_fail_before_the_holder_stops_and_its_workers_before_the_next_begins(length_s):
    assert 3 * renewal_s(length_s) <= trusted_s(length_s) < length_s
    assert trusted_s(length_s) + look_s(length_s) < length_s
