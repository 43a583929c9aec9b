"""How fast the last run was is a help and no record: what is damaged or of other work says nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.ledger.speed import RATE, Rate, kind_of_work, read_rate, write_rate
from sgddiff_batch.io.storage.store import open_store
from tests.io.mosaic_examples import CountingStore

RATE_100 = Rate(100, 50.0, 2, "work")


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


def test_what_is_kept_is_read_for_the_same_kind_of_work_alone(store):
    assert read_rate(store, "work") is None
    write_rate(store, RATE_100)
    assert read_rate(store, "work") == RATE_100
    assert read_rate(store, "other work") is None


def test_the_last_rate_replaces_the_one_of_before(store):
    write_rate(store, RATE_100)
    write_rate(store, Rate(1, 1.0, 1, "work"))
    assert read_rate(store, "work") == Rate(1, 1.0, 1, "work")


def test_as_many_tiles_take_as_long_and_more_predictors_less():
    assert RATE_100.seconds_for(300, 2) == 150.0
    assert RATE_100.seconds_for(300, 4) == 75.0
    assert RATE_100.seconds_for(0, 1) == 0.0


@given(st.integers(1, 10**9), st.floats(1e-3, 1e9), st.integers(1, 64))
def test_a_run_s_own_tiles_take_a_run_s_own_time(tiles, seconds, predictors):
    assert Rate(tiles, seconds, predictors, "w").seconds_for(tiles, predictors) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("tiles", "seconds", "predictors"), [(0, 1.0, 1), (1, 0.0, 1), (1, 1.0, 0), (-1, 1, 1)]
)
def test_a_rate_of_nothing_is_refused(tiles, seconds, predictors):
    with pytest.raises(ValueError, match="needs pixels, seconds and predictors"):
        Rate(tiles, seconds, predictors, "work")


def test_the_kind_of_work_is_that_of_its_facts_in_any_order():
    facts = {"device": "cpu", "tile_px": 576}
    assert kind_of_work(facts) == kind_of_work(dict(reversed(facts.items())))
    assert kind_of_work(facts) != kind_of_work({**facts, "device": "cuda"})
    assert len(kind_of_work(facts)) == 16


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"tiles": "x"}',
        b'{"tiles": "1", "seconds": 1, "predictors": 1, "of": "work"}',
        b'{"tiles": 0, "seconds": 1, "predictors": 1, "of": "work"}',
        b'{"tiles": 1, "seconds": NaN, "predictors": 1, "of": "work"}',
    ],
)
def test_a_damaged_rate_is_none(store, data):
    store.write(RATE, data)
    assert read_rate(store, "work") is None


class FailingStore(CountingStore):
    def read(self, key: str) -> bytes:
        raise self.calls[0]


@pytest.mark.parametrize("error", [ConfigError("denied"), RetryableError("busy"), OSError("torn")])
def test_a_rate_that_cannot_be_read_is_none_and_told(store, caplog, error):
    assert read_rate(FailingStore(store.root, store.backend, calls=[error]), "work") is None
    assert f"how fast the last run was cannot be read: {error}" in caplog.text
