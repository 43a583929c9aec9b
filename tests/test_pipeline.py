"""The path of a task: what is read for it, what is computed of it, and what is stored and marked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.blending import NO_DATA, blend
from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.planning import Task, plan_tasks
from sgddiff_batch.errors import RetryableError, SceneError
from sgddiff_batch.pipeline import TaskPixels, infer_task, mark_task, read_task, store_task
from tests.kit.fakes import (
    Fault,
    MemoryLedger,
    MemoryWriter,
    SyntheticReader,
    ToyPredictor,
    make_mosaic,
    make_scene,
    toy_tile,
)
from tests.kit.mosaics import begun

SCENE = make_scene(40, 37, 1, collar_px=3, no_data_share=0.1)
MOSAIC = make_mosaic(40, 37)
WHOLE = Task(MOSAIC, MOSAIC.grid.window)
BLOCKS = [Task(MOSAIC, block) for block in MOSAIC.blocks()]


def reader(*faults):
    return SyntheticReader({MOSAIC.id: SCENE}, faults)


def stored(task, codes):
    """Store codes (h, w) of a task; return the records and the writer."""
    writer = MemoryWriter()
    begun(writer, MOSAIC, {})
    return store_task(task, codes, writer), writer


@pytest.mark.parametrize("task", [WHOLE, *BLOCKS], ids=lambda task: task.name)
def test_a_task_reads_its_halo_once_and_no_more(task):
    source = reader()
    read = read_task(task, source)
    assert source.windows == [(MOSAIC.id, task.halo)]
    np.testing.assert_array_equal(read.pixels, SCENE[0][:, *task.halo.slices])
    np.testing.assert_array_equal(read.valid, SCENE[1][task.halo.slices])


@pytest.mark.parametrize("error", [SceneError("torn"), RetryableError("busy")])
def test_what_the_reader_says_of_a_scene_passes(error):
    with pytest.raises(type(error), match=str(error)):
        read_task(WHOLE, reader(Fault(MOSAIC.id, error)))


@given(memory_bytes=st.integers(0, 60_000))
def test_codes_of_a_window_are_those_of_the_whole_mosaic_however_it_is_cut(memory_bytes):
    wanted = blend(toy_tile, *SCENE, MOSAIC.lattice.task_tiles(MOSAIC.grid.window))
    for task in plan_tasks(MOSAIC, memory_bytes):
        codes = infer_task(task, read_task(task, reader()), ToyPredictor())
        np.testing.assert_array_equal(codes, wanted[task.window.slices])


def test_a_window_without_data_costs_no_tile():
    predictor, task = ToyPredictor(), BLOCKS[0]
    shape = task.halo.height_px, task.halo.width_px
    nothing = TaskPixels(np.zeros((3, *shape), np.uint8), np.zeros(shape, bool))
    assert (infer_task(task, nothing, predictor) == NO_DATA).all()
    assert predictor.tiles_computed == 0


@given(seed=st.integers(0, 2**32 - 1), number=st.integers(-1, len(BLOCKS) - 1))
def test_records_count_what_is_in_each_block_and_miss_none(seed, number):
    task = WHOLE if number < 0 else BLOCKS[number]
    shape = task.window.height_px, task.window.width_px
    codes = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    records, writer = stored(task, codes)
    assert [record.window for record in records] == list(task.blocks())
    for record in records:
        part = codes[record.window.relative_to(task.window).slices]
        np.testing.assert_array_equal(writer.stores[MOSAIC.path].levels[0][record.window.slices], part)
        assert record.digest == array_digest(part)
    assert sum(record.valid_px for record in records) == (codes != NO_DATA).sum()
    assert sum(record.salient_px for record in records) == ((codes >= 127) & (codes != NO_DATA)).sum()
    ledger = MemoryLedger()
    mark_task(task, records, ledger)
    assert ledger.finished_blocks(MOSAIC.path) == list(records)


@pytest.mark.parametrize(
    ("code", "valid_px", "salient_px"), [(0, 1, 0), (126, 1, 0), (127, 1, 1), (254, 1, 1), (255, 0, 0)]
)
def test_salient_is_what_has_half_a_probability_or_more_and_no_data_is_not(code, valid_px, salient_px):
    task = BLOCKS[0]
    records, *_ = stored(task, np.full((task.window.height_px, task.window.width_px), code, np.uint8))
    area_px = task.window.area_px
    assert (records[0].valid_px, records[0].salient_px) == (valid_px * area_px, salient_px * area_px)


def test_an_error_of_the_store_passes_and_later_blocks_are_not_stored():
    blocks = list(WHOLE.blocks())
    begun_blocks = []

    def broken(store, block):
        begun_blocks.append(block)
        if block == blocks[1]:
            raise OSError("the disk is full")

    writer = MemoryWriter(broken)
    begun(writer, MOSAIC, {})
    with pytest.raises(OSError, match="the disk is full"):
        store_task(WHOLE, np.zeros((40, 37), np.uint8), writer)
    assert begun_blocks == blocks[:2]


def test_what_is_to_be_put_beside_the_blocks_is_put_with_the_first_one():
    class Noting(MemoryWriter):
        def write_block(self, mosaic, block, codes, beside=None):
            seen.append(beside)
            super().write_block(mosaic, block, codes, beside)

    seen, writer = [], Noting()
    begun(writer, MOSAIC, {})
    store_task(WHOLE, np.zeros((40, 37), np.uint8), writer, {"0/zarr.json": b"{}"})
    assert seen == [{"0/zarr.json": b"{}"}] + [None] * (len(list(WHOLE.blocks())) - 1)
