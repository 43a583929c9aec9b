"""The one file that joins the archive job to its network: where it works, what it is, how it is loaded."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from jobs.logs import start_log
from sgddiff_batch.config import ArchiveJobConfig
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.protocols import NetworkFacts, Predictor

ACTIVATION_BYTES_PER_PX = {"torch": 420, "openvino": 970}
"""Of a tile in the network on a CPU: the peak that was measured (380, 884), and a tenth."""


@dataclass(frozen=True, slots=True)
class Student:
    """The distilled network of a checkpoint, see :class:`sgddiff_batch.protocols.NetworkSource`.

    ``wanted``: auto, cpu or cuda; ``is_here``: whether it works in this process, and not on a cluster;
    ``tile_px``: the longest side of tiles, which a GPU is made ready for while other things are done.
    ``backend`` and ``precision``: as in a config.
    """

    checkpoint: str
    wanted: str
    batch_tiles: int | None
    is_here: bool
    tile_px: int | None = None
    backend: str = "torch"
    precision: str = "fp32"

    def device(self) -> str:
        """Return cpu or cuda; auto is cuda where this process sees a GPU."""
        import torch

        found = torch.cuda.is_available()
        if self.wanted == "auto":
            return "cuda" if found else "cpu"
        if self.wanted == "cuda" and not found and self.is_here:
            raise ConfigError(
                "model.device: is cuda, but PyTorch finds no GPU here; allowed are auto and cpu"
            )
        return self.wanted

    def describe(self, device: str) -> NetworkFacts:
        """Return the facts of the network on a device; its checkpoint is looked at, and not loaded."""
        from models.checkpoint import CheckpointError
        from models.predictor import BATCH_TILES, describe_predictor

        try:
            model = describe_predictor(
                self.checkpoint, device, self.batch_tiles, self.backend, self.precision, self.tile_px
            )
        except CheckpointError as error:
            raise ConfigError(f"model.checkpoint: {error}") from None
        except ValueError as error:
            raise ConfigError(f"model.backend: {str(error).removeprefix('model.backend: ')}") from None
        tiles = self.batch_tiles or BATCH_TILES[device]
        return NetworkFacts(model, tiles, _at_once(device), ACTIVATION_BYTES_PER_PX[self.backend])

    def load(self, device: str, predictors: int = 1) -> Predictor:
        """Load the network onto a device, with the number of threads that belongs to its results."""
        from models.predictor import limit_threads, load_predictor

        if not self.is_here:  # in a Ray actor; where there is a log, it stays
            start_log(logging.WARNING)
        limit_threads()
        return load_predictor(
            self.checkpoint,
            device,
            self.batch_tiles,
            predictors,
            self.tile_px,
            self.backend,
            self.precision,
        )


def _at_once(device: str) -> int:
    """Return how many predictors this machine has room for: one a core, or one a GPU."""
    if device == "cpu":
        return max(1, len(os.sched_getaffinity(0)))
    import torch

    return max(1, torch.cuda.device_count())


def network_called(name: str, device: str) -> Student:
    """Return the network of a checkpoint, for this process: what the entry point ``sgddiff.networks`` gives.

    name: one that ships, or a checkpoint folder, as ``model.checkpoint`` of a config. device: auto, cpu or
    cuda. Nothing is loaded, and nothing looked at.
    """
    return Student(name, device, None, is_here=True)


def network_of(config: ArchiveJobConfig) -> Student:
    """Return the network of a config; nothing is loaded, and nothing looked at."""
    model = config.model
    is_here = config.engine.kind == "local"
    return Student(
        model.checkpoint,
        model.device,
        model.batch_tiles,
        is_here,
        config.tiling.tile_px,
        model.backend,
        model.precision,
    )
