"""Assembly: the readers, writers and predictors that a config asks for, made from plain values.

What a Ray actor needs is made here from a :class:`WorkerRecipe`, which is small and can be pickled.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from jobs.logs import start_log
from sgddiff_batch.config import ArchiveJobConfig
from sgddiff_batch.core.scene import Scene, escape_scene_id
from sgddiff_batch.engine.survey import Workers
from sgddiff_batch.engine.worker import Worker, tasks_in_flight
from sgddiff_batch.errors import ConfigError, SgddiffBatchError
from sgddiff_batch.io.archive import IgnoredFile
from sgddiff_batch.io.ledger import Fence, Lease, ObjectLedger, OnDamage, fenced, log_damage
from sgddiff_batch.io.mosaics import ZarrBlockWriter
from sgddiff_batch.io.scenes import CheckedReader, GeoTiffReader, GuardedReader, IsolatedReader
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.protocols import Predictor, SceneReader

PIXELS_VERSION = 2
"""Raised whenever the code changes the value of a pixel for the same scene, model and settings.

2: one rule for masks, stretches by samples in full resolution, fewer than 8 bits, WhiteIsZero.
"""


@dataclass(frozen=True, slots=True)
class WorkerRecipe:
    """Makes a worker in whatever process it is called: ``predictors`` of its tasks infer at once.

    ``fence`` is asked before the worker changes anything in the output.
    """

    config: ArchiveJobConfig
    device: str
    predictors: int = 1
    fence: Fence | None = None

    def __call__(self) -> Worker:
        """Load the network and open the stores."""
        start_log(logging.WARNING)  # in a Ray actor; where there is a log, it stays
        ledger = make_ledger(self.config, self.fence)
        return Worker(
            make_reader(self.config, ledger),
            make_predictor(self.config, self.device),
            ZarrBlockWriter(open_output(self.config, self.fence)),
            ledger,
            predictors=self.predictors,
        )


def open_output(config: ArchiveJobConfig, fence: Fence | None = None) -> Store:
    """Return the output; with a fence, nothing is changed there without asking it."""
    return fenced(open_store(config.output.uri), fence)


def check_output(uri: str) -> None:
    """Write an object to the output and remove it.

    Raises:
        ConfigError: if that is denied, or the output cannot be there.
    """
    store, probe = open_store(uri), "_ledger/probe~.json"
    try:
        store.write(probe, b"{}")
        store.delete(probe)
    except (SgddiffBatchError, OSError) as error:
        raise ConfigError(f"output.uri: cannot be written to: {error}") from error


def make_lease(config: ArchiveJobConfig, run_id: str) -> Lease:
    """Return the lease on the output, not taken yet."""
    alone = config.engine.kind == "local"
    return Lease(open_store(config.output.uri), run_id, config.lease.seconds, alone=alone)


def make_ledger(
    config: ArchiveJobConfig, fence: Fence | None = None, on_damage: OnDamage = log_damage
) -> ObjectLedger:
    """Return the ledger beside the output; ``on_damage`` takes note of its damaged records."""
    return ObjectLedger(open_output(config, fence), on_damage)


def make_reader(config: ArchiveJobConfig, ledger: ObjectLedger | None) -> SceneReader:
    """Return the reader of scenes; those that a process died of are read in a process of their own.

    Without a ledger it is the bare reader, which leaves no marks.
    """
    access = config.archive.query().access
    bare = GeoTiffReader(bands=config.input.bands, stretch=config.input.stretch, access=access)
    reader = CheckedReader(bare, access)
    if ledger is None:
        return reader
    return GuardedReader(reader, IsolatedReader(reader), ledger, frozenset(ledger.deaths()))


def missing_scene(file: IgnoredFile) -> Scene:
    """Return a scene that a list names and that is not there, so that it can be put into quarantine."""
    return Scene(escape_scene_id(file.path), file.path, "missing", 0)


def make_predictor(config: ArchiveJobConfig, device: str) -> Predictor:
    """Load the network onto a device, with the number of threads that belongs to its results."""
    from models.predictor import limit_threads, load_predictor

    limit_threads()
    return load_predictor(config.model.checkpoint, device, config.model.batch_tiles)


def resolve_device(config: ArchiveJobConfig) -> str:
    """Return cpu or cuda; auto is cuda where this process sees a GPU.

    Raises:
        ConfigError: if the local engine is to use a GPU and there is none.
    """
    import torch

    wanted, found = config.model.device, torch.cuda.is_available()
    if wanted == "auto":
        return "cuda" if found else "cpu"
    if wanted == "cuda" and not found and config.engine.kind == "local":
        raise ConfigError("model.device: is cuda, but PyTorch finds no GPU here; allowed are auto and cpu")
    return wanted


def resolve_workers(wanted: int | str, device: str) -> int:
    """Return how many predictors run at once on this machine: one a core, or one a GPU."""
    if isinstance(wanted, int):
        return wanted
    if device == "cpu":
        return max(1, len(os.sched_getaffinity(0)))
    import torch

    return max(1, torch.cuda.device_count())


def make_crew(config: ArchiveJobConfig, device: str, predictors: int, workers: int) -> Workers:
    """Return who works on a plan: ``workers`` processes with ``predictors`` each."""
    from models.predictor import BATCH_TILES

    batch_tiles = config.model.batch_tiles or BATCH_TILES[device]
    tiles = predictors * batch_tiles if device == "cpu" else 0
    memory = config.tiling.task_memory_bytes
    return Workers(workers, tasks_in_flight(predictors), memory, tiles * config.tiling.tile_px**2)


def pixel_settings(config: ArchiveJobConfig, device: str) -> dict[str, object]:
    """Return everything, besides the scene, that decides the value of a pixel.

    Raises:
        ConfigError: if the checkpoint cannot be used.
    """
    from models.checkpoint import CheckpointError
    from models.predictor import describe_predictor

    try:
        model = describe_predictor(config.model.checkpoint, device, config.model.batch_tiles)
    except CheckpointError as error:
        raise ConfigError(f"model.checkpoint: {error}") from None
    return {
        "pixels_version": PIXELS_VERSION,
        "model": model,
        "input": config.input.model_dump(mode="json"),
        "tile_px": config.tiling.tile_px,
        "overlap_px": config.tiling.overlap_px,
    }
