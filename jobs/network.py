"""The one file that joins the archive job to its network: where it works, what it is, how it is loaded."""

from __future__ import annotations

import importlib.util
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
    ``precision``, ``kernels``, ``backend``: as in a config.
    """

    checkpoint: str
    wanted: str
    batch_tiles: int | None
    is_here: bool
    tile_px: int | None = None
    precision: str = "fp32"
    kernels: str = "torch"
    backend: str = "torch"

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

        self._check_kernels(device)
        try:
            model = describe_predictor(self.checkpoint, device, self.batch_tiles, *self._ways, self.tile_px)
        except CheckpointError as error:
            raise ConfigError(f"model.checkpoint: {error}") from None
        except ValueError as error:
            words = str(error)
            raise ConfigError(words if words.startswith("model.") else f"model.backend: {words}") from None
        tiles = self.batch_tiles or BATCH_TILES[device]
        return NetworkFacts(model, tiles, _at_once(device), ACTIVATION_BYTES_PER_PX[self.backend])

    def _check_kernels(self, device: str) -> None:
        wants = self.kernels == "triton" and device == "cuda" and self.is_here
        if wants and importlib.util.find_spec("triton") is None:
            raise ConfigError(
                "model.kernels: is triton, which is not installed here; pip install triton, or use torch"
            )

    def load(self, device: str, predictors: int = 1) -> Predictor:
        """Load the network onto a device, with the number of threads that belongs to its results."""
        from models.predictor import load_predictor
        from models.processes import prepare_process

        if not self.is_here:  # in a Ray actor; where there is a log, it stays
            start_log(logging.WARNING)
        prepare_process()
        sizes = self.batch_tiles, predictors, self.tile_px
        return load_predictor(self.checkpoint, device, *sizes, *self._ways)

    @property
    def _ways(self) -> tuple[str, str, str]:
        return self.precision, self.kernels, self.backend


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
    return Student(
        model.checkpoint,
        model.device,
        model.batch_tiles,
        config.engine.kind == "local",
        config.tiling.tile_px,
        model.precision,
        model.kernels,
        model.backend,
    )
