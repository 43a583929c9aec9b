"""Survey and driver over fakes: what is done, skipped, refused and settled, night after night."""

import contextlib
from collections import Counter

import numpy as np
import pytest

from sgddiff_batch.core.blending import blend
from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.driver import Driver
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.survey import Workers, forecast, survey
from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.errors import FatalError, RetryableError, SceneError
from tests.kit.fakes import (
    TINY,
    Fault,
    MemoryLedger,
    MemoryWriter,
    SyntheticReader,
    ToyPredictor,
    make_scene,
    toy_tile,
)

SCENES = {"a.tif": make_scene(40, 50, 1), "b.tif": make_scene(20, 33, 2, collar_px=3)}
ONE_BLOCK = 32 * 32 * 24
"""Memory that lets a task hold one block with its halo, not two."""


class Archive:
    """A writer and a ledger that outlive runs, and runs over them."""

    def __init__(self):
        self.writer, self.ledger, self.predictor = MemoryWriter(), MemoryLedger(), ToyPredictor()

    def run(
        self,
        scenes=SCENES,
        *,
        faults=(),
        run_key="key",
        tiling=TINY,
        stop_after=None,
        stop_before_commit=False,
        writer=None,
    ):
        reader = SyntheticReader(scenes, faults)
        records = self.ledger.records()
        plan = survey(reader.scenes(), records, reader, tiling, run_key)
        writer = writer or self.writer
        worker = Worker(reader, self.predictor, writer, self.ledger, sleep=lambda s: None)
        driver = Driver(writer, self.ledger, run_key, lambda mosaic: {}, ONE_BLOCK)
        outcomes = []

        def on_outcome(outcome):
            outcomes.append(outcome)
            if stop_before_commit:
                raise KeyboardInterrupt
            if stop_after is not None and len(outcomes) >= stop_after:
                raise KeyboardInterrupt

        self.before = self.predictor.tiles_computed
        results = []
        try:
            for result in driver.run(plan, records, lambda tasks: run_local(tasks, worker), on_outcome):
                results.append(result)
        except KeyboardInterrupt:
            pass
        self.tiles = self.predictor.tiles_computed - self.before
        return {result.scene_id: result for result in results + driver.pending()}

    def level0(self):
        current = {record.store for record in self.ledger.records().values() if record.store}
        return {store.partition("/")[0]: self.writer.stores[store].levels[0] for store in current}


def expected(scene):
    pixels, valid = scene
    tiles = Lattice(*valid.shape, TINY.tile_px, TINY.overlap_px).task_tiles(
        Window(0, valid.shape[0], 0, valid.shape[1])
    )
    return blend(toy_tile, pixels, valid, tiles)


def states(results):
    return {scene_id: result.state for scene_id, result in results.items()}


def test_every_scene_ends_as_a_complete_mosaic_of_the_right_bytes():
    archive = Archive()
    results = archive.run()
    assert states(results) == {"a.tif": "done", "b.tif": "done"}
    for scene_id, scene in SCENES.items():
        np.testing.assert_array_equal(archive.level0()[scene_id], expected(scene))
        assert archive.writer.stores[results[scene_id].store].complete


def test_the_result_counts_what_is_in_the_mosaic():
    result = Archive().run()["b.tif"]
    codes = expected(SCENES["b.tif"])
    assert result.valid_px == np.count_nonzero(codes != 255) == SCENES["b.tif"][1].sum()
    assert result.salient_px == np.count_nonzero((codes >= 127) & (codes != 255))
    assert set(result.seconds) == {"read", "infer", "store", "commit"}


def test_a_second_run_computes_nothing_and_opens_nothing():
    archive = Archive()
    first = archive.run()
    reader = SyntheticReader(SCENES)
    survey(reader.scenes(), archive.ledger.records(), reader, TINY, "key")
    assert reader.calls == Counter()
    second = archive.run()
    assert archive.tiles == 0
    assert states(second) == {"a.tif": "unchanged", "b.tif": "unchanged"}
    assert second["a.tif"].store == first["a.tif"].store


def test_a_changed_scene_alone_is_done_again_in_a_new_store():
    archive = Archive()
    old = archive.run()["a.tif"].store
    changed = {**SCENES, "a.tif": make_scene(40, 50, 9)}
    results = archive.run(changed)
    assert states(results) == {"a.tif": "done", "b.tif": "unchanged"}
    assert results["a.tif"].store != old
    assert old in archive.writer.stores
    np.testing.assert_array_equal(archive.level0()["a.tif"], expected(changed["a.tif"]))


def test_a_changed_run_key_does_all_again_and_going_back_computes_nothing():
    archive = Archive()
    first = archive.run()
    assert states(archive.run(run_key="other")) == {"a.tif": "done", "b.tif": "done"}
    assert archive.tiles > 0
    again = archive.run(run_key="key")
    assert archive.tiles == 0
    assert states(again) == {"a.tif": "done", "b.tif": "done"}
    assert {r.store for r in again.values()} == {r.store for r in first.values()}
    assert archive.ledger.records()["a.tif"].run_key == "key"


def test_a_bad_block_quarantines_its_scene_whole_and_leaves_the_others():
    archive = Archive()
    bad = Fault("a.tif", SceneError("block is torn"), window=Window(39, 40, 49, 50))
    results = archive.run(faults=[bad])
    assert states(results) == {"a.tif": "quarantined", "b.tif": "done"}
    assert results["a.tif"].reason == "block is torn"
    assert set(archive.level0()) == {"b.tif"}
    assert [store for store in archive.writer.stores if store.startswith("a.tif")] == []
    assert archive.ledger.finished_blocks("a.tif") == []


def test_a_quarantined_scene_is_left_alone_until_it_changes():
    archive = Archive()
    bad = Fault("a.tif", SceneError("torn"), stage="profile")
    archive.run(faults=[bad])
    again = archive.run()
    assert states(again) == {"a.tif": "still quarantined", "b.tif": "unchanged"}
    assert again["a.tif"].reason == "torn"
    assert states(archive.run({**SCENES, "a.tif": make_scene(40, 50, 8)}))["a.tif"] == "done"


def test_a_new_version_in_quarantine_leaves_the_old_mosaic_current():
    archive = Archive()
    old = archive.run()["a.tif"].store
    changed = {**SCENES, "a.tif": make_scene(40, 50, 8)}
    results = archive.run(changed, faults=[Fault("a.tif", SceneError("torn"))])
    assert states(results)["a.tif"] == "quarantined"
    assert archive.ledger.records()["a.tif"].store == old


def test_a_fault_of_the_machine_is_failed_and_done_by_the_next_run():
    archive = Archive()
    results = archive.run(faults=[Fault("a.tif", RuntimeError("no memory"), window=Window(0, 1, 0, 1))])
    assert states(results) == {"a.tif": "failed", "b.tif": "done"}
    assert "no memory" in results["a.tif"].reason
    assert states(archive.run())["a.tif"] == "done"
    np.testing.assert_array_equal(archive.level0()["a.tif"], expected(SCENES["a.tif"]))


def test_storage_that_fails_while_a_scene_is_opened_is_no_quarantine():
    archive = Archive()
    results = archive.run(faults=[Fault("a.tif", RetryableError("503"), stage="profile")])
    assert states(results) == {"a.tif": "failed", "b.tif": "done"}
    assert "a.tif" not in archive.ledger.records()


@pytest.mark.parametrize("stop_after", [1, 2, 4])
def test_a_run_that_was_broken_off_is_completed_by_the_next(stop_after):
    archive, whole = Archive(), Archive()
    whole.run()
    all_tiles = whole.tiles
    assert "pending" in states(archive.run(stop_after=stop_after)).values()
    results = archive.run()
    assert set(states(results).values()) <= {"done", "unchanged"}
    assert archive.tiles < all_tiles
    for scene_id, codes in whole.level0().items():
        np.testing.assert_array_equal(archive.level0()[scene_id], codes)


def test_marks_of_another_layout_do_not_count():
    archive = Archive()
    archive.run(stop_after=3)
    other = type(TINY)(TINY.tile_px, TINY.overlap_px, 24)
    assert set(states(archive.run(tiling=other)).values()) <= {"done", "unchanged"}
    np.testing.assert_array_equal(archive.level0()["a.tif"], expected(SCENES["a.tif"]))


def test_a_run_killed_between_commit_and_record_computes_nothing_again():
    archive = Archive()
    results = archive.run()
    mosaic = archive.writer.stores[results["a.tif"].store].mosaic
    marks = list(_blocks(mosaic, archive.level0()["a.tif"]))
    archive.ledger = MemoryLedger()
    archive.ledger._blocks[mosaic.path] = {b.window: b for b in marks}
    again = archive.run({"a.tif": SCENES["a.tif"]})
    assert archive.tiles == 0
    assert states(again) == {"a.tif": "done"}
    assert again["a.tif"].salient_px == results["a.tif"].salient_px


@pytest.mark.parametrize("block_px", [TINY.block_px, 24])
def test_a_complete_mosaic_that_the_ledger_lost_is_left_to_its_readers(block_px):
    archive, scenes = Archive(), {"a.tif": SCENES["a.tif"]}
    store = archive.run(scenes)["a.tif"].store
    kept = archive.writer.stores[store]
    tiling = type(TINY)(TINY.tile_px, TINY.overlap_px, block_px)
    for number in (1, 2):
        archive.ledger = MemoryLedger()
        result = archive.run(scenes, tiling=tiling)["a.tif"]
        assert (result.state, result.store) == ("done", store[:-5] + f".r{number}.zarr")
    assert archive.writer.stores[store] is kept
    np.testing.assert_array_equal(archive.level0()["a.tif"], expected(SCENES["a.tif"]))
    assert states(archive.run(scenes, tiling=tiling)) == {"a.tif": "unchanged"}


@pytest.mark.parametrize("left", ["nothing", "an incomplete store"])
def test_a_mark_of_a_mosaic_whose_store_is_gone_is_not_trusted(left):
    archive, scenes = Archive(), {"a.tif": SCENES["a.tif"]}
    store, tiles = archive.run(scenes)["a.tif"].store, archive.tiles
    archive.run(scenes, run_key="other")
    stored = archive.writer.stores[store]
    if left == "nothing":
        del archive.writer.stores[store]
    else:
        stored.complete = False
    archive.run(scenes)
    assert archive.tiles == tiles
    assert archive.writer.stores[store].complete
    np.testing.assert_array_equal(archive.level0()["a.tif"], expected(SCENES["a.tif"]))


def _blocks(mosaic, codes):
    from sgddiff_batch.protocols import BlockRecord

    for block in mosaic.blocks():
        part = codes[block.slices]
        valid = part != 255
        yield BlockRecord(block, array_digest(part), int(valid.sum()), int((valid & (part >= 127)).sum()))


def test_going_back_to_an_earlier_run_key_is_forecast_as_no_work():
    archive, reader = Archive(), SyntheticReader(SCENES)
    archive.run()
    archive.run(run_key="other")
    plan = survey(reader.scenes(), archive.ledger.records(), reader, TINY, "key")
    assert forecast(plan, archive.ledger, Workers(1, 3, 3 * ONE_BLOCK, 0)).tiles == 0


class KilledAt:
    """Passes calls on to a writer or ledger, and is killed before or after call number ``number``."""

    def __init__(self, target, calls, number):
        self.target, self.calls, self.number = target, calls, number

    def __getattr__(self, name):
        method = getattr(self.target, name)

        def call(*args):
            self.calls.append(name)
            if len(self.calls) == self.number:
                raise KeyboardInterrupt
            result = method(*args)
            self.calls.append(name)
            if len(self.calls) == self.number:
                raise KeyboardInterrupt
            return result

        return call


def test_a_run_of_another_layout_killed_at_any_call_leaves_no_mark_without_its_block():
    scenes = {"a.tif": make_scene(13, 21, 1)}  # one block, with the same window for every layout
    other = type(TINY)(TINY.tile_px, TINY.overlap_px, 24)
    for number in range(1, 60):
        archive = Archive()
        archive.run(scenes, stop_before_commit=True)
        assert archive.ledger.finished_blocks(next(iter(archive.writer.stores)))
        calls = []
        writer, ledger = archive.writer, archive.ledger
        archive.writer, archive.ledger = KilledAt(writer, calls, number), KilledAt(ledger, calls, number)
        with contextlib.suppress(KeyboardInterrupt):
            archive.run(scenes, tiling=other)
        archive.writer, archive.ledger = writer, ledger
        archive.run(scenes)
        np.testing.assert_array_equal(archive.level0()["a.tif"], expected(scenes["a.tif"]))
        if len(calls) < number:
            return
    pytest.fail("the run never ended")


@pytest.mark.parametrize(
    "error", [OSError("disk full"), RetryableError("503"), SceneError("a shard is damaged")]
)
@pytest.mark.parametrize("method", ["create", "commit"])
def test_a_store_that_cannot_be_made_or_committed_fails_alone_and_is_done_by_the_next_run(method, error):
    archive = Archive()
    broken = Failing(archive.writer, method, "a.tif", error)
    assert states(archive.run(writer=broken)) == {"a.tif": "failed", "b.tif": "done"}
    assert states(archive.run()) == {"a.tif": "done", "b.tif": "unchanged"}
    np.testing.assert_array_equal(archive.level0()["a.tif"], expected(SCENES["a.tif"]))


class Failing:
    """Passes calls on to a writer, but raises at one method for one scene."""

    def __init__(self, writer, method, scene_id, error):
        self.writer, self.method, self.scene_id, self.error = writer, method, scene_id, error

    def __getattr__(self, name):
        def call(mosaic, *args):
            if name == self.method and mosaic.id == self.scene_id:
                raise self.error
            return getattr(self.writer, name)(mosaic, *args)

        return call


def test_a_run_that_was_broken_off_reports_every_scene_that_it_had_planned():
    assert sorted(states(Archive().run(stop_after=1))) == ["a.tif", "b.tif"]


def test_an_engine_that_loses_a_block_stops_the_run():
    archive = Archive()
    reader = SyntheticReader(SCENES)
    plan = survey(reader.scenes(), {}, reader, TINY, "key")
    worker = Worker(reader, archive.predictor, archive.writer, archive.ledger)
    driver = Driver(archive.writer, archive.ledger, "key", lambda mosaic: {}, ONE_BLOCK)

    def lossy(tasks):
        for outcome in run_local(tasks, worker):
            yield type(outcome)(outcome.task, "stored", blocks=outcome.blocks[1:])

    with pytest.raises(FatalError, match="never stored"):
        list(driver.run(plan, {}, lossy))


def test_the_forecast_counts_what_the_run_then_does():
    archive, reader = Archive(), SyntheticReader(SCENES)
    plan = survey(reader.scenes(), {}, reader, TINY, "key")
    numbers = forecast(plan, archive.ledger, Workers(1, 3, 3 * ONE_BLOCK, 0))
    archive.run()
    assert numbers.scenes == 2
    assert numbers.tiles == archive.tiles
    assert numbers.mosaic_px == 40 * 50 + 20 * 33
    assert numbers.read_px > numbers.mosaic_px
    assert numbers.halo_overhead == pytest.approx(numbers.read_px / numbers.mosaic_px - 1)
