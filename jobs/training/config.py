"""The config of the training job: typed, whole, read once.

What can be set of a stage is what `models.training.TrainSettings` holds; its sections are made from there.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, get_type_hints

from pydantic import BaseModel, Field, create_model, model_validator

from models.checkpoint import SHIPPED
from models.config import NetworkConfig, with_settings
from models.crops import CropSettings
from models.distillation import DistillWeights
from models.presets import preset
from models.training import TrainSettings
from sgddiff_batch.config import Section, Uri, is_absolute, read_config
from sgddiff_batch.errors import ConfigError

StageName = Literal["direct", "teacher", "student"]
ORDER: tuple[StageName, ...] = ("direct", "teacher", "student")


def _section_of(name: str, kind: type, leave_out: frozenset[str] = frozenset()) -> type[BaseModel]:
    """A section with the fields and defaults of a dataclass."""
    hints = get_type_hints(kind)
    found: dict[str, Any] = {}
    for each in dataclasses.fields(kind):
        if each.name not in leave_out:
            default = ... if each.default is dataclasses.MISSING else each.default
            found[each.name] = (hints[each.name], default)
    return create_model(name, __base__=Section, **found)


CropsSection = _section_of("CropsSection", CropSettings)
WeightsSection = _section_of("WeightsSection", DistillWeights)
_Settings = _section_of("_Settings", TrainSettings, frozenset({"steps", "seed", "crops", "weights"}))


class StageSection(_Settings):  # type: ignore[misc, valid-type]
    """One stage: the network's preset and changes to it, how to train it, and what to begin with.

    ``init``: a checkpoint, or an earlier stage of this run, whose tensors are taken where they fit.
    ``encoder``: a checkpoint, or an earlier stage, whose stem and encoder are taken and kept as they are (not
    for a student, which has its teacher's). ``checkpoint``: in place of training this stage, for later ones.
    ``calibrate``: at the end, set the last logits of what is kept by the validation pictures, for higher S.
    """

    name: ClassVar[StageName]
    preset: str
    network: dict[str, Any] = Field(default_factory=dict)
    init: str | None = None
    encoder: str | None = None
    checkpoint: str | None = None
    calibrate: bool = False
    steps: int = 2000
    crops: CropsSection = CropsSection()  # type: ignore[valid-type]
    weights: WeightsSection = WeightsSection()  # type: ignore[valid-type]

    def settings(self, seed: int) -> TrainSettings:
        """The settings as the training knows them. Raises ConfigError."""
        own = {each.name for each in dataclasses.fields(TrainSettings)} - {"seed", "crops", "weights"}
        values: dict[str, Any] = {name: getattr(self, name) for name in own}
        crops = CropSettings(**self.crops.model_dump())  # type: ignore[attr-defined]
        weights = DistillWeights(**self.weights.model_dump())  # type: ignore[attr-defined]
        return TrainSettings(**values, seed=seed, crops=crops, weights=weights)

    def sizes(self) -> NetworkConfig:
        """The sizes of the network. Raises models' ConfigError for an unknown preset or change."""
        try:
            return with_settings(preset(self.preset), self.network)
        except TypeError as error:
            raise ConfigError(f"{self.name}.network: {self.network}: {error}") from error


class DirectSection(StageSection):
    """A student on labels alone: what distillation is compared with."""

    name: ClassVar[StageName] = "direct"
    preset: str = "student"
    label_codes: float = 0.2
    rate: float = 1e-3


class TeacherSection(StageSection):
    """The teacher. Validated with one step and one trajectory, because all of its own are slow."""

    name: ClassVar[StageName] = "teacher"
    preset: str = "teacher"
    validate_as: tuple[int, int] | None = (1, 1)


class StudentSection(StageSection):
    """The student on its teacher's encoder."""

    name: ClassVar[StageName] = "student"
    preset: str = "student"


class DataSetSection(Section):
    """A data set by its root, in one of the usual layouts, or by its two folders; local or s3://."""

    uri: str = ""
    weight: float = 1.0
    images: str = ""
    labels: str = ""


class DataSection(Section):
    """What to train on. ``validation`` pictures are held out of it by a draw of its own seed."""

    sets: tuple[DataSetSection, ...] = Field(min_length=1)
    validation: int = Field(default=40, ge=0)
    validation_seed: int = Field(default=0, ge=0)
    cache: str = "~/.cache/sgddiff_batch/training"


class EngineSection(Section):
    """Who trains: this process (local) or Ray Train's workers (ray), one a GPU, or several on CPUs.

    ``accumulate``: parts that a worker cuts its share of a batch into. ``threads``: CPU threads a worker.
    ``failures``: how often workers that died are started again.
    """

    kind: Literal["local", "ray"] = "local"
    workers: int = Field(default=1, ge=1, le=1024)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    accumulate: int = Field(default=1, ge=1)
    threads: int = Field(default=1, ge=1)
    failures: int = Field(default=3, ge=0)

    @model_validator(mode="after")
    def _one_worker_here(self) -> EngineSection:
        if self.kind == "local" and self.workers != 1:
            raise ValueError(f"engine.kind local is one worker, got workers {self.workers}; use kind: ray")
        return self


class EventsSection(Section):
    """Who hears of it besides the log: TensorBoard's folder, classes ("package.module:Class") of
    ``jobs.training.events.Events``, and of Ray Train's callbacks.
    """

    tensorboard: str | None = None
    classes: tuple[str, ...] = ()
    ray_callbacks: tuple[str, ...] = ()


class TrainJobConfig(Section):
    """Everything that ``sgddiff train`` reads. ``data.sets`` and ``storage`` are required.

    ``average``: train each stage with all seeds before the next one, and write the mean of the seeds' weights
    beside them; a later stage takes that mean. It is worth something where the seeds begin with the same
    weights (``init``).
    """

    data: DataSection
    storage: Uri
    stages: tuple[StageName, ...] = Field(default=("teacher", "student"), min_length=1)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    average: bool = False
    direct: DirectSection = DirectSection()
    teacher: TeacherSection = TeacherSection()
    student: StudentSection = StudentSection()
    engine: EngineSection = EngineSection()
    events: EventsSection = EventsSection()

    @model_validator(mode="after")
    def _stages_follow_each_other(self) -> TrainJobConfig:
        if list(self.stages) != [name for name in ORDER if name in self.stages]:
            raise ValueError(f"stages must be some of {', '.join(ORDER)}, in this order, got {self.stages}")
        if len(set(self.seeds)) != len(self.seeds) or any(seed < 0 for seed in self.seeds):
            raise ValueError(f"seeds must be different and at least 0, got {self.seeds}")
        if self.average and len(self.seeds) == 1:
            raise ValueError(f"average: there must be several seeds to average, got {self.seeds}")
        wanting = [name for name in self.stages if self.section(name).calibrate]
        if wanting and not self.data.validation:
            raise ValueError(f"{wanting[0]}.calibrate: needs validation pictures, got data.validation 0")
        if wanting and self.average:
            raise ValueError(
                f"{wanting[0]}.calibrate: a mean of seeds is not calibrated; leave one of both out"
            )
        return self

    def section(self, name: StageName) -> StageSection:
        """The section of a stage."""
        section: StageSection = getattr(self, name)
        return section


def load_train_config(
    path: str, assignments: tuple[str, ...] = (), *, under_ray_job: bool = False
) -> TrainJobConfig:
    """Read a config file and lay ``key=value`` assignments over it; relative paths count from the file.

    Raises:
        ConfigError: naming the key, what was found, and what is allowed.
    """
    config = read_config(TrainJobConfig, path, assignments)
    if under_ray_job and not is_absolute(config.storage):
        raise ConfigError(
            f"storage is the relative path {config.storage!r}, and a Ray job runs in a temporary copy of the "
            "working directory: give an absolute path or s3://"
        )
    return _resolve(config, Path(path).absolute().parent)


def _resolve(config: TrainJobConfig, folder: Path) -> TrainJobConfig:
    def resolve(uri: str) -> str:
        home = os.path.expanduser(uri)  # noqa: PTH111 - URIs are no paths
        return home if not uri or is_absolute(home) else os.path.normpath(folder / home)

    def checkpoint(name: str | None) -> str | None:
        return name if name is None or name in (*SHIPPED, *ORDER) else resolve(name)

    sets = tuple(
        each.model_copy(update={key: resolve(getattr(each, key)) for key in ("uri", "images", "labels")})
        for each in config.data.sets
    )
    changes: Mapping[str, Any] = {
        "data": config.data.model_copy(update={"sets": sets, "cache": resolve(config.data.cache)}),
        "storage": resolve(config.storage),
        **{
            name: section.model_copy(
                update={key: checkpoint(getattr(section, key)) for key in ("init", "encoder", "checkpoint")}
            )
            for name, section in ((name, config.section(name)) for name in ORDER)
        },
    }
    if config.events.tensorboard is not None:
        board = resolve(config.events.tensorboard)
        changes = {**changes, "events": config.events.model_copy(update={"tensorboard": board})}
    return config.model_copy(update=dict(changes))
