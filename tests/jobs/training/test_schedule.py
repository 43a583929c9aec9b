"""The stages of a training: in which order, what each begins with, and what is not done twice."""

from __future__ import annotations

import pytest
import torch

from jobs.training.schedule import train_all
from models.checkpoint import load_checkpoint
from models.training import TrainingError
from models.worker import TrainingWorker
from tests.kit.training_plans import STAGE, make_pairs, plan_of


def steps(plan):
    return [stage for kind, stage, _ in plan.listeners.events.heard if kind == "losses"]


def test_a_seed_goes_through_its_stages_before_the_next_begins(tmp_path):
    plan = plan_of(tmp_path, seeds=[3, 4], stages=["direct", "teacher"])
    train_all(plan)
    assert steps(plan) == ["seed-3-direct", "seed-3-teacher", "seed-4-direct", "seed-4-teacher"]
    assert not (tmp_path / "average").exists()
    assert plan.fence.asked > 0, "every write asks whether this run still may"


def test_with_an_average_all_seeds_end_a_stage_before_the_next_which_begins_with_their_mean(tmp_path):
    teacher = {**STAGE, "init": "direct"}
    plan = plan_of(tmp_path, seeds=[3, 4], average=True, stages=["direct", "teacher"], teacher=teacher)
    train_all(plan)
    assert steps(plan) == ["seed-3-direct", "seed-4-direct", "seed-3-teacher", "seed-4-teacher"]
    mean = load_checkpoint(tmp_path / "average/direct/last")
    seeds = [load_checkpoint(tmp_path / f"seed-{seed}/direct/last").digest for seed in (3, 4)]
    assert mean.training["average_of"] == dict(zip(("3", "4"), seeds, strict=True))
    assert (tmp_path / "average/teacher/last/README.md").is_file()


def test_what_is_finished_is_not_trained_again(tmp_path):
    train_all(plan_of(tmp_path))
    before = load_checkpoint(tmp_path / "seed-0/direct/last").digest
    again = plan_of(tmp_path)
    train_all(again)
    assert steps(again) == []
    assert load_checkpoint(tmp_path / "seed-0/direct/last").digest == before


def test_a_run_of_other_settings_does_not_go_on_with_what_lies_there(tmp_path):
    train_all(plan_of(tmp_path))
    with pytest.raises(TrainingError, match="another run"):
        train_all(plan_of(tmp_path, direct={**STAGE, "rate": 0.5}))


def test_a_student_learns_from_the_teacher_of_its_own_seed_and_says_where_it_began(tmp_path):
    student = {**STAGE, "init": "teacher"}
    plan = plan_of(tmp_path, make_pairs(1, 20), stages=["teacher", "student"], student=student)
    train_all(plan)
    teacher, taught = (load_checkpoint(tmp_path / f"seed-0/{name}/best") for name in ("teacher", "student"))
    assert taught.training["teacher"] == teacher.digest
    assert (taught.data["init"], teacher.data["init"]) == ("teacher", "")
    frozen, own = teacher.network.state_dict(), taught.network.state_dict()
    assert all(torch.equal(own[name], frozen[name]) for name in frozen if name.startswith("encoder."))


def test_a_worker_that_is_not_the_first_writes_no_average(tmp_path):
    class Second(TrainingWorker):
        """Alone in this process, so that it need not wait for the others."""

        @property
        def is_first(self):
            return False

    train_all(plan_of(tmp_path, seeds=[3, 4]))
    second = plan_of(tmp_path, worker=Second(), seeds=[3, 4], average=True)
    train_all(second)
    assert second.listeners.events.heard == []
    assert not (tmp_path / "average").exists()
