"""What a training is to do, as one value, and what is wrong with that before anything is trained.

A storage holds, for each seed and stage, `seed-N/STAGE/`: the state to go on from, the checkpoints `last` and
`best`, history, curves and contact sheet. `average/STAGE/` holds the mean of all
seeds, where it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.training.config import ORDER, StageName, TrainJobConfig
from jobs.training.events import Events
from jobs.training.storage import StoreStorage, read_checkpoint
from models.checkpoint import Checkpoint
from models.config import NetworkConfig
from models.data import Pair
from models.distillation import check_distillation
from models.mixing import Mix
from models.run import BEST, LAST
from models.sgddiff import SGDDiff
from models.storage import Below, Storage
from models.teacher import check_compatible
from models.worker import TrainingWorker
from sgddiff_batch.config import is_absolute
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.ledger import Fence, fenced
from sgddiff_batch.io.storage import Store, local_path, open_store

AVERAGE = "average"


def _nobody(values: Mapping[str, Any]) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who hears of a training besides the log and the storage.

    events: hears of it on the first worker. report: is called on every worker with a stage's scores.
    """

    events: Events
    report: Callable[[Mapping[str, Any]], None] = _nobody


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What every stage of every seed shares.

    source and validation: the pictures. facts: what a checkpoint says of them. worker: which one this is.
    fence: asked before each write whether this run still is the one that may.
    """

    config: TrainJobConfig
    source: Mix
    validation: Sequence[Pair]
    facts: Mapping[str, Any]
    worker: TrainingWorker
    listeners: Listeners
    fence: Fence

    @property
    def kept(self) -> str:
        """The checkpoint of a stage that others take."""
        return BEST if self.validation else LAST

    @property
    def store(self) -> Store:
        """Where everything is written, as long as no other run has taken it over."""
        return fenced(open_store(self.config.storage), self.fence)

    def storage(self, name: StageName, seed: int | None) -> Storage:
        """What lies at :meth:`root`."""
        return Below(StoreStorage(self.store), below(name, seed))

    def root(self, name: StageName, seed: int | None) -> str:
        """Where a seed's stage lies, or the average of the seeds for None; local or s3://."""
        return f"{self.config.storage.rstrip('/')}/{below(name, seed)}"

    def checkpoint(self, name: str, seed: int) -> Checkpoint:
        """A checkpoint by its name; that of an earlier stage is its best, or its last without validation."""
        if name not in ORDER:
            return read_checkpoint(name)
        return read_checkpoint(f"{self.root(name, None if self.config.average else seed)}/{self.kept}")


def below(name: StageName, seed: int | None) -> str:
    """The folder of a seed's stage within the storage, or of the average of the seeds for None."""
    return f"{AVERAGE if seed is None else f'seed-{seed}'}/{name}"


def shown(name: str | None) -> str:
    """A checkpoint's name as other people may see it: a local path without the folders it lies in."""
    if not name or local_path(name) is None or not is_absolute(name):
        return name or ""
    return "/".join(Path(name).parts[-3:])


def check_stages(config: TrainJobConfig, worker: TrainingWorker) -> None:
    """Find what is wrong with the stages before any of them is trained.

    Raises:
        ConfigError: of this package or of `models`, naming the stage and the key.
        CheckpointError: if a checkpoint that is named cannot be used.
    """
    if config.student.encoder:
        raise ConfigError("student.encoder: a student has its teacher's encoder; give teacher.encoder")
    if "student" in config.stages and "teacher" not in config.stages and not config.teacher.checkpoint:
        raise ConfigError("teacher.checkpoint: the student needs one, or the stage teacher before it")
    for name in ORDER:
        given = config.section(name).checkpoint
        if given in ORDER:
            raise ConfigError(
                f"{name}.checkpoint: {given} is a stage's name; write ./{given} for a folder of that name"
            )
    sizes: dict[str, NetworkConfig] = {}
    for index, name in enumerate(config.stages):
        section = config.section(name)
        settings = section.settings(config.seeds[0])
        sizes[name] = _buildable(name, section.sizes())
        worker.parts(settings.batch)
        multiple = sizes[name].multiple_px
        if settings.crops.crop_px % multiple:
            raise ConfigError(
                f"{name}.crops.crop_px: must be a multiple of {multiple} for this network, "
                f"got {settings.crops.crop_px}"
            )
        for key, given in (("init", section.init), ("encoder", section.encoder)):
            if given in ORDER and given not in config.stages[:index]:
                raise ConfigError(f"{name}.{key}: {given} is no earlier one of the stages {config.stages}")
            found = read_checkpoint(given).network.config if given and given not in ORDER else None
            if key == "encoder" and given:
                check_compatible(found or sizes[given], sizes[name])
        if section.checkpoint:
            raise ConfigError(f"{name}.checkpoint: {name} is one of the stages; take out it or this key")
    if "student" in config.stages:
        teacher = _teacher_sizes(config, sizes)
        check_compatible(teacher, sizes["student"])
        check_distillation(sizes["student"], teacher, config.student.settings(0).temperature)


def _buildable(name: StageName, sizes: NetworkConfig) -> NetworkConfig:
    """The sizes, if a network can be built of them; what its parts refuse is found before training."""
    try:
        SGDDiff(sizes)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"{name}.network: no network can be built of these sizes: {error}") from error
    return sizes


def _teacher_sizes(config: TrainJobConfig, sizes: Mapping[str, NetworkConfig]) -> NetworkConfig:
    given = config.teacher.checkpoint
    return read_checkpoint(given).network.config if given else sizes["teacher"]
