"""The rows of the ablation table: what each variant changes, and against which other it is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.config import NetworkConfig, with_settings
from models.presets import preset

DIRECT, TEACHER, STUDENT = "direct", "teacher", "student"
TEACHER_STEPS = 3
"""The teacher's steps beside its student: a multiple of 1 and of 3, and a third of the cost of its own 10."""
LABEL_CODES = 0.2
"""The share of crops of a direct run that start from their label's code; the others start from noise."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One row. `network` and `training` are settings by dotted name, on top of the kind's preset.

    kind: "direct" (a student on labels), "teacher" (stage 1) or "student" (stage 2). against: the row that it
    is compared with. times: multiples of the budget's steps. steps_shown: numbers of inference steps that it
    is scored with, the row's own first.
    """

    name: str
    what: str
    kind: str = DIRECT
    network: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    imagenet: bool = True
    against: str = "base"
    times: int = 1
    steps_shown: tuple[int, ...] = (1,)

    @property
    def config(self) -> NetworkConfig:
        """The network's sizes. Raises ConfigError for a setting that is not allowed."""
        name = "teacher" if self.kind == TEACHER else "student"
        # One trajectory: five cost five times as much, and noise is not what this table is about. The state
        # was carried by the presets that the table was begun with, before it said that this is of no use.
        base = {"diffusion.trajectories": 1, "encoder.carry_state": True}
        return with_settings(preset(name), {**base, **self.network})

    @property
    def train_settings(self) -> dict[str, Any]:
        """Changes to the defaults of the training."""
        return {**({"label_codes": LABEL_CODES} if self.kind == DIRECT else {}), **self.training}

    @property
    def settings(self) -> dict[str, Any]:
        """What goes into the results file, and is part of a run's identity."""
        return {
            "kind": self.kind,
            "network": dict(self.network),
            "training": self.train_settings,
            "imagenet": self.imagenet,
            "times": self.times,
            "steps_shown": list(self.steps_shown),
        }


def all_variants() -> list[Variant]:
    """Every row, in the order in which they run: what decides most comes first."""
    return [*_stages(), *_parts(), *_diffusion(), *_terms(), *_scans_and_stems(), *_codes()]


def _stages() -> list[Variant]:
    return [
        Variant("base", "the preset `student`, its state carried, on labels", steps_shown=(1, 3, 10)),
        Variant("teacher", "stage 1 alone", TEACHER, against="base", steps_shown=(10, 3, 1)),
        _student("distilled", "stage 2, all terms; the teacher's steps come on top", against="base"),
        Variant(
            "direct-long",
            "base with the steps of teacher and student together",
            against="distilled",
            times=2,
        ),
    ]


def _parts() -> list[Variant]:
    return [
        Variant("stem-conv", "conv stem, from scratch", network={"stem.kind": "conv"}, imagenet=False),
        Variant("scan-ssd", "SSD in place of S6, 1 state", network={"encoder.scan": "ssd"}),
        Variant(
            "layernorm",
            "LayerNorm in place of DyT, encoder and decoder",
            network={"encoder.norm": "layernorm", "decoder.norm": "layernorm"},
        ),
        Variant("state-dropped", "(h, c) not carried", network={"encoder.carry_state": False}),
        Variant("gdb-off", "no gated depthwise block", network={"encoder.gdb": False}),
    ]


def _diffusion() -> list[Variant]:
    shown = (1, 3, 10)
    scales = [
        Variant(
            f"bit-scale-{scale}",
            f"bit_scale {scale} (base .3)",
            network={"diffusion.bit_scale": scale},
            steps_shown=shown,
        )
        for scale in (0.01, 0.1, 1.0)
    ]
    return [
        *scales,
        Variant(
            "codes-none", "no crop gets its label's code: no diffusion at all", training={"label_codes": 0.0}
        ),
        Variant(
            "codes-all",
            "every crop starts from its label's code, as in DDP; 3 steps",
            training={"label_codes": 1.0},
            steps_shown=(3, 1, 10),
        ),
    ]


def _terms() -> list[Variant]:
    off: dict[str, Any] = {"weights.features": 0.0, "weights.trajectory": 0.0, "weights.logits": 0.0}
    return [
        _student("distilled-3", "distilled and run with 3 steps", {"diffusion.steps": 3}, steps=(3, 1)),
        _student("no-features", "distilled, feature term off", training=_only(off, "features")),
        _student("no-trajectory", "distilled, trajectory term off", training=_only(off, "trajectory")),
        _student("no-logits", "distilled, logit term off", training=_only(off, "logits")),
        _student("no-terms", "teacher's encoder, frozen; labels only", training=off),
        Variant("iou-off", "BCE without soft IoU", training={"weights.iou": 0.0, "weights.coarse_iou": 0.0}),
    ]


def _scans_and_stems() -> list[Variant]:
    return [
        Variant(
            "scan-ssd-16",
            "SSD with 16 states",
            network={"encoder.scan": "ssd", "encoder.d_state": 16},
        ),
        Variant(
            "stem-scratch",
            "the base's stem without ImageNet (its norms stay frozen at 1)",
            training={"stem_rate": 1.0},
            imagenet=False,
        ),
        Variant("scan-s6-16", "S6 with 16 states", network={"encoder.d_state": 16}),
    ]


def _codes() -> list[Variant]:
    """Where every crop starts from its label's code, bit_scale decides how much of it the noise hides."""
    return [
        Variant(
            f"codes-all-{scale}",
            f"codes-all with bit_scale {scale}",
            network={"diffusion.bit_scale": scale},
            training={"label_codes": 1.0},
            against="codes-all",
            steps_shown=(3, 1, 10),
        )
        for scale in (0.01, 1.0)
    ]


def _student(
    name: str,
    what: str,
    network: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    against: str = "distilled",
    steps: tuple[int, ...] = (1,),
) -> Variant:
    learned = {"teacher_steps": TEACHER_STEPS, **(training or {})}
    return Variant(name, what, STUDENT, network or {}, learned, against=against, steps_shown=steps)


def _only(off: Mapping[str, Any], term: str) -> dict[str, Any]:
    return {f"weights.{term}": off[f"weights.{term}"]}
