"""The mean of the seeds of a stage: of their tensors, with the cost of all, and the same when repeated."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict

import pytest
import torch

from jobs.training.averages import write_average
from jobs.training.reports import record_assessment
from models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from models.presets import preset
from models.sgddiff import SGDDiff
from models.storage import Below
from tests.kit.training_plans import make_pairs, plan_of

COST = {"steps": 10, "crops": 40, "workers": 1, "device": "A CPU", "threads": 1, "precision": "fp32"}


def finish(plan, seed):
    """Leave what a seed's finished stage leaves; its tensors are drawn by its seed."""
    torch.manual_seed(seed)
    training = {
        "stage": "direct",
        "settings": asdict(plan.config.direct.settings(seed)),
        "step": 10,
        "validation": {},
    }
    worker = Below(plan.storage("direct", seed), plan.kept)
    digest = save_checkpoint(worker, SGDDiff(preset("tiny")), plan.facts, training)
    record_assessment("direct", seed, plan, {**COST, "spent_s": float(seed)})
    return digest


@pytest.fixture
def finished(tmp_path):
    """Make a plan of two seeds that have finished; returns it and their digests."""

    def make(*validation):
        plan = plan_of(tmp_path, validation, seeds=[3, 4], average=True)
        return plan, {str(seed): finish(plan, seed) for seed in (3, 4)}

    return make


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_the_mean_is_that_of_the_tensors_and_names_those_it_is_of(finished, tmp_path):
    plan, digests = finished()
    write_average(plan, "direct")
    mean = load_checkpoint(tmp_path / "average/direct/last")
    assert mean.training["average_of"] == digests
    assert mean.training["validation"] == {}
    one, other = (
        load_checkpoint(tmp_path / f"seed-{seed}/direct/last").network.state_dict() for seed in (3, 4)
    )
    found = mean.network.state_dict()
    names = [name for name, tensor in one.items() if tensor.is_floating_point()]
    assert all(torch.allclose((one[name] + other[name]) / 2, found[name], atol=1e-6) for name in names)


def test_it_cost_what_all_seeds_cost(finished, tmp_path):
    plan, _ = finished()
    write_average(plan, "direct")
    found = json.loads((tmp_path / "average/direct/assessment.json").read_text())
    assert found["seed"] is None
    assert found["cost"] == {**COST, "steps": 20, "crops": 80, "spent_s": 7.0}


def test_repeated_it_changes_nothing_and_with_other_seeds_it_is_made_anew(finished, tmp_path):
    plan, _ = finished()
    write_average(plan, "direct")
    before = times(tmp_path)
    write_average(plan, "direct")
    assert times(tmp_path) == before
    more = plan_of(tmp_path, seeds=[3, 4, 5], average=True)
    finish(more, 5)
    write_average(more, "direct")
    assert [*load_checkpoint(tmp_path / "average/direct/last").training["average_of"]] == ["3", "4", "5"]


def test_with_validation_the_best_are_averaged_and_the_mean_is_scored(finished, tmp_path):
    plan, _ = finished(*make_pairs(1, first=20))
    write_average(plan, "direct")
    mean = load_checkpoint(tmp_path / "average/direct/best")
    assert 0 <= mean.training["validation"]["s"] <= 1
    assert "averaged over seeds" in (tmp_path / "average/direct/best/README.md").read_text()


def test_a_seed_whose_checkpoint_is_gone_is_told_of(finished, tmp_path):
    plan, _ = finished()
    shutil.rmtree(tmp_path / "seed-4/direct/last")
    with pytest.raises(CheckpointError, match="seed-4/direct/last"):
        write_average(plan, "direct")
    assert not (tmp_path / "average").exists()
