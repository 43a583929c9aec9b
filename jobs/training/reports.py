"""What a stage shows of itself: history, curves and a contact sheet beside its checkpoints."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.evaluation.contact_sheet import SheetRow, choose_rows, draw_contact_sheet
from jobs.training.config import StageName
from jobs.training.events import Events
from jobs.training.results.assessment import cost_of, record_assessment
from jobs.training.results.card_files import write_cards
from jobs.training.results.curves import draw_curves
from models.run import Listener, shown
from models.sgddiff import SGDDiff
from models.sod_metrics import score_map
from models.stages import StageState
from models.storage import Storage

if TYPE_CHECKING:
    from jobs.training.schedule import Lesson

log = logging.getLogger(__name__)

SHEET_ROWS = 8
NOT_LOSSES = ("pictures_per_s", "data_share", "left_s", "spent_s")
SHOWN_SCORES = ("step", "s", "max_f", "mean_f", "mae")
Map = NDArray[np.uint8]


class Teller:
    """Who is told besides the storage. `report` is called on every worker with a stage's scores."""

    def __init__(
        self, events: Events, report: Callable[[Mapping[str, Any]], None] = lambda values: None
    ) -> None:
        self.events, self.report = events, report


class Reporter(Listener):
    """Writes what a stage shows, and tells the events of it; only on the first worker."""

    def __init__(
        self, stage: StageName, seed: int, lesson: Lesson, storage: Storage, teacher: SGDDiff | None
    ) -> None:
        self.stage, self.seed, self.lesson, self.storage = stage, seed, lesson, storage
        self.teacher = teacher
        pairs = lesson.validation
        self.pairs = [pairs[i] for i in choose_rows(pairs, SHEET_ROWS, seed=0)]
        self.taught: list[Map] | None = None

    @property
    def name(self) -> str:
        """The stage's name for others; with the seed where there are several."""
        return self.stage if len(self.lesson.config.seeds) == 1 else f"seed-{self.seed}-{self.stage}"

    def logged(self, row: Mapping[str, float]) -> None:
        """Tell the events."""
        values = {name: value for name, value in row.items() if name != "step"}
        self.lesson.teller.events.losses(self.name, int(row["step"]), values)

    def validated(self, row: Mapping[str, float], state: StageState) -> None:
        """Write and tell; every worker reports to whoever started it."""
        if self.lesson.place.is_first:
            scores = {name: value for name, value in row.items() if name != "step"}
            self.lesson.teller.events.scores(self.name, int(row["step"]), scores)
            self._write(state)
        self.lesson.teller.report({"stage": self.name, **row})

    def finish(self, state: StageState) -> None:
        """Assess what was trained, unless that is done, and write the cards; on the first worker."""
        if self.lesson.place.is_first:
            if not self.lesson.validation:
                self._write(state)
            batch = self.lesson.config.section(self.stage).batch
            record_assessment(self.stage, self.seed, self.lesson, cost_of(self.lesson, state, batch))
            write_cards(self.lesson.store, self.stage)

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
            self.lesson.teller.events.picture(self.name, state.step, "contact sheet", sheet)

    def _sheet(self, state: StageState) -> bytes:
        section = self.lesson.config.section(self.stage)
        own = self._maps(state.average, section.validate_as)
        if self.teacher is not None and self.taught is None:
            self.taught = self._maps(self.teacher, self.lesson.config.teacher.validate_as)
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
