"""The life of a mosaic: one claim at a time, over real stores and the ledger, killed at every change."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.errors import LostClaimError, RetryableError
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.lifecycle import Begun, MosaicLifecycle
from sgddiff_batch.protocols import BlockRecord, SceneRecord
from tests.io.mosaic_examples import Killed, codes_of, counting_store, mosaic_of, stored_codes, tiling

MOSAIC = mosaic_of(Grid(100, 60), tiling(2), "a/scene.tif/v-key.zarr")
CODES = codes_of(MOSAIC.grid)
_CREATED = itertools.count()


def lifecycle_over(store, provenance=lambda mosaic: {"run_key": "key", "created": str(next(_CREATED))}):
    return MosaicLifecycle(ZarrBlockWriter(store), ObjectLedger(store), "key", provenance)


def record_of(block, codes=CODES):
    part = codes[block.slices]
    valid = part != 255
    return BlockRecord(block, array_digest(part), int(valid.sum()), int((valid & (part >= 127)).sum()))


def make(lifecycle, mosaic=MOSAIC, codes=CODES, *, marked=True):
    """Make a mosaic as a worker does; return its record."""
    begun = lifecycle.begin(mosaic)
    if isinstance(begun, SceneRecord):
        return begun
    mosaic, claim = begun.mosaic, lifecycle.writer.describe(begun.mosaic, begun.claim)
    blocks = dict(begun.blocks)
    for block in mosaic.blocks():
        if block not in blocks:
            lifecycle.writer.write_block(mosaic, block, codes[block.slices])
            blocks[block] = record_of(block, codes)
            if marked:
                lifecycle.ledger.mark_blocks(mosaic, block, [blocks[block]])
    record = lifecycle.commit(mosaic, claim, [blocks[block] for block in mosaic.blocks()]).record
    lifecycle.ledger.forget_blocks(mosaic.path)
    return record


def assert_sound(folder, record, codes=CODES):
    np.testing.assert_array_equal(stored_codes(f"{folder}/{record.store}"), codes)
    ledger = ObjectLedger(open_store(str(folder)))
    assert ledger.records()[record.scene_id] == ledger.finished_mosaic(record.store) == record
    assert sum(block.valid_px for block in ledger.contents(record.store).blocks) == record.valid_px


@pytest.fixture
def lifecycle(tmp_path):
    return lifecycle_over(open_store(str(tmp_path)))


def test_a_new_mosaic_is_claimed_by_one_request_and_nothing_is_asked(tmp_path):
    store = counting_store(tmp_path)
    begun = lifecycle_over(store).begin(MOSAIC, may_have_marks=False)
    assert store.calls == [("create", f"{MOSAIC.path}/zarr.json")]
    assert (begun.mosaic, begun.blocks) == (MOSAIC, {})


def test_a_mosaic_is_committed_and_recorded_with_its_counts(tmp_path, lifecycle):
    record = make(lifecycle)
    assert_sound(tmp_path, record)
    assert (record.store, record.version, record.run_key) == (MOSAIC.path, "v", "key")
    assert record.valid_px == np.count_nonzero(CODES != 255)
    assert (record.height_px, record.width_px) == (100, 60)
    assert lifecycle.ledger.names("blocks") == []


@pytest.mark.parametrize("marked", [True, False], ids=["of several tasks", "of one task"])
def test_killed_at_any_change_and_made_again_it_is_the_mosaic_of_a_quiet_run(tmp_path, marked):
    for number in itertools.count():
        folder = tmp_path / str(number)
        try:
            make(lifecycle_over(counting_store(folder, die_at=number)), marked=marked)
        except Killed:
            record = make(lifecycle_over(open_store(str(folder))), marked=marked)
            assert_sound(folder, record)
            assert record.store == MOSAIC.path
            continue
        assert number > 10
        break


@pytest.mark.parametrize("marked", [True, False], ids=["of several tasks", "of one task"])
def test_after_a_kill_at_any_change_it_is_known_what_is_stored_before_it_is_begun_again(tmp_path, marked):
    known, number, is_whole = set(), 0, False
    while not is_whole:
        folder = tmp_path / str(number)
        try:
            make(lifecycle_over(counting_store(folder, die_at=number)), marked=marked)
            is_whole = True
        except Killed:
            number += 1
        looking = lifecycle_over(open_store(str(folder)).guarded(refuse))
        stored = looking.stored_before(MOSAIC)
        begun = lifecycle_over(open_store(str(folder))).begin(MOSAIC)
        assert stored == set(MOSAIC.blocks() if isinstance(begun, SceneRecord) else begun.blocks)
        known.add(len(stored))
    assert {0, len(list(MOSAIC.blocks()))} <= known
    assert len(known) > 2 or not marked


def refuse():
    raise AssertionError("it only looks")


def test_of_a_mosaic_that_nobody_vouches_for_and_of_another_layout_nothing_counts_as_stored(tmp_path):
    lifecycle = lifecycle_over(open_store(str(tmp_path)))
    make(lifecycle)
    assert lifecycle.stored_before(mosaic_of(Grid(100, 60), tiling(8), MOSAIC.path))
    lifecycle.ledger.disown_mosaic(MOSAIC.path, "it is damaged")
    assert lifecycle.stored_before(MOSAIC) == set()
    other = replace(MOSAIC, path="b/scene.tif/v-key.zarr")
    begun = lifecycle.begin(other)
    lifecycle.ledger.mark_blocks(other, next(other.blocks()), [record_of(next(other.blocks()))])
    assert lifecycle.stored_before(begun.mosaic) == {next(other.blocks())}
    assert lifecycle.stored_before(mosaic_of(Grid(100, 60), tiling(8), other.path)) == set()


def test_killed_in_blocks_of_one_size_and_gone_on_with_in_another_no_stale_shard_shines_through(tmp_path):
    """The first layout has one block with data all over; in the second, most blocks have none."""
    large = mosaic_of(Grid(100, 60), tiling(8), MOSAIC.path)
    sparse = np.full((100, 60), 255, np.uint8)
    sparse[:3, :3] = 7
    full = np.zeros((100, 60), np.uint8)
    for number in itertools.count():
        folder = tmp_path / str(number)
        first = lifecycle_over(open_store(str(folder)))
        begun = first.begin(large)
        first.writer.write_block(large, next(large.blocks()), full, begun.claim.files)
        try:
            make(lifecycle_over(counting_store(folder, die_at=number)), MOSAIC, sparse)
        except Killed:
            assert_sound(folder, make(lifecycle_over(open_store(str(folder))), MOSAIC, sparse), sparse)
            continue
        assert number > 10
        break


def test_blocks_of_a_killed_run_are_good_if_the_layout_is_the_same(tmp_path, lifecycle):
    begun = lifecycle.begin(MOSAIC)
    first = next(MOSAIC.blocks())
    lifecycle.writer.write_block(MOSAIC, first, CODES[first.slices])
    lifecycle.ledger.mark_blocks(MOSAIC, first, [record_of(first)])
    again = lifecycle.begin(MOSAIC)
    assert isinstance(again, Begun)
    assert again.blocks == {first: record_of(first)}
    assert again.claim.version != begun.claim.version
    assert_sound(tmp_path, make(lifecycle))


def test_marks_of_a_store_that_is_gone_do_not_count(tmp_path, lifecycle):
    blocks = list(MOSAIC.blocks())
    lifecycle.ledger.mark_blocks(MOSAIC, MOSAIC.grid.window, map(record_of, blocks))
    begun = lifecycle.begin(MOSAIC, may_have_marks=True)
    assert begun.blocks == {}
    assert lifecycle.begin(MOSAIC).blocks == {}
    assert_sound(tmp_path, make(lifecycle))


def test_a_worker_that_lost_its_claim_commits_removes_and_records_nothing(tmp_path, lifecycle):
    late = lifecycle.begin(MOSAIC)
    record = make(lifecycle)
    with pytest.raises(LostClaimError):
        lifecycle.commit(late.mosaic, late.claim, [record_of(block) for block in MOSAIC.blocks()])
    with pytest.raises(LostClaimError):
        lifecycle.quarantine(MOSAIC.id, "v", "torn", begun=(late.mosaic, late.claim))
    assert_sound(tmp_path, record)


def test_of_two_workers_at_once_one_commits_and_the_mosaic_is_sound(tmp_path, lifecycle):
    one, other = lifecycle.begin(MOSAIC), lifecycle.begin(MOSAIC)
    for begun in (one, other):
        claim = lifecycle.writer.describe(MOSAIC, begun.claim)
        for block in MOSAIC.blocks():
            lifecycle.writer.write_block(MOSAIC, block, CODES[block.slices])
        blocks = [record_of(block) for block in MOSAIC.blocks()]
        if begun is one:
            with pytest.raises(LostClaimError):
                lifecycle.commit(MOSAIC, claim, blocks)
        else:
            assert_sound(tmp_path, lifecycle.commit(MOSAIC, claim, blocks).record)


class TestComplete:
    def test_what_was_finished_before_is_current_again_and_nothing_is_made(self, tmp_path, lifecycle):
        record = make(lifecycle)
        lifecycle.ledger.finish(SceneRecord(MOSAIC.id, "other", "other", "x.zarr"))
        again = lifecycle.begin(MOSAIC)
        assert replace(again, finished_at="") == replace(record, finished_at="")
        assert_sound(tmp_path, again)

    @pytest.mark.parametrize("lost", ["scenes", "mosaics", "all"])
    def test_what_the_ledger_lost_is_recorded_anew_from_its_root(self, tmp_path, lifecycle, lost):
        record = make(lifecycle)
        for kind in ("scenes", "mosaics") if lost == "all" else (lost,):
            lifecycle.ledger.store.delete_tree(f"_ledger/{kind}")
        again = lifecycle.begin(MOSAIC)
        assert replace(again, finished_at="") == replace(record, finished_at="")
        assert lifecycle.ledger.records()[MOSAIC.id] == again

    def test_what_was_found_damaged_stays_where_it_is_and_is_replaced(self, tmp_path, lifecycle):
        record = make(lifecycle)
        lifecycle.ledger.disown_mosaic(record.store, "it is damaged")
        other = make(lifecycle)
        assert other.store == "a/scene.tif/v-key.r1.zarr"
        assert_sound(tmp_path, other)
        assert lifecycle.writer.is_complete(record.store)

    def test_what_the_ledger_calls_finished_and_is_not_is_made_anew(self, tmp_path, lifecycle):
        record = make(lifecycle)
        lifecycle.writer.empty(record.store)
        assert_sound(tmp_path, make(lifecycle))


class TestQuarantine:
    def test_what_was_begun_is_removed_and_the_reason_recorded(self, tmp_path, lifecycle):
        begun = lifecycle.begin(MOSAIC)
        lifecycle.writer.describe(MOSAIC, begun.claim)
        record = lifecycle.quarantine(MOSAIC.id, "v", "torn", begun=(MOSAIC, begun.claim))
        assert (record.reason, record.store) == ("torn", None)
        assert not (tmp_path / "a").exists()
        assert lifecycle.ledger.names("untold") == [MOSAIC.id]

    def test_a_mosaic_of_an_earlier_version_stays_the_current_one(self, tmp_path, lifecycle):
        record = make(lifecycle)
        after = lifecycle.quarantine(MOSAIC.id, "v2", "torn", record)
        assert (after.store, after.version, after.reason) == (record.store, "v2", "torn")
        assert lifecycle.ledger.finished_mosaic(record.store) == record

    @pytest.mark.parametrize("is_complete", [True, False])
    def test_what_a_dead_worker_left_is_removed_if_it_is_not_complete(self, tmp_path, lifecycle, is_complete):
        if is_complete:
            make(lifecycle)
        else:
            lifecycle.begin(MOSAIC)
        lifecycle.quarantine(MOSAIC.id, "v", "it died", left_at=MOSAIC.path)
        assert (tmp_path / MOSAIC.path).exists() == is_complete

    def test_killed_anywhere_and_done_again_nothing_is_left_of_what_was_begun(self, tmp_path):
        for number in itertools.count():
            folder = tmp_path / str(number)
            plain = lifecycle_over(open_store(str(folder)))
            begun = plain.begin(MOSAIC)
            first = next(MOSAIC.blocks())
            plain.writer.write_block(MOSAIC, first, CODES[first.slices], begun.claim.files)
            plain.ledger.mark_blocks(MOSAIC, first, [record_of(first)])
            dying = lifecycle_over(counting_store(folder, die_at=number))
            try:
                dying.quarantine(MOSAIC.id, "v", "torn", begun=(MOSAIC, begun.claim))
            except Killed:
                plain.quarantine(MOSAIC.id, "v", "torn", begun=(MOSAIC, begun.claim))
                assert not (folder / "a").exists()
                assert plain.ledger.names("blocks") == []
                continue
            assert number > 4
            break


def test_one_without_a_pixel_is_recorded_without_a_store_where_those_are_not_kept(tmp_path):
    lifecycle = replace(lifecycle_over(open_store(str(tmp_path))), keeps_empty=False)
    record = make(lifecycle, codes=np.full((100, 60), 255, np.uint8))
    assert (record.store, record.reason, record.valid_px) == (None, None, 0)
    assert not (tmp_path / "a").exists()


def test_a_store_that_others_take_over_again_and_again_is_given_up(tmp_path):
    class Contended(ZarrBlockWriter):
        def take_over(self, mosaic, provenance, found):
            return None

    store = open_store(str(tmp_path))
    lifecycle_over(store).begin(MOSAIC)
    busy = replace(lifecycle_over(store), writer=Contended(store))
    with pytest.raises(RetryableError, match="cannot be claimed"):
        busy.begin(MOSAIC)


def test_another_tiling_of_tiles_is_another_mosaic(tmp_path, lifecycle):
    make(lifecycle)
    other = mosaic_of(Grid(100, 60), Tiling(32, 16, 32), MOSAIC.path)
    assert make(lifecycle, other).store == MOSAIC.path, "its record says that it is finished"
