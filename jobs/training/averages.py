"""The mean of a stage's seeds: its checkpoint, its assessment and its card, beside theirs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from jobs.training.config import StageName
from jobs.training.plan import TrainingPlan
from jobs.training.reports import record_assessment, write_training_page
from jobs.training.results import ASSESSMENT_NAME, read_assessment, write_cards
from jobs.training.storage import read_checkpoint
from models.averaging import average_networks
from models.checkpoint import FACTS_NAME, Checkpoint, save_checkpoint
from models.run import shown, validate
from models.storage import Below, Storage

log = logging.getLogger(__name__)

_OF_ALL = ("spent_s", "steps", "crops")


def write_average(plan: TrainingPlan, name: StageName) -> None:
    """Average what the seeds' finished stage kept; written whole or not at all, and the same when repeated.

    Raises:
        CheckpointError: if a seed's checkpoint is gone or damaged.
    """
    found = {str(seed): read_checkpoint(f"{plan.root(name, seed)}/{plan.kept}") for seed in plan.config.seeds}
    digests = {seed: each.digest for seed, each in found.items()}
    storage = Below(plan.storage(name, None), plan.kept)
    if _averaged(storage) != digests:
        _write_mean(plan, name, list(found.values()), digests, storage)
    record_assessment(name, None, plan, _cost(plan, name))
    write_cards(plan.store, name)
    write_training_page(plan.store)


def _averaged(storage: Storage) -> Mapping[str, str] | None:
    """The digests by seed of what was averaged before, None if nothing was."""
    facts = json.loads(storage.read(FACTS_NAME) or b"{}")
    digests: Mapping[str, str] | None = facts.get("training", {}).get("average_of")
    return digests


def _write_mean(
    plan: TrainingPlan,
    name: StageName,
    found: Sequence[Checkpoint],
    digests: Mapping[str, str],
    storage: Storage,
) -> None:
    mean = average_networks([each.network for each in found]).to(plan.worker.device)
    measures: Mapping[str, float] = {}
    if any(pair.mask.any() for pair in plan.validation):
        view = shown(mean, plan.config.section(name).validate_as)
        measures = asdict(validate(view, plan.validation))
        log.info("average of %d seeds, %s: validation s %.4f", len(found), name, measures["s"])
    training = {**found[0].training, "average_of": dict(digests), "validation": dict(measures)}
    save_checkpoint(storage, mean, found[0].data, training)


def _cost(plan: TrainingPlan, name: StageName) -> dict[str, Any]:
    """What all seeds cost together."""
    found = [
        read_assessment(plan.storage(name, seed).read(ASSESSMENT_NAME)) or {} for seed in plan.config.seeds
    ]
    costs = [each.get("cost", {}) for each in found]
    return {**costs[0], **{key: sum(cost.get(key, 0) for cost in costs) for key in _OF_ALL}}
