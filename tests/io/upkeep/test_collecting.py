"""Garbage is collected under a lease of its own: told first, then removed, and never beside a run."""

import pytest

from sgddiff_batch.core import leasing
from sgddiff_batch.errors import LeaseHeldError
from sgddiff_batch.io.ledger import Lease
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.io.upkeep import collect_garbage
from tests.io.catalogue_examples import store_of, superseded


@pytest.fixture
def output(tmp_path):
    return open_store(str(superseded(tmp_path / "out")))


def mosaics(output):
    return {key.partition(".zarr")[0] + ".zarr" for key in output.keys("") if key.startswith("a.tif/")}


BOTH = {store_of("a.tif", 1), store_of("a.tif", 2)}


def test_what_is_garbage_is_told_while_all_of_it_is_there_and_what_went_is_returned(output):
    told = []
    gone = collect_garbage(output, 0.0, lambda inventory: told.append((inventory.garbage, mosaics(output))))
    assert told == [(tuple(gone), BOTH)]
    assert store_of("a.tif", 1) in [item.path for item in gone]
    assert mosaics(output) == {store_of("a.tif", 2)}


def test_what_is_young_is_told_and_stays(output):
    told = []
    assert collect_garbage(output, 3600.0, told.append) == []
    assert [item.path for item in told[0].young if item.kind == "store"] == [store_of("a.tif", 1)]
    assert mosaics(output) == BOTH


def test_beside_a_run_nothing_is_looked_for_and_nothing_removed(output):
    told = []
    with Lease(output, "a run", 5.0), pytest.raises(LeaseHeldError):
        collect_garbage(output, 0.0, told.append)
    assert told == []
    assert mosaics(output) == BOTH


def test_no_run_begins_while_garbage_is_collected_and_one_may_afterwards(output, monkeypatch):
    monkeypatch.setattr(leasing, "renewal_s", lambda seconds: 0.05)  # the collecting one shows life soon

    def begin_a_run(_inventory):
        with pytest.raises(LeaseHeldError, match="gc-"):
            Lease(output, "a run", 5.0, alone=True).acquire()
        tried.append(1)

    tried = []
    collect_garbage(output, 0.0, begin_a_run)
    assert tried == [1]
    with Lease(output, "a run", 5.0, alone=True):
        pass


def test_whoever_cannot_be_told_keeps_all_of_it(output):
    def fail(_inventory):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        collect_garbage(output, 0.0, fail)
    assert mosaics(output) == BOTH
