"""The worker of both engines: stages of tasks overlap, calls are made again, errors become outcomes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate

import pytest

from sgddiff_batch.core.planning import Task
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.errors import FatalError, RetryableError, SceneError
from sgddiff_batch.io.scenes.guarded_reader import GuardedReader
from tests.kit.fakes import (
    Fault,
    MemoryLedger,
    MemoryWriter,
    SyntheticReader,
    ToyPredictor,
    make_mosaic,
    make_scene,
)

SCENES = {"s.tif": make_scene(40, 40, 1)}
MOSAIC = make_mosaic(40, 40, scene_id="s.tif")
TASKS = [Task(MOSAIC, block) for block in MOSAIC.blocks()]
LONG_S = 20.0


class Gate:
    """Lets threads meet: each ``meet`` waits until ``count`` of them have come."""

    def __init__(self, count):
        self._barrier = threading.Barrier(count)

    def meet(self):
        self._barrier.wait(LONG_S)


class Parts:
    """What a worker is made of; ``pauses`` collects how long it would have slept."""

    def __init__(self, *faults, predictors=1):
        self.reader = SyntheticReader(SCENES, faults)
        self.predictor, self.ledger = ToyPredictor(), MemoryLedger()
        self.writer = MemoryWriter()
        self.predictors, self.pauses = predictors, []

    def worker(self):
        self.writer.create(MOSAIC, {})
        parts = self.reader, self.predictor, self.writer, self.ledger
        return Worker(*parts, predictors=self.predictors, sleep=self.pauses.append)


def before(parts, name, call):
    """Have ``call`` made before each call of a method of a part."""
    method = getattr(parts, name)

    def called(*args):
        call(*args)
        return method(*args)

    setattr(parts, name, called)


def test_the_next_task_is_read_while_one_is_on_the_device():
    parts, gate = Parts(), Gate(2)
    on_device = threading.Event()

    def predicting(*args):
        if not on_device.is_set():
            on_device.set()
            gate.meet()

    def reading(scene, profile, window):
        if window != TASKS[0].halo:
            assert on_device.wait(LONG_S)
            if window == TASKS[1].halo:
                gate.meet()

    before(parts.predictor, "predict", predicting)
    before(parts.reader, "read", reading)
    assert [o.state for o in run_local(TASKS[:2], parts.worker())] == ["stored"] * 2


def test_a_task_is_stored_while_the_next_one_is_on_the_device():
    parts, gate, first = Parts(), Gate(2), TASKS[0].window
    stored = threading.Event()

    def writing(store, block):
        if block == first:
            stored.set()
            gate.meet()

    def predicting(pixels, valid, tiles):
        if stored.is_set() and not gate_passed.is_set():
            gate_passed.set()
            gate.meet()

    gate_passed = threading.Event()
    parts.writer = MemoryWriter(writing)
    before(parts.predictor, "predict", predicting)
    worker = parts.worker()
    with ThreadPoolExecutor(2) as pool:
        early = pool.submit(worker.run, TASKS[0])
        assert stored.wait(LONG_S)
        late = pool.submit(worker.run, TASKS[1])
        assert [early.result().state, late.result().state] == ["stored"] * 2


@pytest.mark.parametrize("predictors", [1, 3])
def test_as_many_tasks_are_on_the_device_as_there_are_predictors(predictors):
    parts, gate, lock = Parts(predictors=predictors), Gate(predictors), threading.Lock()
    changes = []

    def predict(pixels, valid, tiles):
        with lock:
            changes.append(1)
        gate.meet()
        codes = ToyPredictor().predict(pixels, valid, tiles)
        with lock:
            changes.append(-1)
        return codes

    parts.predictor.predict = predict
    outcomes = list(run_local(TASKS, parts.worker(), predictors))
    assert [o.state for o in outcomes] == ["stored"] * len(TASKS)
    assert max(accumulate(changes)) == predictors


@pytest.mark.parametrize("stage", ["read", "write_block"])
def test_a_call_that_may_succeed_is_made_again_after_growing_pauses(stage):
    parts = Parts()
    left = [RetryableError("slow down")] * 3

    def fail(*args):
        if left:
            raise left.pop()

    before(parts.reader if stage == "read" else parts.writer, stage, fail)
    assert parts.worker().run(TASKS[0]).state == "stored"
    assert len(parts.pauses) == 3
    assert [pause <= limit for pause, limit in zip(parts.pauses, [1.0, 3.0, 9.0], strict=True)] == [True] * 3


def test_a_call_that_never_succeeds_is_given_up():
    parts = Parts(Fault("s.tif", RetryableError("away")))
    outcome = parts.worker().run(TASKS[0])
    assert (outcome.state, outcome.reason) == ("failed", "RetryableError: away")
    assert parts.reader.calls["read", "s.tif"] == len(parts.pauses) + 1 > 3


def test_a_scene_error_is_not_tried_again():
    parts = Parts(Fault("s.tif", SceneError("no raster")))
    assert parts.worker().run(TASKS[0]).state == "quarantine"
    assert parts.pauses == []


@pytest.mark.parametrize("error", [MemoryError("no room"), OSError(5, "I/O"), AssertionError("odd")])
def test_an_error_of_the_device_is_a_failure(error):
    parts = Parts()

    def fail(*args):
        raise error

    before(parts.predictor, "predict", fail)
    outcome = parts.worker().run(TASKS[0])
    assert outcome.state == "failed"
    assert outcome.reason.startswith(type(error).__name__)


def test_the_device_is_free_again_after_an_error():
    parts = Parts()
    errors = [RuntimeError("out of memory")]
    before(parts.predictor, "predict", lambda *args: errors and (_ for _ in ()).throw(errors.pop()))
    worker = parts.worker()
    other = Task(make_mosaic(40, 40, scene_id="s.tif", version="v2"), TASKS[0].window)
    parts.writer.create(other.mosaic, {})
    assert [worker.run(TASKS[0]).state, worker.run(other).state] == ["failed", "stored"]


def test_blocks_are_marked_only_after_all_of_them_are_stored():
    parts = Parts()
    task = Task(MOSAIC, MOSAIC.grid.window)
    last = list(task.blocks())[-1]

    def fail_at_last(mosaic, block, codes):
        if block == last:
            raise OSError("disk full")

    before(parts.writer, "write_block", fail_at_last)
    assert parts.worker().run(task).state == "failed"
    assert parts.ledger.finished_blocks(MOSAIC.path) == []


def test_a_fatal_error_is_raised():
    parts = Parts(Fault("s.tif", FatalError("stop")))
    with pytest.raises(FatalError, match="stop"):
        parts.worker().run(TASKS[0])


def test_a_worker_that_distrusts_a_scene_reads_it_apart_from_then_on():
    scenes = {name: make_scene(20, 20, 1) for name in ("scene.tif", "other.tif")}
    plain, isolated, ledger = SyntheticReader(scenes), SyntheticReader(scenes), MemoryLedger()
    writer = MemoryWriter()
    worker = Worker(GuardedReader(plain, isolated, ledger), ToyPredictor(), writer, ledger)
    worker.distrust(Scene("scene.tif", "memory://scene.tif", "v1", 1))
    for scene_id in scenes:
        mosaic = make_mosaic(20, 20, scene_id=scene_id)
        writer.create(mosaic, {})
        assert worker.run(Task(mosaic, mosaic.grid.window)).state == "stored"
    assert {scene_id for _, scene_id in isolated.calls} == {"scene.tif"}
    assert {scene_id for _, scene_id in plain.calls} == {"other.tif"}


def test_a_reader_that_knows_no_care_is_left_as_it_is():
    reader = SyntheticReader({})
    Worker(reader, ToyPredictor(), MemoryWriter(), MemoryLedger()).distrust(Scene("a", "b", "c", 1))
    assert not reader.calls
