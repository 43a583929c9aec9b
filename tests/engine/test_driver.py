"""Survey and driver over fakes: what is done, skipped, refused and settled, night after night."""

import contextlib
import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest

from sgddiff_batch.core import previews
from sgddiff_batch.core.blending import blend
from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.gallery import Gallery
from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.driver import Driver
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.results import SceneResult, result_of_record
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.engine.steps import TaskLimits
from sgddiff_batch.engine.survey import survey
from sgddiff_batch.engine.work import (
    CommitWork,
    Lost,
    SceneOutcome,
    SceneWork,
    TakenOver,
    TaskOutcome,
    TaskWork,
)
from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.errors import FatalError, RetryableError, SceneError
from sgddiff_batch.lifecycle import MosaicLifecycle
from sgddiff_batch.protocols import BlockRecord
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

    def worker(
        self, reader, *, run_key="key", tiling=TINY, writer=None, predictor=None, memory=3 * ONE_BLOCK
    ):
        lifecycle = MosaicLifecycle(writer or self.writer, self.ledger, run_key, lambda mosaic: {})
        limits = TaskLimits(tiling, ONE_BLOCK, memory)
        retries = Retries(sleep=lambda s: None)
        return Worker(reader, self.predictor, lifecycle, limits, retries=retries)

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
        memory=3 * ONE_BLOCK,
        **plan,
    ):
        reader, records = SyntheticReader(scenes, faults), self.ledger.records()
        self.reader = reader
        planned = replace(survey(reader.scenes(), records, run_key), marked=self.ledger.marked(), **plan)
        worker = self.worker(reader, run_key=run_key, tiling=tiling, writer=writer, memory=memory)
        driver, outcomes = Driver(planned, records), []

        def on_outcome(outcome):
            outcomes.append(outcome)
            if stop_before_commit and isinstance(outcome, TaskOutcome):
                raise KeyboardInterrupt
            if stop_after is not None and len(outcomes) >= stop_after:
                raise KeyboardInterrupt

        self.before = self.predictor.tiles_computed
        results = []
        try:
            for result in driver.run(lambda take: run_local(take, worker), on_outcome):
                results.append(result)
        except KeyboardInterrupt:
            pass
        self.tiles = self.predictor.tiles_computed - self.before
        told = [*results, *driver.pending()]
        assert len({result.scene_id for result in told}) == len(told), "a scene was told of twice"
        unchanged = {
            scene.scene_id: result_of_record(scene, record, "unchanged")
            for scene, record in planned.unchanged
        }
        return {result.scene_id: result for result in told} | unchanged

    def level0_of(self, store):
        return self.writer.stores[store].levels[0]

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
    results = Archive().run()
    result = results["b.tif"]
    codes = expected(SCENES["b.tif"])
    assert result.valid_px == np.count_nonzero(codes != 255) == SCENES["b.tif"][1].sum()
    assert result.salient_px == np.count_nonzero((codes >= 127) & (codes != 255))
    stages = {"open", "begin", "read", "infer", "store", "commit"}
    assert set(result.seconds) == set(results["a.tif"].seconds) == stages


def test_a_second_run_computes_nothing_and_opens_nothing():
    archive = Archive()
    first = archive.run()
    second = archive.run()
    assert not archive.reader.calls
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
    archive.ledger = MemoryLedger()
    again = archive.run()
    assert archive.tiles == 0
    assert states(again) == states(results) == {"a.tif": "done", "b.tif": "done"}
    for scene_id, result in again.items():
        assert (result.store, result.salient_px) == (results[scene_id].store, results[scene_id].salient_px)
    assert states(archive.run()) == {"a.tif": "unchanged", "b.tif": "unchanged"}


def test_a_mosaic_of_before_roots_told_their_contents_counts_if_the_marks_of_its_blocks_vouch_for_it():
    archive, scenes = Archive(), {"a.tif": SCENES["a.tif"]}
    result = archive.run(scenes)["a.tif"]
    stored = archive.writer.stores[result.store]
    stored.blocks = None
    archive.ledger = MemoryLedger()
    marks = list(_blocks(stored.mosaic, archive.level0_of(result.store)))
    archive.ledger.mark_blocks(stored.mosaic, stored.mosaic.grid.window, marks)
    again = archive.run(scenes)
    assert archive.tiles == 0
    assert (again["a.tif"].store, again["a.tif"].salient_px) == (result.store, result.salient_px)


@pytest.mark.parametrize("why", ["it says nothing of its contents", "another layout", "it was found damaged"])
def test_a_complete_mosaic_that_nobody_vouches_for_is_left_to_its_readers(why):
    archive, scenes = Archive(), {"a.tif": SCENES["a.tif"]}
    store = archive.run(scenes)["a.tif"].store
    kept, tiling = archive.writer.stores[store], TINY
    for number in (1, 2):
        archive.ledger = MemoryLedger()
        for path, stored in archive.writer.stores.items():
            if why == "it says nothing of its contents":
                stored.blocks = None
            elif why == "it was found damaged":
                archive.ledger.disowned_paths.add(path)
        if why == "another layout":
            tiling = replace(TINY, block_px=tiling.block_px + TINY.stride_px)
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
    for block in mosaic.blocks():
        part = codes[block.slices]
        valid = part != 255
        yield BlockRecord(block, array_digest(part), int(valid.sum()), int((valid & (part >= 127)).sum()))


class KilledAt:
    """Passes calls on to a writer or ledger, and is killed before or after call number ``number``."""

    def __init__(self, target, calls, number):
        self.target, self.calls, self.number = target, calls, number

    def __getattr__(self, name):
        method = getattr(self.target, name)

        def call(*args, **options):
            self.calls.append(name)
            if len(self.calls) == self.number:
                raise KeyboardInterrupt
            result = method(*args, **options)
            self.calls.append(name)
            if len(self.calls) == self.number:
                raise KeyboardInterrupt
            return result

        return call


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(make_scene(13, 21, 1), id="one block, of the same window in every layout"),
        pytest.param(make_scene(30, 40, 1), id="several tasks"),
    ],
)
def test_a_run_of_another_layout_killed_at_any_call_leaves_no_mark_without_its_block(scene):
    scenes = {"a.tif": scene}
    other = replace(TINY, block_px=24)
    for number in range(1, 100):
        archive = Archive()
        archive.run(scenes, stop_after=2, stop_before_commit=True)
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
@pytest.mark.parametrize("method", ["claim", "describe", "commit"])
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
        def call(mosaic, *args, **options):
            if name == self.method and mosaic.id == self.scene_id:
                raise self.error
            return getattr(self.writer, name)(mosaic, *args, **options)

        return call


def test_a_run_that_was_broken_off_reports_every_scene_that_it_had_planned():
    assert sorted(states(Archive().run(stop_after=1))) == ["a.tif", "b.tif"]


class Scripted:
    """An engine that answers each piece of work by a script, and otherwise as a worker does."""

    def __init__(self, archive, script):
        self.reader = SyntheticReader(SCENES)
        self.worker, self.script, self.given = archive.worker(self.reader), script, []

    def __call__(self, take):
        while (work := take()) is not None:
            self.given.append(work)
            yield self.script(work) or self.worker.run(work)

    def run(self, **changes):
        plan = replace(survey(self.reader.scenes(), {}, "key"), **changes)
        driver = Driver(plan, {})
        return {result.scene_id: result for result in driver.run(self)}


def test_scenes_are_handed_out_in_their_order_after_what_ends_one_and_the_tasks_of_begun_ones():
    engine = Scripted(Archive(), lambda work: None)
    assert states(engine.run()) == {"a.tif": "done", "b.tif": "done"}
    kinds = [(type(work), work.scene_id) for work in engine.given]
    assert kinds[0] == (SceneWork, "a.tif"), "the largest first"
    assert kinds[-2:] == [(CommitWork, "a.tif"), (SceneWork, "b.tif")]
    assert set(kinds[1:-2]) == {(TaskWork, "a.tif")}


def test_an_engine_that_loses_a_block_stops_the_run():
    def lossy(work):
        if isinstance(work, TaskWork):
            return replace(engine.worker.run(work), blocks=())
        return None

    engine = Scripted(Archive(), lossy)
    with pytest.raises(FatalError, match="never stored"):
        engine.run()


@pytest.mark.parametrize("is_own", [True, False])
@pytest.mark.parametrize("kind", [SceneWork, TaskWork])
def test_work_whose_processes_die_ends_in_quarantine_if_it_is_its_own_fault_and_else_is_left(kind, is_own):
    def deadly(work):
        return Lost(work, "it died", is_own) if isinstance(work, kind) and work.scene_id == "a.tif" else None

    archive = Archive()
    results = Scripted(archive, deadly).run()
    assert results["a.tif"].state == ("quarantined" if is_own else "failed")
    assert results["a.tif"].reason == "it died"
    assert results["b.tif"].state == "done"
    assert states(archive.run())["a.tif"] == ("still quarantined" if is_own else "done")


def test_what_a_dead_worker_left_of_a_scene_in_quarantine_is_removed():
    archive = Archive()

    def dies_in_the_middle(work):
        if not isinstance(work, SceneWork) or work.scene_id != "a.tif":
            return None
        engine.worker.run(work)
        return Lost(work, "it died", is_own=True)

    engine = Scripted(archive, dies_in_the_middle)
    engine.run()
    assert [path for path in archive.writer.stores if path.startswith("a.tif")] == []


def test_a_second_answer_to_work_that_was_given_out_twice_is_not_heard():
    def twice(take):
        while (work := take()) is not None:
            yield (outcome := engine.worker.run(work))
            yield outcome

    archive = Archive()
    engine = Scripted(archive, lambda work: None)
    reader = engine.reader
    results = list(Driver(survey(reader.scenes(), {}, "key"), {}).run(twice))
    assert sorted(result.scene_id for result in results) == ["a.tif", "b.tif"]
    np.testing.assert_array_equal(archive.level0()["a.tif"], expected(SCENES["a.tif"]))


def test_a_scene_that_another_worker_took_over_is_given_out_again_and_given_up_at_last():
    seen = []

    def taken(work):
        if work.scene_id != "a.tif" or not isinstance(work, SceneWork):
            return None
        seen.append(work)
        return TakenOver(work) if len(seen) < limit else None

    limit = 3
    assert states(Scripted(Archive(), taken).run()) == {"a.tif": "done", "b.tif": "done"}
    seen.clear()
    limit = 100
    results = Scripted(Archive(), taken).run()
    assert results["a.tif"].state == "failed"
    assert "took it over" in results["a.tif"].reason
    assert len(seen) == 3


def test_after_a_task_that_failed_no_other_of_its_scene_is_handed_out():
    def failing(work):
        return TaskOutcome(work, "failed", "no memory") if isinstance(work, TaskWork) else None

    engine = Scripted(Archive(), failing)
    assert states(engine.run()) == {"a.tif": "failed", "b.tif": "done"}
    assert sum(isinstance(work, TaskWork) for work in engine.given) == 1


def test_missing_scenes_are_put_into_quarantine_by_workers():
    gone = Scene("gone.tif", "gone.tif", "missing", 0)
    archive = Archive()
    results = Scripted(archive, lambda work: None).run(missing=[(gone, "it is gone")])
    assert (results["gone.tif"].state, results["gone.tif"].reason) == ("quarantined", "it is gone")
    assert archive.ledger.records()["gone.tif"].reason == "it is gone"


def test_a_scene_of_which_a_process_died_is_given_out_with_care_and_so_are_its_tasks():
    engine = Scripted(Archive(), lambda work: None)
    engine.run(suspects=frozenset({"a.tif"}))
    care = {work.scene_id: work.with_care for work in engine.given if not isinstance(work, CommitWork)}
    assert care == {"a.tif": True, "b.tif": False}


def test_a_damaged_mosaic_is_made_anew_in_the_store_that_the_plan_says():
    archive = Archive()
    engine = Scripted(archive, lambda work: None)
    results = engine.run(paths={"a.tif": "a.tif/x.r1.zarr"})
    assert results["a.tif"].store == "a.tif/x.r1.zarr"


def test_a_block_that_fits_nothing_but_the_whole_memory_is_done_with_nothing_beside_it():
    archive = Archive()
    large = replace(TINY, block_px=40)
    assert states(archive.run(tiling=large, memory=40 * 50 * 24)) == {"a.tif": "done", "b.tif": "done"}
    np.testing.assert_array_equal(archive.level0()["a.tif"], expected(SCENES["a.tif"]))


def test_a_scene_that_does_not_fit_the_whole_memory_is_left_and_stops_no_other():
    archive = Archive()
    results = archive.run(tiling=replace(TINY, block_px=40), memory=ONE_BLOCK)
    assert states(results) == {"a.tif": "failed", "b.tif": "done"}
    assert "tiling.task_memory_gib allows 2.29e-05" in results["a.tif"].reason
    assert "tiling.block_px (it is 40)" in results["a.tif"].reason


@dataclass
class SentAbout:
    """A worker whose work and outcomes travel as those of another process do."""

    worker: Worker

    def run(self, work):
        return pickle.loads(pickle.dumps(self.worker.run(pickle.loads(pickle.dumps(work)))))


@pytest.mark.parametrize("memory", [3 * ONE_BLOCK, 10**9])
def test_previews_come_with_the_outcomes_also_of_scenes_of_several_tasks(memory, monkeypatch):
    monkeypatch.setattr(previews, "WHOLE_PX", 39 if memory < 10**9 else 50)
    archive, gallery = Archive(), Gallery(60)
    reader = SyntheticReader(SCENES)
    limits = TaskLimits(TINY, memory // 3, memory)
    lifecycle = MosaicLifecycle(archive.writer, archive.ledger, "key", lambda mosaic: {})
    worker, outcomes = SentAbout(Worker(reader, archive.predictor, lifecycle, limits)), []
    driver = Driver(survey(reader.scenes(), {}, "key"), {}, gallery)
    results = [*driver.run(lambda take: run_local(take, worker), outcomes.append)]
    assert set(gallery.previews) == {result.store for result in results}
    for result in results:
        shown, (pixels, valid) = gallery.previews[result.store], SCENES[result.scene_id]
        codes = archive.level0_of(result.store)[shown.window.slices]
        np.testing.assert_array_equal(shown.codes, codes)
        there = pixels[:, *shown.window.slices] * valid[shown.window.slices]
        np.testing.assert_array_equal(shown.pixels, there)
        assert shown.is_whole == (memory == 10**9 or result.scene_id == "b.tif")
    tasks = [one for one in outcomes if isinstance(one, TaskOutcome)]
    assert bool(tasks) == (memory != 10**9)


def test_seconds_after_the_codes_make_no_scene_a_slow_one():
    gallery, scene = Gallery(1), SyntheticReader(SCENES).scenes()[0]
    seconds = {"open": 1.0, "infer": 2.0, "store": 50.0, "objects": 50.0, "commit": 50.0}
    result = SceneResult(scene.scene_id, scene.uri, "done", store="a.zarr", seconds=seconds)
    preview = Preview(np.zeros((1, 1), np.uint8), np.zeros((3, 1, 1), np.uint8), Window(0, 1, 0, 1), True, 0)
    driver = Driver(survey([scene], {}, "key"), {}, gallery)
    [*driver.run(lambda take: iter([SceneOutcome(take(), result, preview=preview)]))]
    assert gallery.wish(5).is_sure, "the second of all is asked for in any case"
    assert gallery.wish(5).slow_s == 3.0


def test_no_preview_travels_that_nobody_wishes_for():
    archive, outcomes = Archive(), []
    reader = SyntheticReader(SCENES)
    worker = archive.worker(reader, memory=10**9)
    for gallery in (None, Gallery(0)):
        driver = Driver(survey(reader.scenes(), {}, "key"), {}, gallery)
        assert [*driver.run(lambda take: run_local(take, worker), outcomes.append)]
    assert [outcome.preview for outcome in outcomes if hasattr(outcome, "preview")] != []
    assert not any(getattr(outcome, "preview", None) for outcome in outcomes)
