"""The worker of both engines: stages of scenes overlap, calls are made again, errors become outcomes."""

import threading
from dataclasses import replace

import pytest

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.engine.steps import TaskLimits
from sgddiff_batch.engine.work import (
    CommitWork,
    QuarantineWork,
    SceneOutcome,
    SceneWork,
    SharedScene,
    TakenOver,
    TaskWork,
)
from sgddiff_batch.engine.worker import Worker, shares_of, threads_of
from sgddiff_batch.errors import FatalError, LostClaimError, RetryableError, SceneError, StuckError
from sgddiff_batch.io.scenes.guarded_reader import GuardedReader
from sgddiff_batch.lifecycle import MosaicLifecycle
from tests.engine.archives import ONE_BLOCK
from tests.kit.fakes import (
    TINY,
    Fault,
    MemoryLedger,
    MemoryWriter,
    SyntheticReader,
    ToyPredictor,
    make_scene,
)

SCENES = {"large.tif": make_scene(40, 40, 1), **{f"{name}.tif": make_scene(12, 12, 2) for name in "abc"}}
LONG_S = 20.0


class Gate:
    """Lets threads meet: each ``meet`` waits until ``count`` of them have come."""

    def __init__(self, count):
        self._barrier = threading.Barrier(count)

    def meet(self):
        self._barrier.wait(LONG_S)


class Parts:
    """What a worker is made of; ``pauses`` collects how long it would have slept."""

    def __init__(self, *faults, writer=None):
        self.reader = SyntheticReader(SCENES, faults)
        self.predictor, self.ledger, self.writer = ToyPredictor(), MemoryLedger(), writer or MemoryWriter()
        self.pauses, self.activity = [], NotedActivity()

    def worker(self, reader=None, drawer=None):
        lifecycle = MosaicLifecycle(self.writer, self.ledger, "key", lambda mosaic: {}, parts=drawer)
        limits = TaskLimits(TINY, ONE_BLOCK, 3 * ONE_BLOCK)
        retries = Retries(sleep=self.pauses.append)
        return Worker(
            reader or self.reader, self.predictor, lifecycle, limits, retries=retries, activity=self.activity
        )

    def scene(self, name, **facts):
        (scene,) = (scene for scene in self.reader.scenes() if scene.scene_id == name)
        return SceneWork(scene, f"{name}/{scene.version}-key.zarr", **facts)

    def shared(self, worker):
        """The tasks of the large scene."""
        outcome = worker.run(self.scene("large.tif"))
        assert isinstance(outcome, SharedScene)
        return outcome, [TaskWork(task) for task in outcome.tasks]


class NotedActivity:
    """Keeps what is noted."""

    def __init__(self):
        self.noted, self.now = [], []

    def _note(self, kind, scene_id):
        activity = self

        class Noted:
            def __enter__(self):
                activity.noted.append((kind, scene_id))
                activity.now.append((kind, scene_id))

            def __exit__(self, *_):
                activity.now.remove((kind, scene_id))

        return Noted()

    def reading(self, scene_id):
        return self._note("reading", scene_id)

    def computing(self, scene_id):
        return self._note("computing", scene_id)


def taking(works):
    left = iter(works)
    return lambda: next(left, None)


def before(parts, name, call):
    """Have ``call`` made before each call of a method of a part."""
    method = getattr(parts, name)

    def called(*args, **options):
        call(*args)
        return method(*args, **options)

    setattr(parts, name, called)


class TestScene:
    def test_a_scene_of_one_task_is_opened_made_committed_and_recorded_in_one_go(self):
        parts = Parts()
        outcome = parts.worker().run(parts.scene("a.tif"))
        assert isinstance(outcome, SceneOutcome)
        row = outcome.result
        assert (row.state, row.store, row.tiles) == ("done", outcome.work.path, 1)
        assert set(row.seconds) == {"open", "begin", "read", "infer", "store", "commit"}
        assert parts.ledger.records()["a.tif"].store == row.store
        assert parts.writer.stores[row.store].complete
        assert parts.ledger.marked() == frozenset()

    def test_a_larger_one_is_begun_and_its_tasks_are_given_back(self):
        parts = Parts()
        worker = parts.worker()
        shared, tasks = parts.shared(worker)
        assert {block for work in tasks for block in work.task.blocks()} == set(shared.mosaic.blocks())
        assert parts.predictor.tiles_computed == 0
        outcomes = [worker.run(work) for work in tasks]
        assert {outcome.state for outcome in outcomes} == {"stored"}
        blocks = {block.window: block for outcome in outcomes for block in outcome.blocks}
        ordered = tuple(blocks[window] for window in shared.mosaic.blocks())
        end = worker.run(CommitWork(shared.mosaic, shared.claim, ordered)).result
        assert (end.state, end.store) == ("done", shared.mosaic.path)
        assert parts.ledger.marked() == frozenset()

    def test_blocks_that_a_killed_run_marked_are_given_back_with_the_tasks_that_are_left(self):
        parts = Parts()
        _, tasks = parts.shared(parts.worker())
        done = parts.worker().run(tasks[0])
        again, left = parts.shared(parts.worker())
        assert again.blocks == done.blocks
        assert [work.task.window for work in left] == [work.task.window for work in tasks[1:]]

    def test_one_that_was_finished_before_is_not_read(self):
        parts = Parts()
        parts.worker().run(parts.scene("a.tif"))
        reads = parts.reader.calls["read", "a.tif"]
        row = parts.worker().run(parts.scene("a.tif")).result
        assert (row.state, row.tiles) == ("done", 0)
        assert parts.reader.calls["read", "a.tif"] == reads

    @pytest.mark.parametrize("stage", ["profile", "read"])
    def test_one_that_cannot_be_read_is_put_into_quarantine_by_its_worker_and_leaves_nothing(self, stage):
        parts = Parts(Fault("a.tif", SceneError("no\nraster"), stage=stage))
        row = parts.worker().run(parts.scene("a.tif")).result
        assert (row.state, row.reason, row.store) == ("quarantined", "no raster", None)
        assert parts.ledger.records()["a.tif"].reason == "no raster"
        assert parts.writer.stores == {}
        assert parts.pauses == [], "it is not tried again"

    def test_a_quarantine_keeps_the_mosaic_of_an_earlier_version(self):
        parts = Parts()
        parts.worker().run(parts.scene("a.tif"))
        earlier = parts.ledger.records()["a.tif"]
        bad = Parts(Fault("a.tif", SceneError("torn")))
        bad.ledger, bad.writer = parts.ledger, parts.writer
        work = replace(bad.scene("a.tif", earlier=earlier), path="a.tif/v2-key.zarr")
        assert bad.worker().run(work).result.state == "quarantined"
        record = bad.ledger.records()["a.tif"]
        assert (record.store, record.reason) == (earlier.store, "torn")

    def test_a_quarantine_that_cannot_be_recorded_is_a_failure_that_tells_both(self):
        parts = Parts(Fault("a.tif", SceneError("torn"), stage="profile"))
        before(parts.ledger, "finish", lambda *_: (_ for _ in ()).throw(OSError("no space")))
        row = parts.worker().run(parts.scene("a.tif")).result
        assert row.state == "failed"
        assert row.reason == "torn; and its quarantine could not be recorded: OSError: no space"

    @pytest.mark.parametrize("error", [MemoryError("no room"), OSError(5, "I/O"), AssertionError("odd")])
    def test_an_error_of_the_device_is_a_failure_and_the_device_is_free_again(self, error):
        parts = Parts()
        errors = [error]
        before(parts.predictor, "predict", lambda *_: errors and (_ for _ in ()).throw(errors.pop()))
        worker = parts.worker()
        row = worker.run(parts.scene("a.tif")).result
        assert row.state == "failed"
        assert row.reason.startswith(type(error).__name__)
        assert worker.run(parts.scene("b.tif")).result.state == "done"

    def test_what_another_worker_took_over_is_told_as_that_and_nothing_is_committed(self):
        parts = Parts()

        def overtake(pixels, valid, tiles):
            mosaic = parts.writer.stores[parts.scene("a.tif").path].mosaic
            parts.writer.take_over(mosaic, {}, parts.writer.find_root(mosaic, {}))

        before(parts.predictor, "predict", overtake)
        work = parts.scene("a.tif")
        assert parts.worker().run(work) == TakenOver(work)
        assert parts.ledger.records() == {}
        assert not parts.writer.stores[work.path].complete

    def test_it_notes_what_is_on_the_device(self):
        parts = Parts()
        seen = []
        before(parts.predictor, "predict", lambda *_: seen.append(list(parts.activity.now)))
        parts.worker().run(parts.scene("a.tif"))
        assert seen == [[("computing", "a.tif")]]
        assert parts.activity.now == []


class TestOverlap:
    def test_the_next_scene_is_read_while_one_is_on_the_device(self):
        parts, gate = Parts(), Gate(2)
        on_device = threading.Event()

        def predicting(*_):
            if not on_device.is_set():
                on_device.set()
                gate.meet()

        def reading(scene, *_):
            if scene.scene_id != "a.tif":
                assert on_device.wait(LONG_S)
            if scene.scene_id == "b.tif":
                gate.meet()

        before(parts.predictor, "predict", predicting)
        before(parts.reader, "read", reading)
        outcomes = run_local(taking(map(parts.scene, ["a.tif", "b.tif"])), parts.worker())
        assert [outcome.result.state for outcome in outcomes] == ["done"] * 2

    def test_a_scene_is_stored_while_the_next_one_is_on_the_device(self):
        gate, stored = Gate(2), threading.Event()

        def writing(path, block):
            if path.startswith("a.tif"):
                stored.set()
                gate.meet()

        def predicting(*_):
            if parts.activity.now[-1][1] == "b.tif":
                assert stored.wait(LONG_S)
                gate.meet()

        parts = Parts(writer=MemoryWriter(writing))
        before(parts.predictor, "predict", predicting)
        outcomes = run_local(taking(map(parts.scene, ["a.tif", "b.tif"])), parts.worker())
        assert [outcome.result.state for outcome in outcomes] == ["done"] * 2

    def test_tasks_wait_for_their_share_of_the_memory(self):
        parts, lock = Parts(), threading.Lock()
        at_once, most = [0], []

        def reading(*_):
            with lock:
                at_once[0] += 1
                most.append(at_once[0])

        def stored(*_):
            with lock:
                at_once[0] -= 1

        before(parts.reader, "read", reading)
        before(parts.ledger, "mark_blocks", stored)
        worker = parts.worker()
        _, tasks = parts.shared(worker)
        assert len(list(run_local(taking(tasks), worker, threads=8))) == len(tasks)
        assert max(most) <= 3

    @pytest.mark.parametrize(
        ("predictors", "batch_tiles", "threads"), [(1, 1, 5), (2, 1, 8), (1, 16, 35), (16, 16, 64)]
    )
    def test_a_worker_holds_enough_to_fill_its_batches(self, predictors, batch_tiles, threads):
        assert threads_of(predictors, batch_tiles) == threads
        assert shares_of(predictors, "cpu") == predictors + 2
        assert shares_of(predictors, "cuda") == predictors + 5


class TestTask:
    @pytest.mark.parametrize("stage", ["read", "write_block"])
    def test_a_call_that_may_succeed_is_made_again_after_growing_pauses(self, stage):
        parts = Parts()
        worker = parts.worker()
        _, tasks = parts.shared(worker)
        left = [RetryableError("slow down")] * 3

        def fail(*_):
            if left:
                raise left.pop()

        before(parts.reader if stage == "read" else parts.writer, stage, fail)
        assert worker.run(tasks[0]).state == "stored"
        bounds = [1.0, 3.0, 9.0]
        assert [pause <= limit for pause, limit in zip(parts.pauses, bounds, strict=True)] == [True] * 3

    def test_a_call_that_never_succeeds_is_given_up(self):
        parts = Parts(Fault("large.tif", RetryableError("away")))
        worker = parts.worker()
        _, tasks = parts.shared(worker)
        outcome = worker.run(tasks[0])
        assert (outcome.state, outcome.reason) == ("failed", "RetryableError: away")
        assert parts.reader.calls["read", "large.tif"] == len(parts.pauses) + 1 > 3

    def test_a_scene_error_is_not_tried_again(self):
        parts = Parts(Fault("large.tif", SceneError("no raster")))
        worker = parts.worker()
        _, tasks = parts.shared(worker)
        assert worker.run(tasks[0]).state == "quarantine"
        assert parts.pauses == []

    def test_blocks_are_marked_only_after_all_of_them_are_stored(self):
        parts = Parts()
        worker = parts.worker()
        shared, tasks = parts.shared(worker)
        whole = TaskWork(replace(tasks[0].task, window=shared.mosaic.grid.window))
        last = list(whole.task.blocks())[-1]

        def fail_at_last(mosaic, block, *_):
            if block == last:
                raise OSError("disk full")

        before(parts.writer, "write_block", fail_at_last)
        roomy = Worker(
            parts.reader,
            parts.predictor,
            MosaicLifecycle(parts.writer, parts.ledger, "key", lambda mosaic: {}),
            TaskLimits(TINY, 10**9, 10**9),
        )
        assert roomy.run(whole).state == "failed"
        assert parts.ledger.finished_blocks(shared.mosaic.path) == []


def test_a_fatal_error_is_raised():
    parts = Parts(Fault("a.tif", FatalError("stop")))
    with pytest.raises(FatalError, match="stop"):
        parts.worker().run(parts.scene("a.tif"))


def test_a_missing_scene_is_put_into_quarantine():
    parts = Parts()
    gone = Scene("gone.tif", "gone.tif", "missing", 0)
    row = parts.worker().run(QuarantineWork(gone, "it is gone")).result
    assert (row.scene_id, row.state, row.reason) == ("gone.tif", "quarantined", "it is gone")


def test_what_is_given_out_with_care_is_read_apart_from_then_on():
    plain, isolated, parts = SyntheticReader(SCENES), SyntheticReader(SCENES), Parts()
    worker = parts.worker(GuardedReader(plain, isolated, parts.activity))
    assert worker.run(parts.scene("a.tif", with_care=True)).result.state == "done"
    assert worker.run(parts.scene("b.tif")).result.state == "done"
    assert {scene_id for _, scene_id in isolated.calls} == {"a.tif"}
    assert {scene_id for _, scene_id in plain.calls} == {"b.tif"}
    assert ("reading", "a.tif") in parts.activity.noted


def test_a_reader_that_knows_no_care_reads_as_always():
    parts = Parts()
    assert parts.worker().run(parts.scene("a.tif", with_care=True)).result.state == "done"


def test_an_outcome_tells_what_its_process_took_and_retries_are_in_it():
    parts = Parts(Fault("a.tif", RetryableError("503"), times=1))
    worker = parts.worker()
    told = worker.run(parts.scene("a.tif")).costs
    assert (told.retries, told.retry_wait_s) == (1, pytest.approx(sum(parts.pauses)))
    assert worker.run(parts.scene("b.tif")).costs.retries == 0
    outcome, works = parts.shared(worker)
    assert outcome.costs.worker_memory_bytes > 0
    assert worker.run(works[0]).costs.worker_memory_bytes > 0


class FailingDrawer:
    """Draws parts; fails with an error while one is drawn of codes at hand, or while it is put."""

    def __init__(self, stage, error):
        self.stage, self.error = stage, error

    def drawn(self, mosaic, root, codes):
        if self.stage == "drawn":
            raise self.error
        return "a part"

    def put(self, record, root, drawn=None):
        if self.stage == "put":
            raise self.error


@pytest.mark.parametrize("name", ["a.tif", "large.tif"])
@pytest.mark.parametrize("stage", ["drawn", "put"])
@pytest.mark.parametrize("error", [RuntimeError("a bug"), MemoryError("too much"), SceneError("it is odd")])
def test_what_nobody_foresaw_of_objects_leaves_the_mosaic_done_and_is_told(name, stage, error):
    parts = Parts()
    worker = parts.worker(drawer=FailingDrawer(stage, error))
    outcome = worker.run(parts.scene(name))
    if isinstance(outcome, SharedScene):
        blocks = [block for task in outcome.tasks for block in worker.run(TaskWork(task)).blocks]
        outcome = worker.run(CommitWork(outcome.mosaic, outcome.claim, tuple(blocks)))
    assert (outcome.result.state, outcome.result.reason) == ("done", None)
    assert parts.ledger.records()[name].store == outcome.result.store
    is_told = any(type(error).__name__ in note and str(error) in note for note in outcome.result.notes)
    assert is_told == (stage == "put" or name == "a.tif"), "of several tasks nothing is drawn at hand"


@pytest.mark.parametrize(
    "error", [OSError("the disk is full"), RetryableError("503"), StuckError("it hangs")]
)
def test_what_storage_says_of_a_part_is_no_mosaic_without_objects(error):
    parts = Parts()
    outcome = parts.worker(drawer=FailingDrawer("put", error)).run(parts.scene("a.tif"))
    assert outcome.result.state == "failed"
    assert str(error) in outcome.result.reason
    assert not parts.ledger.records(), "the next run finds its mosaic, and puts the part"


@pytest.mark.parametrize("stage", ["drawn", "put"])
def test_a_lost_lease_and_a_lost_claim_are_not_hidden_by_objects(stage):
    parts = Parts()
    with pytest.raises(FatalError, match="lease"):
        parts.worker(drawer=FailingDrawer(stage, FatalError("the lease is lost"))).run(parts.scene("a.tif"))
    parts = Parts()
    worker = parts.worker(drawer=FailingDrawer(stage, LostClaimError("taken")))
    assert isinstance(worker.run(parts.scene("a.tif")), TakenOver)


def test_a_mosaic_that_was_found_complete_is_recorded_though_its_objects_cannot_be_drawn():
    parts = Parts()
    parts.worker().run(parts.scene("a.tif"))
    parts.ledger._records.clear()
    outcome = parts.worker(drawer=FailingDrawer("put", RuntimeError("a bug"))).run(parts.scene("a.tif"))
    assert (outcome.result.state, outcome.result.tiles) == ("done", 0)
    assert "a.tif" in parts.ledger.records()
