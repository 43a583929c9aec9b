import tracemalloc
from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core import budget
from sgddiff_batch.core.blending import blend
from sgddiff_batch.core.radiometry import Stretch
from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window

SIDE_PX = 1200


@given(st.integers(0, 10**9), st.integers(1, 16), st.integers(0, 10**6), st.integers(0, 8))
def test_more_pixels_or_larger_samples_never_take_less(area_px, sample_bytes, more_px, more_bytes):
    less = budget.task_bytes(area_px, sample_bytes)
    assert budget.task_bytes(area_px + more_px, sample_bytes + more_bytes) >= less
    assert less >= area_px * (4 + 3 * sample_bytes)
    assert budget.worker_bytes(less, more_px) == budget.PROCESS_BYTES + less + more_px


def peak_bytes(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_blending_takes_no_more_than_was_said():
    tiles = Lattice(SIDE_PX, SIDE_PX, 96, 32).task_tiles(Window(0, SIDE_PX, 0, SIDE_PX))
    pixels, valid = np.ones((3, SIDE_PX, SIDE_PX), np.uint8), np.ones((SIDE_PX, SIDE_PX), bool)
    taken = peak_bytes(lambda: blend(lambda tile, _: tile[0] // 2, pixels, valid, tiles))
    assert taken + pixels.nbytes + valid.nbytes <= budget.task_bytes(SIDE_PX**2, sample_bytes=1)


def test_stretching_takes_no_more_than_was_said():
    for kind in (np.uint16, np.float32, np.float64):
        samples = np.ones((3, SIDE_PX, SIDE_PX), kind)
        taken = peak_bytes(lambda samples=samples: Stretch(0.0, 2.0).apply(samples))
        said = budget.task_bytes(SIDE_PX**2, samples.itemsize)
        assert taken + samples.nbytes + SIDE_PX**2 <= said, kind
