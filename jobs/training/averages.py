"""The mean of a stage's seeds: its checkpoint, its assessment and its card, beside theirs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jobs.training.config import StageName
from jobs.training.results.assessment import ASSESSMENT_NAME, read_assessment, record_assessment
from jobs.training.results.card_files import write_cards
from jobs.training.storage import read_checkpoint
from models.averaging import average_networks
from models.checkpoint import FACTS_NAME, Checkpoint, save_checkpoint
from models.run import shown, validate
from models.storage import Below, Storage

if TYPE_CHECKING:
    from jobs.training.schedule import Lesson

log = logging.getLogger(__name__)

_OF_ALL = ("spent_s", "steps", "crops")


def write_average(lesson: Lesson, name: StageName) -> None:
    """Average what the seeds' finished stage kept; written whole or not at all, and the same when repeated.

    Raises:
        CheckpointError: if a seed's checkpoint is gone or damaged.
    """
    found = {
        str(seed): read_checkpoint(f"{lesson.root(name, seed)}/{lesson.kept}") for seed in lesson.config.seeds
    }
    digests = {seed: each.digest for seed, each in found.items()}
    storage = Below(lesson.storage(name, None), lesson.kept)
    if _averaged(storage) != digests:
        _write_mean(lesson, name, list(found.values()), digests, storage)
    record_assessment(name, None, lesson, _cost(lesson, name))
    write_cards(lesson.store, name)


def _averaged(storage: Storage) -> Mapping[str, str] | None:
    """The digests by seed of what was averaged before, None if nothing was."""
    facts = json.loads(storage.read(FACTS_NAME) or b"{}")
    digests: Mapping[str, str] | None = facts.get("training", {}).get("average_of")
    return digests


def _write_mean(
    lesson: Lesson,
    name: StageName,
    found: Sequence[Checkpoint],
    digests: Mapping[str, str],
    storage: Storage,
) -> None:
    mean = average_networks([each.network for each in found]).to(lesson.place.device)
    measures: Mapping[str, float] = {}
    if any(pair.mask.any() for pair in lesson.validation):
        view = shown(mean, lesson.config.section(name).validate_as)
        measures = asdict(validate(view, lesson.validation))
        log.info("average of %d seeds, %s: validation s %.4f", len(found), name, measures["s"])
    training = {**found[0].training, "average_of": dict(digests), "validation": dict(measures)}
    save_checkpoint(storage, mean, found[0].data, training)


def _cost(lesson: Lesson, name: StageName) -> dict[str, Any]:
    """What all seeds cost together."""
    told = [
        read_assessment(lesson.storage(name, seed).read(ASSESSMENT_NAME)) or {}
        for seed in lesson.config.seeds
    ]
    costs = [each.get("cost", {}) for each in told]
    return {**costs[0], **{key: sum(cost.get(key, 0) for cost in costs) for key in _OF_ALL}}
