import pickle

import numpy as np
import pytest

from sgddiff_batch.core.planning import SceneMosaic, Task, plan_tasks
from sgddiff_batch.errors import LostClaimError, RetryableError, SceneError
from sgddiff_batch.pipeline import infer_task, mark_task, read_task, store_task
from sgddiff_batch.protocols import BlockWriter, Ledger, Predictor, SceneReader, SceneRecord
from tests.kit.fakes import (
    TINY,
    Fault,
    MemoryLedger,
    MemoryWriter,
    SyntheticReader,
    ToyPredictor,
    make_mosaic,
    make_scene,
)
from tests.kit.mosaics import begun, committed

SEAMS: tuple[SceneReader, Predictor, BlockWriter, Ledger] = (
    SyntheticReader({}),
    ToyPredictor(),
    MemoryWriter(),
    MemoryLedger(),
)


def mosaic_of(reader: SyntheticReader, number: int = 0) -> SceneMosaic:
    scene = reader.scenes()[number]
    return SceneMosaic.at(f"{scene.scene_id}/{scene.version}-k.zarr", scene, reader.profile(scene), TINY)


def test_a_whole_run_of_fakes_ends_in_the_same_mosaic_for_every_memory_budget():
    reader, found = SyntheticReader({"a.tif": make_scene(45, 37, collar_px=2)}), []
    for memory_bytes in (0, 20_000, 10**9):
        predictor, writer, ledger = ToyPredictor(), MemoryWriter(), MemoryLedger()
        mosaic = mosaic_of(reader)
        claim = begun(writer, mosaic, {"seed": 0})
        for task in plan_tasks(mosaic, memory_bytes):
            codes = infer_task(task, read_task(task, reader), predictor)
            mark_task(task, store_task(task, codes, writer), ledger)
        committed(writer, mosaic, claim)
        assert {block.window for block in ledger.finished_blocks(mosaic.path)} == set(mosaic.blocks())
        found.append(writer.stores[mosaic.path].levels)
    assert [level.shape for level in found[0]] == [(45, 37), (23, 19), (12, 10), (6, 5)]
    for levels in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(levels, found[0], strict=True))


def test_faults_strike_their_scene_and_window_as_often_as_they_say():
    bad = make_mosaic(40, 40).blocks
    last = list(bad())[-1]
    faults = [
        Fault("a.tif", RetryableError("busy"), times=2),
        Fault("a.tif", SceneError("torn"), window=last),
        Fault("b.tif", SceneError("no raster"), stage="profile"),
    ]
    reader = SyntheticReader({"a.tif": make_scene(40, 40), "b.tif": make_scene(9, 9)}, faults)
    mosaic = mosaic_of(reader)
    with pytest.raises(SceneError, match="no raster"):
        mosaic_of(reader, 1)
    first = Task(mosaic, next(mosaic.blocks()))
    for _ in range(2):
        with pytest.raises(RetryableError, match="busy"):
            read_task(first, reader)
    assert read_task(first, reader).valid.all()
    with pytest.raises(SceneError, match="torn"):
        read_task(Task(mosaic, last), reader)
    assert reader.calls == {("profile", "a.tif"): 1, ("profile", "b.tif"): 1, ("read", "a.tif"): 4}


def test_the_writer_refuses_what_no_engine_may_do():
    mosaic, writer = make_mosaic(20, 20), MemoryWriter()
    block = next(mosaic.blocks())
    codes = np.zeros((16, 16), np.uint8)
    claim = begun(writer, mosaic, {})
    writer.write_block(mosaic, block, codes)
    writer.write_block(mosaic, block, codes)
    with pytest.raises(AssertionError, match="changed its bytes"):
        writer.write_block(mosaic, block, codes + 1)
    with pytest.raises(AssertionError, match="committed without"):
        committed(writer, mosaic, claim)
    with pytest.raises(AssertionError, match="was not emptied"):
        writer.clear(mosaic.path)


def test_a_claim_on_the_writer_holds_until_it_is_taken_over():
    mosaic, writer = make_mosaic(16, 16), MemoryWriter()
    late = begun(writer, mosaic, {})
    assert writer.claim(mosaic, {}) is None
    claim = writer.take_over(mosaic, {}, writer.find_root(mosaic, {}))
    writer.write_block(mosaic, next(mosaic.blocks()), np.zeros((16, 16), np.uint8))
    with pytest.raises(LostClaimError):
        committed(writer, mosaic, late)
    committed(writer, mosaic, claim)
    assert writer.find_root(mosaic, {}).is_complete


def test_a_finished_scene_keeps_its_record():
    ledger, mosaic = MemoryLedger(), make_mosaic(20, 20)
    record = SceneRecord("scene.tif", "v1", "k", mosaic.path)
    ledger.finish(record)
    assert ledger.finished_mosaic(mosaic.path) == ledger.records()["scene.tif"] == record


def test_fakes_can_be_pickled():
    for fake in (*SEAMS, Fault("a.tif", SceneError("torn"))):
        assert type(pickle.loads(pickle.dumps(fake))) is type(fake)
