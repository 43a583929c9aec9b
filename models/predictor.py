"""The seam to the network: uint8 pixels and a validity mask of one task in, packed uint8 saliency out.

Tiles are gathered, batched, computed, quantised and blended on the device, so only uint8 crosses the bus.
Tiles of all calls share batches. The blending is in integers, so the order of tiles cannot matter; batches
have one fixed shape, and no picture of a batch sees another, so their composition cannot either.
"""

from __future__ import annotations

import logging
import os
import weakref
from functools import partial
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .backends import check_backend
from .checkpoint import Checkpoint, load_checkpoint, read_facts
from .cuda_device import CudaDevice
from .devices import HostDevice
from .exporting import check_exportable
from .fused import choose_kernels, use_kernels
from .layouts import NO_DATA, Shape, TileLayout, plan_task
from .openvino_network import OpenVINOCodes, describe_runtime
from .precision import choose_precision, lower_precision
from .processes import THREADS
from .scan import choose_backend
from .sgddiff import SGDDiff, to_channels_last
from .stem import fold_batch_norms
from .tasks import TaskTensors, quantise
from .tile_queue import TileQueue

log = logging.getLogger(__name__)

BATCH_TILES = {"cpu": 1, "cuda": 16}
"""Of the size at which a device has enough to do: so many tiles of 576 px."""

BATCH_PX = BATCH_TILES["cuda"] * 576**2
"""The pixels of a batch on CUDA, whatever the shape of its tiles: so much memory does the network take."""

_MOST_TILES = 16
"""Of a batch: the smallest scenes are tiles of their own size, and those of one size may be few."""


class TaskPredictor:
    """A student on one device, shared between threads; each may call `predict` for a task of its own.

    Its own threads start with the first call, and end with it or by `close`. It belongs to its process: it
    cannot be pickled, and refuses to work after a fork.
    """

    def __init__(
        self,
        network: SGDDiff,
        digest: str,
        device: torch.device,
        batch_tiles: int | None,
        predictors: int = 1,
        precision: str = "fp32",
        kernels: str = "torch",
    ) -> None:
        """Take a network, which is changed; `predictors` batches are computed at once on a CPU.

        batch_tiles: of every batch; None: on a CPU one, on CUDA as many of a shape as make `BATCH_PX`.
        precision: one of `precision.PRECISIONS`. kernels: one of `KERNELS`.
        """
        codes = CodesOf(prepare_network(network, device, precision, kernels))
        self._serve(
            CudaDevice(codes, batch_tiles or tiles_of_batch, device)
            if device.type == "cuda"
            else HostDevice(codes, batch_tiles or BATCH_TILES["cpu"], predictors, is_filled=False)
        )
        self._digest = digest

    @classmethod
    def on(cls, device: HostDevice, digest: str = "") -> TaskPredictor:
        """A predictor on a device that has its network."""
        predictor = cls.__new__(cls)
        predictor._serve(device)
        predictor._digest = digest
        return predictor

    def _serve(self, device: HostDevice) -> None:
        self._device, self._pid, self._warm_px = device, os.getpid(), list[int]()
        self.queue: TileQueue[TaskTensors] = TileQueue(
            device.compute,
            device.batch_of,
            lanes=device.lanes,
            abreast=device.abreast,
            prepare=partial(_warm, device, self._warm_px),
        )
        self._close = weakref.finalize(self, _close_queue, self.queue, self._pid)

    def start(self, tile_px: int) -> None:
        """Begin to do in the background what only the first batch of tiles of a size does."""
        self._warm_px.append(tile_px)
        self.queue.start()

    def close(self) -> None:
        """End the threads; calls that wait fail, as all later ones do."""
        self._close()

    def use(self) -> tuple[float, float]:
        """Seconds in which the device computed, and those from its first batch to its last; see the queue."""
        return self.queue.use()

    def predict_tiles(self, tiles: NDArray[np.uint8], origins: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Saliency 0..254 (B, h, w) uint8 of tiles (B, 3, h, w) uint8 at absolute origins (B, 2), (row, col).

        Any B: batches of the fixed shape inside. In the calling thread, past the queue.
        """
        return self._device.predict_tiles(tiles, origins)

    @torch.inference_mode()
    def predict(
        self, pixels: NDArray[np.uint8], valid: NDArray[np.bool_], layout: TileLayout
    ) -> NDArray[np.uint8]:
        """Saliency of a task's target, 0..254, and 255 where `valid` is false.

        pixels (3, H, W) uint8, 0 where invalid; valid (H, W); returns (h, w) uint8 of the target window.
        Raises ValueError when shapes and layout disagree, RuntimeError where the predictor was closed or is
        another process's, and what went wrong with one of this task's tiles, which touches no other task.
        """
        if os.getpid() != self._pid:
            raise RuntimeError("a predictor does not survive a fork: load another one in this process")
        plan = plan_task(pixels, valid, layout)
        if not plan.starts:
            return np.where(plan.present, 0, NO_DATA).astype(np.uint8)
        with self._device.room.taken(plan.device_bytes):
            task, arrivals = self._device.place(plan)
            self.queue.run(task, plan.groups, arrivals)
            return self._device.finish(task)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a predictor cannot be pickled or copied: give others what loads it")


class CodesOf:
    """A student's codes: see `graphs.Network`.

    On a CPU each tile is computed by itself: there a batch saves nothing, and a code in a hundred thousand
    depends on the tile's place in it (what is left over by vector instructions is rounded otherwise).
    """

    def __init__(self, network: SGDDiff) -> None:
        self.network = network

    def __call__(self, tiles: Tensor, origins: Tensor) -> Tensor:
        """Tiles (B, 3, h, w) uint8 and origins (B, 2) to codes (B, h, w) uint8."""
        step = 1 if tiles.device.type == "cpu" else len(tiles)
        codes = [
            quantise(self.network(tiles[k : k + step], origins[k : k + step])[:, 0])
            for k in range(0, len(tiles), step)
        ]
        return codes[0] if len(codes) == 1 else torch.cat(codes)


def tiles_of_batch(shape: Shape) -> int:
    """How many tiles of a shape a batch on CUDA has: as many as make `BATCH_PX`, 1 to 16."""
    return max(1, min(_MOST_TILES, BATCH_PX // (shape[0] * shape[1])))


def _warm(device: HostDevice, sizes: list[int]) -> None:
    try:
        for size in sizes:
            device.warm(size)
    except Exception as error:  # the first batch will meet it again, and tell its caller
        log.warning("the device could not be made ready: %s", str(error).partition("\n")[0])


def _close_queue(queue: TileQueue[TaskTensors], pid: int) -> None:
    if os.getpid() == pid:  # after a fork its threads are elsewhere, and its lock may be held for ever
        queue.close()


def prepare_network(
    network: SGDDiff, device: torch.device, precision: str = "fp32", kernels: str = "torch"
) -> SGDDiff:
    """Ready for inference: norms folded, in a precision, channels-last, on the device.

    precision: one of `precision.PRECISIONS`; kernels: one of `KERNELS`. Changes `network` and returns it.
    """
    network.eval().requires_grad_(False)
    fold_batch_norms(network)
    return use_kernels(to_channels_last(lower_precision(network, precision).to(device)), kernels)


def choose_device(name: str) -> torch.device:
    """ "auto" is CUDA where there is one. Raises ValueError for another name or where CUDA is missing."""
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"model.device must be auto, cpu or cuda, found {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("model.device is cuda, but PyTorch finds no CUDA device; use auto or cpu")
    return torch.device("cpu" if name == "cpu" or not torch.cuda.is_available() else "cuda")


def load_predictor(
    checkpoint: str = "bundled",
    device: str = "auto",
    batch_tiles: int | None = None,
    predictors: int = 1,
    tile_px: int | None = None,
    precision: str = "fp32",
    kernels: str = "torch",
    backend: str = "torch",
) -> TaskPredictor:
    """A predictor of a checkpoint folder, or of the one that comes with the package ("bundled").

    `batch_tiles` defaults to 1 on a CPU, and on CUDA to what makes `BATCH_PX` of a shape. predictors: how
    many batches a CPU computes at once.
    tile_px: the tiles that a CUDA device is made ready for in the background, as soon as there is a network.
    precision: auto, fp32, bf16 or fp16, see `choose_precision`; kernels: torch or triton, `choose_kernels`;
    backend: torch or openvino, `check_backend`.
    Raises CheckpointError, and ValueError for a device or a backend that is not there, or another name.
    """
    place = choose_device(device)
    chosen = choose_precision(precision, place.type), choose_kernels(kernels, place.type)
    check_backend(backend, chosen[0], place.type)
    loaded = load_checkpoint(checkpoint)
    if backend == "openvino":
        return _on_openvino(loaded, batch_tiles, predictors, chosen[0])
    predictor = TaskPredictor(loaded.network, loaded.digest, place, batch_tiles, predictors, *chosen)
    if tile_px and place.type == "cuda":
        predictor.start(tile_px)
    words = loaded.digest[:12], place.type, *chosen, choose_backend(place)
    log.info("student %s on %s in %s, kernels of %s, scan backend %s", *words)
    return predictor


def _on_openvino(
    loaded: Checkpoint, batch_tiles: int | None, predictors: int, precision: str
) -> TaskPredictor:
    codes = OpenVINOCodes(loaded.network, precision)
    device = HostDevice(codes, batch_tiles or BATCH_TILES["cpu"], predictors, is_filled=False)
    log.info("student %s on OpenVINO, %s", loaded.digest[:12], precision)
    return TaskPredictor.on(device, loaded.digest)


def describe_predictor(
    checkpoint: str,
    device: str,
    batch_tiles: int | None = None,
    precision: str = "fp32",
    kernels: str = "torch",
    backend: str = "torch",
    tile_px: int | None = None,
) -> dict[str, Any]:
    """All of a predictor that decides pixels, as plain values for the run key, without loading its weights.

    device: "cpu" or "cuda", of the process that will predict, which need not be this one, though OpenVINO and
    the instruction set are looked up here. The digest is what the checkpoint says of itself; loading it
    checks that. precision, kernels, backend: see `choose_precision`, `choose_kernels` and `check_backend`;
    fp32 and torch are not said, so that mosaics made before there were others keep their key. tile_px: the
    longest side of tiles. Raises CheckpointError, and ValueError for a backend that is not there, or cannot
    compute this network.
    """
    facts, place = read_facts(checkpoint), torch.device(device)
    chosen, ours = choose_precision(precision, place.type), choose_kernels(kernels, place.type)
    check_backend(backend, chosen, device)
    is_by_shape = place.type == "cuda" and not batch_tiles
    # Left out where they are as they were before there were others, as run keys stay, too.
    ways: dict[str, Any] = {}
    if backend == "openvino":
        check_exportable(facts["sizes"]["encoder"]["scan"], facts["sizes"]["stride"], tile_px)
        ways["backend"] = describe_runtime(chosen)
    elif chosen != "fp32":
        ways["precision"] = chosen
    if ours != "torch":
        ways["kernels"] = ours
    return {
        **ways,
        "digest": facts["digest"],
        "preset": facts["preset"],
        "sizes": facts["sizes"],
        "device": place.type,
        "scan_backend": choose_backend(place),
        "threads": THREADS if place.type == "cpu" else None,
        "batch_tiles": None if is_by_shape else batch_tiles or BATCH_TILES[place.type],
        "batch_px": BATCH_PX if is_by_shape else None,
    }
