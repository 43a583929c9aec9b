"""The stages of a training, seed after seed: each from its beginning, or from where it was killed."""

from __future__ import annotations

import itertools
import logging

import numpy as np

from jobs.training.averages import write_average
from jobs.training.config import StageName
from jobs.training.plan import TrainingPlan, shown
from jobs.training.reports import Reporter
from models.run import Run, train
from models.sgddiff import SGDDiff
from models.stages import StageState, start_on_labels, start_student
from models.worker import TrainingWorker

log = logging.getLogger(__name__)


def train_all(plan: TrainingPlan) -> None:
    """Train what is not finished yet.

    Raises:
        TrainingError: if a saved state is of another run, or a loss is no longer a number.
    """
    seeds, stages = plan.config.seeds, plan.config.stages
    if not plan.config.average:
        for seed, name in itertools.product(seeds, stages):
            _train_stage(plan, name, seed)
        return
    for name in stages:
        for seed in seeds:
            _train_stage(plan, name, seed)
        if plan.worker.is_first:
            write_average(plan, name)
        _wait_for_all(plan.worker)


def _train_stage(plan: TrainingPlan, name: StageName, seed: int) -> None:
    section = plan.config.section(name)
    storage = plan.storage(name, seed)
    settings = section.settings(seed)
    if plan.worker.is_first:
        log.info("seed %d, %s: %d steps of %d crops", seed, name, settings.steps, settings.batch)
    state, teacher = _start(plan, name, seed)
    reporter = Reporter(name, seed, plan, storage, teacher)
    facts = {**plan.facts, "init": shown(section.init), "encoder": shown(section.encoder)}
    train(
        state,
        Run(plan.source, plan.validation, settings, storage, facts, plan.worker, reporter),
    )
    reporter.finish(state)
    _wait_for_all(plan.worker)


def _wait_for_all(worker: TrainingWorker) -> None:
    """No worker may look for a checkpoint before the first one has written it."""
    worker.sum(np.zeros(1))


def _start(plan: TrainingPlan, name: StageName, seed: int) -> tuple[StageState, SGDDiff | None]:
    section, device = plan.config.section(name), plan.worker.device
    warm = plan.checkpoint(section.init, seed).network if section.init else None
    settings, sizes = section.settings(seed), section.sizes()
    if name != "student":
        kept = plan.checkpoint(section.encoder, seed).network if section.encoder else None
        return start_on_labels(sizes, settings, name, warm, device, kept), None
    teacher = plan.checkpoint(plan.config.teacher.checkpoint or "teacher", seed).network
    return start_student(teacher, sizes, settings, warm, device), teacher
