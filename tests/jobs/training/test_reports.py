"""What a stage shows of itself: to who listens, in files beside its checkpoints, and what it cost."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from jobs.training.plan import Listeners
from jobs.training.reports import (
    NOT_LOSSES,
    SHEET_ROWS,
    Reporter,
    cost_of,
    record_assessment,
    write_training_page,
)
from jobs.training.results import ASSESSMENT_NAME, read_assessment
from models.checkpoint import save_checkpoint
from models.presets import preset
from models.sgddiff import SGDDiff
from models.stages import start_on_labels
from models.storage import Below
from models.worker import TrainingWorker
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.io.trainings import PAGE_NAME
from tests.io.trainings.training_examples import left_by_a_training
from tests.kit.training_plans import HeardEvents, make_pairs, plan_of

ROW = {"step": 1, "rate": 0.1, "loss": 0.5, "pictures_per_s": 3.0}
SCORES = {"step": 1, "s": 0.5, "max_f": 0.4, "mean_f": 0.3, "mae": 0.2}


@pytest.fixture
def state():
    torch.manual_seed(0)
    section = plan_of("/nowhere").config.direct
    started = start_on_labels(preset("tiny"), section.settings(0), "direct")
    started.step = 1
    started.history = {"losses": [ROW], "scores": [SCORES]}
    return started


def reporter_of(plan, stage="direct", seed=0, teacher=None):
    return Reporter(stage, seed, plan, plan.storage(stage, seed), teacher)


def keep(plan, network, seed=0, digest_of="direct"):
    """Store a checkpoint as a finished stage leaves it."""
    return save_checkpoint(Below(plan.storage(digest_of, seed), plan.kept), network, {}, {})


def test_a_stage_is_told_by_its_name_and_by_its_seed_where_there_are_several(tmp_path):
    assert reporter_of(plan_of(tmp_path)).name == "direct"
    assert reporter_of(plan_of(tmp_path, seeds=[3, 4]), seed=4).name == "seed-4-direct"


def test_losses_are_passed_on_without_their_step(tmp_path):
    plan = plan_of(tmp_path)
    reporter_of(plan).logged(ROW)
    events = plan.listeners.events
    assert events.heard == [("losses", "direct", 1)]
    assert events.names["losses"] == ROW.keys() - {"step"}


def test_a_validation_leaves_history_curves_and_a_sheet_of_the_pictures(tmp_path, state):
    plan = plan_of(tmp_path, make_pairs(2, first=10))
    reporter_of(plan).validated(SCORES, state)
    folder = tmp_path / "seed-0/direct"
    assert json.loads((folder / "history.json").read_text()) == state.history
    assert "seed-0" in (tmp_path / "report-training.html").read_text()
    for name in ("curves.png", "contact-sheet.png"):
        with Image.open(io.BytesIO((folder / name).read_bytes())) as drawn:
            assert drawn.width > 400
    assert plan.listeners.events.heard == [("scores", "direct", 1), ("picture", "direct", 1)]


def test_every_worker_reports_scores_and_only_the_first_writes(tmp_path, state):
    told = []
    for rank in (0, 1):
        heard = Listeners(HeardEvents(), told.append)
        plan = replace(plan_of(tmp_path / str(rank), worker=TrainingWorker(rank, 2)), listeners=heard)
        reporter_of(plan).validated(SCORES, state)
    assert told == [{"stage": "direct", **SCORES}] * 2
    assert (tmp_path / "0/seed-0/direct/history.json").is_file()
    assert not (tmp_path / "1/seed-0").exists()


def test_a_sheet_shows_a_few_pictures_however_many_there_are(tmp_path):
    assert len(reporter_of(plan_of(tmp_path, make_pairs(SHEET_ROWS + 5))).pairs) == SHEET_ROWS


def test_a_student_is_shown_beside_its_teacher_which_is_asked_once(tmp_path, state):
    teacher = SGDDiff(preset("tiny"))
    asked = []
    teacher.register_forward_hook(lambda *_: asked.append(1))
    plan = plan_of(
        tmp_path, make_pairs(2), stages=["student"], teacher={"validate_as": None, "preset": "tiny"}
    )
    reporter = reporter_of(plan, "student", teacher=teacher)
    for _ in range(2):
        reporter.validated(SCORES, state)
    assert len(asked) == 2, "once a picture"


def test_the_cost_is_that_of_all_workers(tmp_path, state):
    state.spent_s = 7.5
    cost = cost_of(plan_of(tmp_path, worker=TrainingWorker(0, 2)), state, batch=6)
    assert cost.pop("device")
    assert cost == {
        "spent_s": 7.5, "steps": 1, "crops": 6, "workers": 2, "threads": 1, "precision": "fp32",
    }  # fmt: skip


def test_an_assessment_is_made_once_for_the_same_tensors(tmp_path, state):
    plan = plan_of(tmp_path)
    keep(plan, state.average)
    for cost, kept in (({"steps": 1}, 1), ({"steps": 2}, 1)):
        record_assessment("direct", 0, plan, cost)
        found = read_assessment((tmp_path / "seed-0/direct" / ASSESSMENT_NAME).read_bytes())
        assert found["cost"]["steps"] == kept
    with torch.no_grad():
        next(state.average.parameters()).add_(1.0)
    digest = keep(plan, state.average)
    record_assessment("direct", 0, plan, {"steps": 3})
    found = read_assessment((tmp_path / "seed-0/direct" / ASSESSMENT_NAME).read_bytes())
    assert (found["cost"]["steps"], found["digest"], found["validation"]) == (3, digest, None)


def test_pictures_are_called_in_an_assessment_as_the_facts_call_them(tmp_path, state):
    facts = {"training": 4, "validation": ["ONE/10", "TWO/11"], "sets": []}
    plan = plan_of(tmp_path, make_pairs(2, first=10), facts=facts)
    keep(plan, state.average)
    record_assessment("direct", 0, plan, {"steps": 1})
    found = read_assessment((tmp_path / "seed-0/direct" / ASSESSMENT_NAME).read_bytes())
    assert {each["name"] for each in found["validation"]["worst"]} == {"ONE/10", "TWO/11"}


def test_speed_and_time_are_no_losses():
    assert {"loss", "rate"}.isdisjoint(NOT_LOSSES)
    assert "pictures_per_s" in NOT_LOSSES


def test_a_page_that_cannot_be_written_is_a_line_of_the_log_and_no_fault_of_the_training(tmp_path, caplog):
    storage = left_by_a_training(tmp_path / "runs")
    (storage / PAGE_NAME).mkdir()
    write_training_page(open_store(str(storage)))
    assert "the training's page could not be written" in caplog.text
    (storage / PAGE_NAME).rmdir()
    write_training_page(open_store(str(storage)))
    assert (storage / PAGE_NAME).read_bytes().startswith(b"<!doctype html>")


def test_a_training_that_lost_its_storage_stops_at_its_page_as_at_any_write(tmp_path):
    def lost() -> None:
        raise FatalError("another run took the storage over")

    storage = left_by_a_training(tmp_path / "runs")
    with pytest.raises(FatalError, match="took the storage over"):
        write_training_page(open_store(str(storage)).guarded(lost))
    assert not (storage / PAGE_NAME).exists()
