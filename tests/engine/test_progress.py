"""What is remembered of a mosaic while its tasks are at work: reasons, tiles and seconds."""

import pytest

from sgddiff_batch.core.planning import Task
from sgddiff_batch.engine.progress import MosaicProgress
from sgddiff_batch.engine.worker import TaskOutcome
from tests.kit.fakes import make_mosaic

MOSAIC = make_mosaic(40, 37)
BLOCKS = [Task(MOSAIC, block) for block in MOSAIC.blocks()]


def progress(*outcomes, **facts):
    return MosaicProgress(MOSAIC, outcomes=list(outcomes), **facts)


def test_nothing_has_happened_at_first():
    begun = MosaicProgress(MOSAIC)
    assert (begun.waiting, begun.blocks, begun.tiles(), begun.seconds()) == (0, {}, 0, {})
    assert begun.reason("failed") is None


def test_the_first_reason_of_each_end_is_the_one_that_is_told():
    ended = progress(
        TaskOutcome(BLOCKS[0], "stored"),
        TaskOutcome(BLOCKS[1], "skipped", "another task"),
        TaskOutcome(BLOCKS[2], "failed", "the disk is full"),
        TaskOutcome(BLOCKS[3], "failed", "no memory"),
    )
    assert ended.reason("failed") == "the disk is full"
    assert ended.reason("skipped") == "another task"
    assert ended.reason("quarantine") is None


@pytest.mark.parametrize(
    ("state", "seconds", "counts"),
    [
        ("stored", {}, True),
        ("failed", {"read": 1.0, "infer": 1.0, "store": 1.0}, True),
        ("failed", {"read": 1.0, "infer": 1.0}, False),
        ("quarantine", {"read": 1.0}, False),
        ("skipped", {}, False),
    ],
)
def test_tiles_are_those_of_tasks_whose_network_s_work_was_done(state, seconds, counts):
    outcome = TaskOutcome(BLOCKS[0], state, seconds=seconds)
    tiles = MOSAIC.lattice.tile_count(BLOCKS[0].window)
    assert progress(outcome).tiles() == (tiles if counts else 0)


def test_seconds_are_summed_over_tasks_by_stage_and_those_of_the_commit_are_one_more():
    outcomes = [
        TaskOutcome(BLOCKS[0], "stored", seconds={"read": 1.0, "infer": 2.0, "store": 0.5}),
        TaskOutcome(BLOCKS[1], "failed", "no memory", seconds={"read": 0.25}),
    ]
    assert progress(*outcomes).seconds() == {"read": 1.25, "infer": 2.0, "store": 0.5}
    assert progress(*outcomes, commit_s=0.0).seconds()["commit"] == 0.0
    assert progress(commit_s=4.0).seconds() == {"commit": 4.0}


def test_progress_of_two_mosaics_is_not_shared():
    one, other = MosaicProgress(MOSAIC), MosaicProgress(MOSAIC)
    one.outcomes.append(TaskOutcome(BLOCKS[0], "stored"))
    one.blocks[BLOCKS[0].window] = None
    assert (other.outcomes, other.blocks) == ([], {})
