"""What a stage shows of itself beside its checkpoints: history, curves, a contact sheet, its assessment."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.evaluation.contact_sheet import SheetRow, choose_rows, draw_contact_sheet
from jobs.training.config import StageName
from jobs.training.plan import TrainingPlan
from jobs.training.results import (
    ASSESSMENT_NAME,
    assess,
    assessment_of,
    calibrate_kept,
    device_name,
    draw_curves,
    is_assessed,
    write_cards,
)
from jobs.training.storage import StoreStorage, read_checkpoint
from models.checkpoint import FACTS_NAME
from models.run import Listener, shown
from models.sgddiff import SGDDiff
from models.sod_metrics import score_map
from models.stages import StageState
from models.storage import Below, Storage
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.storage import Store
from sgddiff_batch.io.trainings import PAGE_NAME, training_page_of

log = logging.getLogger(__name__)

SHEET_ROWS = 8
NOT_LOSSES = ("pictures_per_s", "data_share", "left_s", "spent_s")
SHOWN_SCORES = ("step", "s", "max_f", "mean_f", "mae")
Map = NDArray[np.uint8]


class Reporter(Listener):
    """Writes what a stage shows, and passes it on to the listeners."""

    def __init__(
        self, stage: StageName, seed: int, plan: TrainingPlan, storage: Storage, teacher: SGDDiff | None
    ) -> None:
        self.stage, self.seed, self.plan, self.storage = stage, seed, plan, storage
        self.teacher = teacher
        pairs = plan.validation
        self.pairs = [pairs[i] for i in choose_rows(pairs, SHEET_ROWS, seed=0)]
        self.taught: list[Map] | None = None

    @property
    def name(self) -> str:
        """The stage's name for others; with the seed where there are several."""
        return self.stage if len(self.plan.config.seeds) == 1 else f"seed-{self.seed}-{self.stage}"

    def logged(self, row: Mapping[str, float]) -> None:
        """Pass losses on."""
        values = {name: value for name, value in row.items() if name != "step"}
        self.plan.listeners.events.losses(self.name, int(row["step"]), values)

    def validated(self, row: Mapping[str, float], state: StageState) -> None:
        """Write and pass on scores; every worker reports to whoever started it."""
        if self.plan.worker.is_first:
            scores = {name: value for name, value in row.items() if name != "step"}
            self.plan.listeners.events.scores(self.name, int(row["step"]), scores)
            self._write(state)
            write_training_page(self.plan.store)
        self.plan.listeners.report({"stage": self.name, **row})

    def finish(self, state: StageState) -> None:
        """Assess what was trained, unless that is done, and write the cards; on the first worker."""
        if self.plan.worker.is_first:
            if not self.plan.validation:
                self._write(state)
            elif self.plan.config.section(self.stage).calibrate:
                self._calibrate()
            batch = self.plan.config.section(self.stage).batch
            record_assessment(self.stage, self.seed, self.plan, cost_of(self.plan, state, batch))
            write_cards(self.plan.store, self.stage)
            write_training_page(self.plan.store)

    def _calibrate(self) -> None:
        kept = read_checkpoint(f"{self.plan.root(self.stage, self.seed)}/{self.plan.kept}")
        kept.network.to(self.plan.worker.device)
        place = Below(self.storage, self.plan.kept)
        calibrate_kept(kept, place, self.plan.validation, self.plan.config.section(self.stage).validate_as)

    def _write(self, state: StageState) -> None:
        losses = [
            {name: value for name, value in row.items() if name not in NOT_LOSSES}
            for row in state.history["losses"]
        ]
        scores = [
            {name: row[name] for name in SHOWN_SCORES if name in row} for row in state.history["scores"]
        ]
        self.storage.write("history.json", (json.dumps(state.history, indent=1) + "\n").encode())
        self.storage.write("curves.png", draw_curves(losses, scores, f"{self.name}, seed {self.seed}"))
        if self.pairs:
            sheet = self._sheet(state)
            self.storage.write("contact-sheet.png", sheet)
            self.plan.listeners.events.picture(self.name, state.step, "contact sheet", sheet)

    def _sheet(self, state: StageState) -> bytes:
        section = self.plan.config.section(self.stage)
        own = self._maps(state.average, section.validate_as)
        if self.teacher is not None and self.taught is None:
            self.taught = self._maps(self.teacher, self.plan.config.teacher.validate_as)
        nothing: list[Map | None] = [None] * len(own)
        taught = own if self.stage == "teacher" else self.taught or nothing
        learnt = nothing if self.stage == "teacher" else own
        rows = []
        for pair, teacher, student, scored in zip(self.pairs, taught, learnt, own, strict=True):
            measures = score_map(scored, pair.mask).measures
            caption = f"S {measures.s:.3f}  max F {measures.max_f:.3f}  MAE {measures.mae:.4f}"
            rows.append(SheetRow(pair.name, (pair.pixels, pair.mask, teacher, student), caption))
        return draw_contact_sheet(rows, ("picture", "label", "teacher", "student"))

    @torch.inference_mode()
    def _maps(self, network: SGDDiff, validate_as: tuple[int, int] | None) -> list[Map]:
        """Maps 0..255 (H, W) of the pictures shown."""
        view = shown(network, validate_as).eval()
        device = view.noise_field.device
        return [
            (view(torch.from_numpy(pair.pixels)[None].to(device))[0, 0] * 255)
            .round()
            .to(torch.uint8)
            .cpu()
            .numpy()
            for pair in self.pairs
        ]


def write_training_page(store: Store) -> None:
    """Write the page of a training beside its seeds; what hinders it is no fault of the training."""
    try:
        page = training_page_of(store)
        if StoreStorage(store).read(PAGE_NAME) != page:
            store.write(PAGE_NAME, page)
    except FatalError:
        raise
    except Exception as error:
        log.warning("the training's page could not be written: %s", on_one_line(error))
        log.debug("where the training's page stopped:", exc_info=True)


def record_assessment(
    stage: StageName, seed: int | None, plan: TrainingPlan, cost: Mapping[str, Any]
) -> None:
    """Assess a finished stage's best checkpoint, or its last without validation, and write what came out.

    seed: None for the average of the seeds. Does nothing where that was done before for the same tensors, in
    the same way.
    """
    storage, kept, pairs = plan.storage(stage, seed), plan.kept, plan.validation
    digest = json.loads(storage.read(f"{kept}/{FACTS_NAME}") or b"{}").get("digest")
    validate_as = plan.config.section(stage).validate_as
    if is_assessed(storage.read(ASSESSMENT_NAME), digest, len(pairs), validate_as):
        return
    if pairs:
        log.info("assessing %s on %d validation pictures, tile by tile", kept, len(pairs))
    checkpoint = read_checkpoint(f"{plan.root(stage, seed)}/{kept}")
    network = checkpoint.network.to(plan.worker.device)
    scores = assess(network, pairs, _names(plan), validate_as) if pairs else None
    storage.write(ASSESSMENT_NAME, assessment_of(stage, seed, kept, checkpoint, validate_as, scores, cost))


def _names(plan: TrainingPlan) -> list[str]:
    """The names of the validation pictures; those of the facts tell the sets of a mix apart."""
    own = [pair.name for pair in plan.validation]
    given = [str(name) for name in plan.facts.get("validation", ())]
    return given if len(given) == len(own) else own


def cost_of(plan: TrainingPlan, state: StageState, batch: int) -> dict[str, Any]:
    """What a stage's training cost so far, as plain values."""
    worker, engine = plan.worker, plan.config.engine
    return {
        "spent_s": state.spent_s,
        "steps": state.step,
        "crops": state.step * batch,
        "workers": worker.workers,
        "device": device_name(worker.device),
        "threads": engine.threads if worker.device.type == "cpu" else None,
        "precision": worker.precision,
    }
