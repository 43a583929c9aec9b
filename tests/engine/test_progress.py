"""What is remembered of a mosaic while its tasks are at work: reasons, tiles and seconds."""

import pytest

from sgddiff_batch.core.planning import Task
from sgddiff_batch.core.seams import SeamSteps
from sgddiff_batch.engine.progress import MosaicProgress
from sgddiff_batch.engine.work import TaskOutcome, TaskWork
from sgddiff_batch.protocols import Claim
from tests.kit.fakes import make_mosaic

MOSAIC = make_mosaic(40, 37)
BLOCKS = [Task(MOSAIC, block) for block in MOSAIC.blocks()]
CLAIM = Claim(b"", "v")


def ended_as(number, *args, **facts):
    return TaskOutcome(TaskWork(BLOCKS[number]), *args, **facts)


def progress(*outcomes, **facts):
    return MosaicProgress(MOSAIC, CLAIM, outcomes=list(outcomes), **facts)


def test_nothing_has_happened_at_first():
    begun = MosaicProgress(MOSAIC, CLAIM)
    assert (begun.waiting, begun.blocks, begun.tiles(), begun.seconds()) == (set(), {}, (0, 0), {})
    assert begun.reason("failed") is None


def test_the_first_reason_of_each_end_is_the_one_that_is_told():
    ended = progress(
        ended_as(0, "stored"),
        ended_as(2, "failed", "the disk is full"),
        ended_as(3, "failed", "no memory"),
    )
    assert ended.reason("failed") == "the disk is full"
    assert ended.reason("quarantine") is None


@pytest.mark.parametrize(
    ("state", "seconds", "counts"),
    [
        ("stored", {}, True),
        ("failed", {"read": 1.0, "infer": 1.0, "store": 1.0}, True),
        ("failed", {"read": 1.0, "infer": 1.0}, False),
        ("quarantine", {"read": 1.0}, False),
    ],
)
def test_tiles_are_those_of_tasks_whose_network_s_work_was_done(state, seconds, counts):
    outcome = ended_as(0, state, seconds=seconds)
    lattice, window = MOSAIC.lattice, BLOCKS[0].window
    tiles = lattice.tile_count(window), lattice.tiles_px(window)
    assert progress(outcome).tiles() == (tiles if counts else (0, 0))


def test_seconds_are_summed_over_tasks_by_stage_and_to_those_of_opening():
    outcomes = [
        ended_as(0, "stored", seconds={"read": 1.0, "infer": 2.0, "store": 0.5}),
        ended_as(1, "failed", "no memory", seconds={"read": 0.25}),
    ]
    assert progress(*outcomes).seconds() == {"read": 1.25, "infer": 2.0, "store": 0.5}
    opened = progress(*outcomes, opening={"open": 3.0}).seconds()
    assert opened == {"open": 3.0, "read": 1.25, "infer": 2.0, "store": 0.5}


def test_a_task_is_waited_for_until_it_ends_or_is_skipped():
    begun = progress(waiting={BLOCKS[0].name, BLOCKS[1].name})
    assert begun.waits_for(BLOCKS[0])
    assert not begun.waits_for(BLOCKS[2])
    begun.end(ended_as(0, "failed", "no memory"))
    assert begun.is_spoiled
    begun.skip(BLOCKS[1])
    assert begun.waiting == set()
    assert not begun.waits_for(BLOCKS[0])


def test_progress_of_two_mosaics_is_not_shared():
    one, other = MosaicProgress(MOSAIC, CLAIM), MosaicProgress(MOSAIC, CLAIM)
    one.outcomes.append(ended_as(0, "stored"))
    one.blocks[BLOCKS[0].window] = None
    assert (other.outcomes, other.blocks) == ([], {})


def test_steps_across_borders_are_those_of_all_tasks_that_were_stored():
    steps = SeamSteps(4, 3, 2, 1)
    outcomes = [ended_as(0, "stored", seam=steps), ended_as(1, "failed"), ended_as(2, "stored", seam=steps)]
    assert progress(*outcomes).seam() == SeamSteps(8, 6, 4, 2)
    assert progress(outcomes[1]).seam() is None
