"""The seams: what stands behind one is called as it says, and its values keep the names that are stored."""

import inspect
import pickle
from dataclasses import fields

import pytest

from jobs.network import Student
from sgddiff_batch import protocols
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.ledger.activity import FileActivity
from sgddiff_batch.io.mosaics import ZarrBlockWriter
from sgddiff_batch.io.scenes import CheckedReader, GeoTiffReader, GuardedReader, IsolatedReader
from sgddiff_batch.protocols import (
    Activity,
    BlockRecord,
    BlockWriter,
    CarefulReader,
    Ledger,
    MosaicContents,
    NetworkFacts,
    NetworkSource,
    Predictor,
    SceneReader,
    SceneRecord,
)
from tests.kit.fakes import MemoryLedger, MemoryWriter, SyntheticReader, ToyPredictor
from tests.kit.networks import Brightness, BrightNetwork

BEHIND = [
    (Activity, FileActivity),
    *((SceneReader, reader) for reader in (GeoTiffReader, CheckedReader, GuardedReader, IsolatedReader)),
    (SceneReader, SyntheticReader),
    (CarefulReader, GuardedReader),
    (BlockWriter, ZarrBlockWriter),
    (BlockWriter, MemoryWriter),
    (Ledger, ObjectLedger),
    (Ledger, MemoryLedger),
    (Predictor, ToyPredictor),
    (Predictor, Brightness),
    (NetworkSource, Student),
    (NetworkSource, BrightNetwork),
]


def calls_of(seam):
    return {name: call for name, call in vars(seam).items() if inspect.isfunction(call) and name[0] != "_"}


@pytest.mark.parametrize(("seam", "behind"), BEHIND)
def test_what_stands_behind_a_seam_takes_each_call_as_it_is_made(seam, behind):
    assert calls_of(seam)
    for name, call in calls_of(seam).items():
        asked = inspect.signature(call).parameters.values()
        taken = list(inspect.signature(getattr(behind, name)).parameters.values())
        assert [one.name for one in taken[: len(asked)]] == [one.name for one in asked], name
        assert all(one.default is not one.empty for one in taken[len(asked) :]), name


def test_every_seam_has_something_behind_it_here():
    seams = {value for value in vars(protocols).values() if getattr(value, "_is_protocol", False)}
    assert {seam for seam in seams if seam.__module__ == protocols.__name__} == {seam for seam, _ in BEHIND}


def test_only_a_reader_that_can_be_told_of_deadly_scenes_is_a_careful_one():
    reader = SyntheticReader({})
    assert isinstance(GuardedReader(reader, reader, MemoryLedger()), CarefulReader)
    assert not isinstance(reader, CarefulReader)


def test_the_row_of_a_scene_keeps_the_names_that_ledgers_have_it_under():
    names = [field.name for field in fields(SceneRecord)]
    assert names[:11] == [
        *("scene_id", "version", "run_key", "store", "reason", "valid_px", "salient_px"),
        *("height_px", "width_px", "finished_at", "mask_rule"),
    ]
    older = SceneRecord("a.tif", "v1", "key", None)
    assert (older.reason, older.valid_px, older.finished_at, older.mask_rule) == (None, 0, "", "")


@pytest.mark.parametrize(
    "value",
    [
        BlockRecord(Window(0, 4, 0, 4), "d" * 64, 16, 3),
        MosaicContents("r" * 64, (BlockRecord(Window(0, 4, 0, 4), "d" * 64, 16, 3),)),
        SceneRecord("a.tif", "v1", "key", "a.tif/v1-key.zarr"),
        NetworkFacts({"digest": "d" * 64}, 1, 2, 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_can_be_sent_to_another_process_and_changed_by_nobody(value):
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(AttributeError):
        setattr(value, fields(value)[0].name, None)
