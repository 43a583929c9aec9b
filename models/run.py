"""A training from its first step to its last: the loop, the checkpoints by validation, the saved state."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from .augmentation import Window, augment
from .checkpoint import save_checkpoint
from .config import with_settings
from .crops import draw_windows
from .data import Pair
from .mixing import Mix
from .prefetch import Ahead
from .sgddiff import SGDDiff
from .sod_metrics import Measures, ScoreSums, score_map
from .stages import StageState
from .steps import spread, stage_step
from .storage import Below, Storage
from .training import TrainingError, TrainSettings, learning_rate
from .worker import TrainingWorker

log = logging.getLogger(__name__)

STATE_NAME = "state.train"
BEST, LAST = "best", "last"
STEPS = ""
"""Under what `StageState.sums` counts the steps that it sums over."""


class Listener:
    """Is told how a training goes; every method may be left as it is."""

    def stepped(self, step: int, losses: Mapping[str, float]) -> None:
        """After every step, on the first worker: its number, from 1, and the losses by name."""

    def logged(self, row: Mapping[str, float]) -> None:
        """Every `log_every` steps, on the first worker: step, rate, mean losses, speed, time left."""

    def validated(self, row: Mapping[str, float], state: StageState) -> None:
        """After a validation, on every worker: step and measures of the state's average."""


@dataclass(frozen=True)
class Run:
    """What a training works with. `facts` go into its checkpoints, for people."""

    source: Mix
    validation: Sequence[Pair]
    settings: TrainSettings
    storage: Storage
    facts: Mapping[str, Any] = field(default_factory=dict)
    worker: TrainingWorker = field(default_factory=TrainingWorker)
    listener: Listener = field(default_factory=Listener)
    clock: Callable[[], float] = time.monotonic

    @cached_property
    def data(self) -> str:
        """The digest of the training pictures, which takes about 2 ms a megapixel."""
        return data_digest(self.source)


def train(state: StageState, run: Run) -> StageState:
    """Go on from the saved state, if there is one, to the last step. Writes state, `last` and `best`.

    Raises TrainingError for a state of another run, and where the loss is no longer a number.
    """
    load_state(run, state)
    settings, worker = run.settings, run.worker
    wrapped = spread(state, worker)
    meter = _Meter(run, state.step)
    with Ahead(partial(draw_parts, run), state.step, settings.steps - 1) as ahead:
        while state.step < settings.steps:
            crops = [augment(windows, worker.device) for windows in ahead.take()]
            losses = stage_step(state, crops, settings, worker, wrapped)
            meter.add(state, losses, ahead.waited_s)
            if state.step % settings.validate_every == 0 or state.step == settings.steps:
                _validate_and_keep(state, run)
            if worker.is_first:
                if meter.save_is_due(state.step):
                    save_state(run, state)
                run.listener.stepped(state.step, losses)
    return state


def draw_parts(run: Run, step: int) -> list[Sequence[Window]]:
    """What this worker's parts of a step's batch are made of; cheap, and on the host."""
    settings = run.settings
    return [
        draw_windows(run.source, len(part), settings.crops, settings.seed, step, part.start)
        for part in run.worker.parts(settings.batch)
    ]


@torch.inference_mode()
def validate(network: SGDDiff, pairs: Sequence[Pair], worker: TrainingWorker | None = None) -> Measures:
    """Measures over whole pictures with objects; workers share them. The same on every worker.

    Pictures without objects are left out: S, F and E do not mean anything there. Raises ValueError where
    none is left.
    """
    worker = worker or TrainingWorker()
    pairs = [pair for pair in pairs if pair.mask.any()]
    network.eval()
    device = network.noise_field.device
    scores = []
    for pair in pairs[worker.rank :: worker.workers]:
        saliency = network(torch.from_numpy(pair.pixels)[None].to(device))[0, 0]
        scores.append(score_map((saliency * 255).round().to(torch.uint8).cpu().numpy(), pair.mask))
    return ScoreSums.from_vector(worker.sum(ScoreSums.over(scores).as_vector())).means()


def shown(network: SGDDiff, validate_as: tuple[int, int] | None) -> SGDDiff:
    """The network with the (steps, trajectories) to validate with; itself for None."""
    if validate_as is None:
        return network
    changes = dict(zip(("diffusion.steps", "diffusion.trajectories"), validate_as, strict=True))
    view = SGDDiff(with_settings(network.config, changes)).to(network.noise_field.device)
    view.load_state_dict(network.state_dict())
    return view.eval()


def save_state(run: Run, state: StageState) -> None:
    """Write everything needed to go on, whole or not at all."""
    content = {**state.saved(), "settings": asdict(run.settings), "data": run.data}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    run.storage.write(STATE_NAME, buffer.getvalue())


def load_state(run: Run, state: StageState) -> bool:
    """Continue `state` from the run's storage if one lies there; it is read without unpickling code.

    Raises TrainingError where it is damaged, or of another run, other data or other sizes.
    """
    data = run.storage.read(STATE_NAME)
    if data is None:
        return False
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        _check_same_run(content, run)
        state.restore(content)
    except TrainingError as error:
        raise TrainingError(f"{STATE_NAME} {error}; give this run a place of its own") from error
    except _DAMAGED as error:
        raise TrainingError(
            f"{STATE_NAME} cannot be read, or is of other sizes: {error}; remove it to start anew"
        ) from error
    if run.worker.is_first:
        log.info("resumed at step %d", state.step)
    return True


def data_digest(source: Mix) -> str:
    """What a state says of the pictures it was trained on: SHA-256 over weights, names, pixels and masks.

    The same whatever folders and files the pictures lie in.
    """
    digest = hashlib.sha256()
    for weight, pairs in zip(source.weights, source.sets, strict=True):
        digest.update(repr((weight, len(pairs))).encode())
        for pair in pairs:
            digest.update(repr((pair.name, pair.mask.shape)).encode())
            digest.update(np.ascontiguousarray(pair.pixels).data)
            digest.update(np.ascontiguousarray(pair.mask).data)
    return digest.hexdigest()


def _check_same_run(content: Mapping[str, Any], run: Run) -> None:
    found = run.settings.differences(content["settings"])
    if content["data"] != run.data:
        found.append("the training pictures or their weights are others")
    if found:
        raise TrainingError("is of another run: " + "; ".join(found))


def _validate_and_keep(state: StageState, run: Run) -> None:
    """Score the average, if there is anything to score it on, and keep it as `last` and perhaps as `best`."""
    measures = {}
    if any(pair.mask.any() for pair in run.validation):
        measures = asdict(
            validate(shown(state.average, run.settings.validate_as), run.validation, run.worker)
        )
    better = measures.get("s", -1.0) > state.best
    if better:
        state.best = measures["s"]
    if run.worker.is_first:
        _keep(state, run, measures, (LAST, BEST) if better else (LAST,))
    if measures:
        row = {"step": float(state.step), **measures}
        state.history["scores"].append(row)
        if run.worker.is_first:
            log.info("validation %s", " ".join(f"{k} {v:.4f}" for k, v in row.items() if k in SHOWN))
        run.listener.validated(row, state)


def _keep(state: StageState, run: Run, measures: Mapping[str, float], names: Sequence[str]) -> None:
    facts = {
        **state.facts(),
        "step": state.step,
        "validation": dict(measures),
        "settings": json.loads(json.dumps(asdict(run.settings))),
    }
    for name in names:
        save_checkpoint(Below(run.storage, name), state.average, run.facts, facts)


_DAMAGED = (
    *(OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, EOFError),
    UnpicklingError,
)
SHOWN = ("step", "s", "max_f", "mean_f", "mae")


class _Meter:
    """Counts steps, losses and seconds of this process, and says when a state is due."""

    def __init__(self, run: Run, first: int) -> None:
        self.run, self.first = run, first
        self.began = self.saved = self.counted = run.clock()

    def add(self, state: StageState, losses: Mapping[str, float], waited_s: float) -> None:
        """Take in a step, and log where it is time to."""
        now = self.run.clock()
        state.spent_s, self.counted = state.spent_s + now - self.counted, now
        for name, value in {STEPS: 1.0, **losses}.items():
            state.sums[name] = state.sums.get(name, 0.0) + value
        if state.step % self.run.settings.log_every == 0 or state.step == self.run.settings.steps:
            self._log(state, waited_s)

    def save_is_due(self, step: int) -> bool:
        """Whether so much time went by, or the run is at its end."""
        due = self.run.clock() - self.saved > self.run.settings.save_every_s
        if due or step == self.run.settings.steps:
            self.saved = self.run.clock()
            return True
        return False

    def _log(self, state: StageState, waited_s: float) -> None:
        settings, seconds = self.run.settings, max(self.run.clock() - self.began, 1e-9)
        a_step_s = seconds / max(state.step - self.first, 1)
        count = state.sums.pop(STEPS)
        row = {
            "step": float(state.step),
            "rate": learning_rate(state.step - 1, settings),
            **{name: value / count for name, value in state.sums.items()},
            "pictures_per_s": settings.batch / a_step_s,
            "data_share": waited_s / seconds,
            "left_s": (settings.steps - state.step) * a_step_s,
            "spent_s": state.spent_s,
        }
        state.sums = {}
        state.history["losses"].append(row)
        if self.run.worker.is_first:
            log.info(_sentence(row, settings.steps))
            self.run.listener.logged(row)


def _sentence(row: Mapping[str, float], steps: int) -> str:
    own = ("step", "rate", "pictures_per_s", "data_share", "left_s", "spent_s")
    losses = " ".join(f"{name} {value:.4f}" for name, value in row.items() if name not in own)
    return (
        f"step {row['step']:.0f}/{steps} {losses} rate {row['rate']:.2e} pictures/s "
        f"{row['pictures_per_s']:.2f} waiting {row['data_share']:.1%} left {row['left_s'] / 60:.0f} min"
    )
