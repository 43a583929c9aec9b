"""Single steps of a worker: whose fault an error is, and what fits the memory."""

import numpy as np
import pytest

from sgddiff_batch.core.gallery import PreviewWish
from sgddiff_batch.core.planning import Task
from sgddiff_batch.engine.memory import SharedMemory
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.engine.steps import NoActivity, Steps, TaskLimits, preview_wished, task_bytes, timed
from sgddiff_batch.errors import LostClaimError, RetryableError, SceneError
from sgddiff_batch.lifecycle import MosaicLifecycle
from sgddiff_batch.pipeline import TaskPixels
from tests.kit.fakes import TINY, MemoryLedger, MemoryWriter, SyntheticReader, ToyPredictor, make_mosaic

MOSAIC = make_mosaic(40, 50)
WHOLE = Task(MOSAIC, MOSAIC.grid.window)


class Broken(MemoryWriter):
    """Fails at every step."""

    def __init__(self, error):
        super().__init__()
        self._error = error

    def claim(self, mosaic, provenance):
        raise self._error

    def describe(self, mosaic, claim):
        raise self._error

    def commit(self, mosaic, claim, blocks):
        raise self._error


def limits(memory_bytes):
    return TaskLimits(TINY, memory_bytes // 3, memory_bytes)


def steps(writer=None, memory_bytes=10**9):
    lifecycle = MosaicLifecycle(writer or MemoryWriter(), MemoryLedger(), "key", lambda mosaic: {})
    retries = Retries(sleep=lambda seconds: None)
    memory = SharedMemory(memory_bytes)
    return Steps(
        SyntheticReader({}), ToyPredictor(), lifecycle, limits(memory_bytes), memory, retries, NoActivity()
    )


@pytest.mark.parametrize(
    "error", [SceneError("a shard is damaged"), OSError("disk full"), RetryableError("503")]
)
def test_what_is_wrong_with_a_mosaic_s_objects_is_no_fault_of_its_scene(error):
    broken, claim = steps(Broken(error)), MemoryWriter().claim(MOSAIC, {})
    with pytest.raises(RetryableError, match="it could not be begun: .*" + str(error)):
        broken.begin(MOSAIC, {}, may_have_marks=False)
    with pytest.raises(RetryableError, match="it could not be begun: .*" + str(error)):
        broken.describe(MOSAIC, claim)


def test_a_lost_claim_is_told_as_that():
    claim = MemoryWriter().claim(MOSAIC, {})
    with pytest.raises(LostClaimError):
        steps(Broken(LostClaimError("it was taken over"))).commit(MOSAIC, claim, (), {})


def test_tasks_that_fit_with_nothing_beside_them_are_not_refused():
    need = task_bytes(WHOLE)
    assert limits(need).refusal([WHOLE]) is None
    assert limits(need).refusal([]) is None
    words = limits(need - 1).refusal([WHOLE])
    assert "tiling.task_memory_gib allows" in words
    assert f"tiling.block_px (it is {TINY.block_px})" in words


def test_tasks_leave_out_blocks_that_are_done():
    first, *others = MOSAIC.blocks()
    left = limits(3).tasks(MOSAIC, {first})
    assert [task.window for task in left] == others


def test_a_stage_is_timed_also_when_it_fails():
    seconds = {}
    with pytest.raises(KeyError), timed(seconds, "read"):
        raise KeyError
    assert seconds["read"] >= 0.0


def test_what_goes_wrong_with_a_preview_costs_the_preview():
    codes, wish = np.zeros((40, 50), np.uint8), PreviewWish(is_sure=True)
    read = TaskPixels(
        np.zeros((3, WHOLE.halo.height_px, WHOLE.halo.width_px), np.uint8), np.ones((1, 1), np.bool_)
    )
    assert preview_wished(WHOLE, read, codes, wish, 1.0).is_whole
    broken = TaskPixels(np.zeros((4, 4), np.uint8), np.ones((4, 4), np.bool_))
    assert preview_wished(WHOLE, broken, codes, wish, 1.0) is None
    assert preview_wished(WHOLE, read, codes, PreviewWish(is_sure=False), 1.0) is None
    assert preview_wished(WHOLE, read, codes, None, 1.0) is None
