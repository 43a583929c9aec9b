"""Every call of a store is counted once, by what it is, and told to one alone."""

from __future__ import annotations

import pytest

from sgddiff_batch.io.calls import Calls
from sgddiff_batch.io.storage import open_store, take_calls


@pytest.fixture
def store(tmp_path):
    found = open_store(str(tmp_path))
    found.write("a", b"1")
    found.write("b", b"2")
    take_calls()
    return found


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda store: store.read("a"), (1, 0)),
        (lambda store: store.read_part("a", 0, 1), (1, 0)),
        (lambda store: store.stat("none"), (1, 0)),
        (lambda store: store.keys(), (1, 0)),
        (lambda store: store.read_many(["a", "b"]), (2, 0)),
        (lambda store: store.write("c", b""), (1, 1)),
        (lambda store: store.create("d", b"me"), (1, 1)),
        (lambda store: store.delete("b"), (1, 1)),
    ],
)
def test_a_call_is_counted(store, call, told):
    call(store)
    assert take_calls() == told
    assert take_calls() == (0, 0)


def test_a_call_that_fails_counts_too(store):
    with pytest.raises(FileNotFoundError):
        store.read("none")
    assert take_calls() == (1, 0)


def test_counts_are_told_once():
    calls = Calls()
    calls.count(3, writes=1)
    calls.count()
    assert (calls.take(), calls.take()) == ((4, 1), (0, 0))
