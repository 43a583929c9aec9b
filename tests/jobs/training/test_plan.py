"""The plan of a training: where everything lies, and what is wrong with its stages before any is trained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.training.plan import below, check_stages, shown
from jobs.training.storage import StoreStorage
from models.checkpoint import save_checkpoint
from models.config import ConfigError as NetworkConfigError
from models.presets import preset
from models.sgddiff import SGDDiff
from models.storage import Below
from models.worker import TrainingWorker
from sgddiff_batch.errors import ConfigError, FatalError
from tests.kit.training_plans import STAGE, config_of, make_pairs, plan_of


def check(tmp_path, worker=None, **changes):
    check_stages(config_of(tmp_path, **changes), worker or TrainingWorker())


def test_a_seeds_stage_and_the_average_of_the_seeds_have_folders_of_their_own(tmp_path):
    assert below("teacher", 3) == "seed-3/teacher"
    assert below("teacher", None) == "average/teacher"
    plan = plan_of(tmp_path, storage=f"{tmp_path}/run/")
    assert plan.root("teacher", 3) == f"{tmp_path}/run/seed-3/teacher"
    plan.storage("teacher", 3).write("x", b"1")
    assert (tmp_path / "run/seed-3/teacher/x").read_bytes() == b"1"


def test_others_take_the_best_of_a_stage_or_its_last_where_nothing_tells_the_best(tmp_path):
    assert plan_of(tmp_path, make_pairs(1)).kept == "best"
    assert plan_of(tmp_path).kept == "last"


def test_nothing_is_written_once_another_run_took_the_storage_over(tmp_path):
    class Shut:
        def check(self):
            raise FatalError("the lease was lost")

    plan = plan_of(tmp_path)
    plan.storage("direct", 0).write("before", b"")
    assert plan.fence.asked == 1
    plan = replace(plan, fence=Shut())
    with pytest.raises(FatalError, match="the lease was lost"):
        plan.storage("direct", 0).write("after", b"")
    assert [path.name for path in (tmp_path / "seed-0/direct").iterdir()] == ["before"]


def test_a_stages_name_is_its_checkpoint_in_the_storage_and_any_other_a_place(tmp_path):
    digests = {}
    for name in ("seed-0/teacher/last", "average/teacher/last", "elsewhere"):
        store = plan_of(tmp_path).store
        network = SGDDiff(preset("tiny"))
        digests[name] = save_checkpoint(Below(StoreStorage(store), name), network, {}, {})
    assert plan_of(tmp_path).checkpoint("teacher", 0).digest == digests["seed-0/teacher/last"]
    averaged = plan_of(tmp_path, average=True, seeds=[0, 1])
    assert averaged.checkpoint("teacher", 0).digest == digests["average/teacher/last"]
    assert plan_of(tmp_path).checkpoint(f"{tmp_path}/elsewhere", 0).digest == digests["elsewhere"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (None, ""),
        ("", ""),
        ("direct", "direct"),
        ("s3://bucket/runs/x/best", "s3://bucket/runs/x/best"),
        ("/home/me/runs/seed-0/teacher/best", "seed-0/teacher/best"),
    ],
)
def test_a_checkpoint_is_shown_without_the_folders_that_tell_who_trained_it(name, words):
    assert shown(name) == words


def test_sound_stages_pass(tmp_path):
    check(tmp_path, stages=["direct", "teacher", "student"])
    check(tmp_path, stages=["direct", "teacher"], teacher={**STAGE, "init": "direct", "encoder": "direct"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stages": ["student"]}, r"teacher\.checkpoint: the student needs one"),
        ({"student": {**STAGE, "encoder": "direct"}}, r"student\.encoder: a student has its teacher's"),
        ({"direct": {**STAGE, "init": "teacher"}}, r"direct\.init: teacher is no earlier one"),
        ({"teacher": {**STAGE, "checkpoint": "student"}}, r"write \./student for a folder of that name"),
        ({"direct": {**STAGE, "checkpoint": "/x"}}, r"direct\.checkpoint: direct is one of the stages"),
        ({"direct": {**STAGE, "network": {"stem.width": 7}}}, r"direct\.network: no network can be built"),
    ],
)
def test_a_wrong_stage_is_refused_by_its_key(tmp_path, changes, words):
    with pytest.raises(ConfigError, match=words):
        check(tmp_path, **changes)


def test_a_batch_that_the_workers_cannot_share_is_refused(tmp_path):
    with pytest.raises(NetworkConfigError, match="a batch of 2 cannot be shared evenly by 3 workers"):
        check(tmp_path, TrainingWorker(0, 3))


def test_an_encoder_of_other_sizes_is_refused(tmp_path):
    other = {**STAGE, "network": {"encoder.gdb": False}}
    with pytest.raises(NetworkConfigError, match="encoder"):
        check(tmp_path, stages=["teacher", "student"], teacher=other)
