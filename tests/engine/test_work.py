"""Work and outcomes: what tells one from another, and that all of it travels between processes."""

import pickle

import pytest

from sgddiff_batch.core.planning import Task
from sgddiff_batch.engine.results import result_unopened
from sgddiff_batch.engine.work import (
    CommitWork,
    Lost,
    QuarantineWork,
    SceneOutcome,
    SceneWork,
    SharedScene,
    TakenOver,
    TaskOutcome,
    TaskWork,
)
from sgddiff_batch.protocols import Claim
from tests.kit.fakes import make_mosaic

MOSAIC = make_mosaic(40, 50)
TASKS = [Task(MOSAIC, block) for block in MOSAIC.blocks()]
CLAIM = Claim(b"root", "v1")
SCENE = SceneWork(MOSAIC.scene, MOSAIC.path)
WORKS = [
    SCENE,
    *map(TaskWork, TASKS),
    CommitWork(MOSAIC, CLAIM, ()),
    QuarantineWork(MOSAIC.scene, "torn", begun=(MOSAIC, CLAIM)),
]


def test_each_piece_of_work_of_a_scene_has_a_key_of_its_own():
    assert len({work.key for work in WORKS}) == len(WORKS)
    assert {work.scene_id for work in WORKS} == {MOSAIC.id}
    assert {work.scene for work in WORKS} == {MOSAIC.scene}


@pytest.mark.parametrize(
    "value",
    [
        *WORKS,
        SceneOutcome(SCENE, result_unopened(MOSAIC.scene, "failed", "no memory")),
        SharedScene(SCENE, MOSAIC, CLAIM, tuple(TASKS)),
        TaskOutcome(TaskWork(TASKS[0]), "stored"),
        Lost(SCENE, "it died"),
        TakenOver(SCENE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_all_of_it_travels(value):
    assert pickle.loads(pickle.dumps(value)) == value


@pytest.mark.parametrize(
    ("state", "seconds", "is_inferred"),
    [("stored", {}, True), ("failed", {"store": 1.0}, True), ("failed", {"infer": 1.0}, False)],
)
def test_the_network_s_work_was_done_once_there_was_something_to_store(state, seconds, is_inferred):
    assert TaskOutcome(TaskWork(TASKS[0]), state, seconds=seconds).is_inferred == is_inferred
