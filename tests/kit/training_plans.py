"""Plans of tiny trainings, with pictures from memory and ears that keep what they hear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jobs.training.config import TrainJobConfig
from jobs.training.plan import Listeners, TrainingPlan
from models.data import Pair, make_pair
from models.mixing import Mix
from models.worker import TrainingWorker

STAGE = {
    "preset": "tiny",
    "steps": 1,
    "batch": 2,
    "warmup": 1,
    "validate_every": 1,
    "log_every": 1,
    "crops": {"crop_px": 32},
}


@dataclass
class HeardEvents:
    """Keeps what it hears: the kind, the stage and the step; and the names of the values."""

    heard: list[tuple[str, str, int]] = field(default_factory=list)
    names: dict[str, set[str]] = field(default_factory=dict)
    closed: int = 0

    def losses(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        self._hear("losses", stage, step, values)

    def scores(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        self._hear("scores", stage, step, values)

    def picture(self, stage: str, step: int, name: str, png: bytes) -> None:
        assert png.startswith(b"\x89PNG")
        self._hear("picture", stage, step, {name: 0.0})

    def close(self) -> None:
        self.closed += 1

    def _hear(self, kind: str, stage: str, step: int, values: Mapping[str, float]) -> None:
        self.heard.append((kind, stage, step))
        self.names.setdefault(kind, set()).update(values)


class OpenFence:
    """Lets everybody write, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0

    def check(self) -> None:
        self.asked += 1


def make_pairs(count: int, first: int = 0) -> tuple[Pair, ...]:
    """Noise with a bright square that the label marks."""
    pairs = []
    for number in range(first, first + count):
        mask = np.zeros((40, 40), bool)
        mask[8:24, 8:24] = True
        pixels = np.random.default_rng(number).integers(0, 100, (3, 40, 40), dtype=np.uint8)
        pairs.append(make_pair(f"{number:02}", pixels + mask.astype(np.uint8) * 127, mask))
    return tuple(pairs)


def config_of(storage: Path, /, **changes: object) -> TrainJobConfig:
    """Return the config of a training of one step a stage."""
    tree: dict[str, object] = {
        "data": {"sets": [{"uri": "/nowhere"}]},
        "storage": str(storage),
        "stages": ["direct"],
        **dict.fromkeys(("direct", "teacher", "student"), STAGE),
        "engine": {"device": "cpu"},
    }
    return TrainJobConfig.model_validate({**tree, **changes})


def plan_of(
    storage: Path,
    /,
    validation: Sequence[Pair] = (),
    worker: TrainingWorker | None = None,
    facts: Mapping[str, Any] | None = None,
    **changes: object,
) -> TrainingPlan:
    """Return a plan over four pictures; its events and its fence keep what they are told."""
    given = facts or {"training": 4, "validation": [pair.name for pair in validation], "sets": []}
    return TrainingPlan(
        config=config_of(storage, **changes),
        source=Mix((make_pairs(4),), (1.0,)),
        validation=validation,
        facts=given,
        worker=worker or TrainingWorker(),
        listeners=Listeners(HeardEvents()),
        fence=OpenFence(),
    )
