"""The seam to the network: uint8 pixels and a validity mask of one task in, packed uint8 saliency out.

Tiles are gathered, batched, computed, quantised and blended on the device, so only uint8 crosses the bus. The
blending is in integers, so the order of tiles cannot matter; batches have one fixed shape, and no picture of
a batch sees another, so their composition cannot either.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .checkpoint import load_checkpoint, read_facts
from .scan import choose_backend
from .sgddiff import SGDDiff, to_channels_last
from .stem import fold_batch_norms

log = logging.getLogger(__name__)

NO_DATA = 255
LEVELS = 254
THREADS = 1
BATCH_TILES = {"cpu": 1, "cuda": 16}


class TileLayout(Protocol):
    """Where the tiles of a task lie; rows and columns count from pixels[:, 0, 0] unless said otherwise."""

    @property
    def tile_px(self) -> int:
        """Side of a tile."""

    @property
    def row_starts(self) -> NDArray[np.int64]:
        """(nr,) first row of each row of tiles, >= 0."""

    @property
    def col_starts(self) -> NDArray[np.int64]:
        """(nc,) first column of each column of tiles, >= 0."""

    @property
    def row_weights(self) -> NDArray[np.int32]:
        """(nr, tile_px) integer blending weights along the rows."""

    @property
    def col_weights(self) -> NDArray[np.int32]:
        """(nc, tile_px) integer blending weights along the columns."""

    @property
    def weight_sum(self) -> int:
        """What the weights of all tiles sum to at any pixel, an axis; its square in two dimensions."""

    @property
    def target_rows(self) -> tuple[int, int]:
        """Half-open rows of the output."""

    @property
    def target_cols(self) -> tuple[int, int]:
        """Half-open columns of the output."""

    @property
    def origin(self) -> tuple[int, int]:
        """Absolute (row, column) in the mosaic of pixels[:, 0, 0]."""


class TaskPredictor:
    """A student on one device. Made by `load_predictor`; safe to share between threads on a CPU."""

    def __init__(self, network: SGDDiff, digest: str, device: torch.device, batch_tiles: int) -> None:
        if batch_tiles < 1:
            raise ValueError(f"batch_tiles must be at least 1, found {batch_tiles}")
        self._network = prepare_network(network, device)
        self._digest, self._device, self._batch_tiles = digest, device, batch_tiles

    @torch.inference_mode()
    def predict_tiles(self, tiles: NDArray[np.uint8], origins: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Saliency 0..254 (B, T, T) uint8 of tiles (B, 3, T, T) uint8 at absolute origins (B, 2), (row, col).

        Any B: batches of the fixed shape inside.
        """
        with _exact_arithmetic(self._device):
            pixels = torch.from_numpy(np.ascontiguousarray(tiles))
            places = torch.from_numpy(np.ascontiguousarray(origins, dtype=np.int64))
            parts = [
                self._predict_batch(
                    pixels[k : k + self._batch_tiles].to(self._device), places[k : k + self._batch_tiles]
                )
                for k in range(0, len(pixels), self._batch_tiles)
            ]
            return torch.cat(parts).cpu().numpy() if parts else np.zeros((0, *tiles.shape[2:]), np.uint8)

    @torch.inference_mode()
    def predict(
        self, pixels: NDArray[np.uint8], valid: NDArray[np.bool_], layout: TileLayout
    ) -> NDArray[np.uint8]:
        """Saliency of a task's target, 0..254, and 255 where `valid` is false.

        pixels (3, H, W) uint8, 0 where invalid; valid (H, W); returns (h, w) uint8 of the target window.
        Raises ValueError when shapes and layout disagree.
        """
        check_task(pixels, valid, layout)
        with _exact_arithmetic(self._device):
            on_device = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)
            present = torch.from_numpy(np.ascontiguousarray(valid)).to(self._device)
            blended = self._blend(on_device, wanted_tiles(valid, layout), layout)
            (top, bottom), (left, right) = layout.target_rows, layout.target_cols
            blended[~present[top:bottom, left:right]] = NO_DATA
            return blended.cpu().numpy()

    def _blend(self, pixels: Tensor, tiles: list[tuple[int, int]], layout: TileLayout) -> Tensor:
        """The weighted mean of the tiles, rounded half up, in integers: (h, w) uint8."""
        (top, bottom), (left, right) = layout.target_rows, layout.target_cols
        total = layout.weight_sum**2
        sums = torch.zeros(bottom - top, right - left, dtype=torch.int32, device=self._device)
        for first in range(0, len(tiles), self._batch_tiles):
            batch = tiles[first : first + self._batch_tiles]
            gathered = torch.stack([gather_tile(pixels, tile, layout) for tile in batch])
            for tile, saliency in zip(
                batch, self._predict_batch(gathered, tile_origins(batch, layout)), strict=True
            ):
                add_tile(sums, saliency, tile, layout)
        return torch.div(sums + total // 2, total, rounding_mode="floor").to(torch.uint8)

    def _predict_batch(self, tiles: Tensor, origins: Tensor) -> Tensor:
        """(n, 3, T, T) uint8 to (n, T, T) uint8; black tiles fill the batch up to its fixed size."""
        count, missing = len(tiles), self._batch_tiles - len(tiles)
        if missing:
            tiles = torch.cat([tiles, tiles.new_zeros(missing, *tiles.shape[1:])])
            origins = torch.cat([origins, origins.new_zeros(missing, 2)])
        saliency = self._network(tiles, origins.to(self._device))[:count, 0]
        return quantise(saliency)


def quantise(saliency: Tensor) -> Tensor:
    """Probabilities in 0..1 to `floor(254 p + 0.5)`, uint8."""
    return torch.floor(saliency * LEVELS + 0.5).to(torch.uint8)


def check_task(pixels: NDArray[np.uint8], valid: NDArray[np.bool_], layout: TileLayout) -> None:
    """Raise ValueError where pixels, mask and layout do not fit together."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[0] != 3:
        raise ValueError(f"pixels must be (3, H, W) uint8, found {pixels.shape} {pixels.dtype}")
    if valid.dtype != np.bool_ or valid.shape != pixels.shape[1:]:
        raise ValueError(f"valid must be {pixels.shape[1:]} bool, found {valid.shape} {valid.dtype}")
    axes = (
        (layout.row_starts, layout.row_weights, layout.target_rows),
        (layout.col_starts, layout.col_weights, layout.target_cols),
    )
    for (starts, weights, (first, last)), size in zip(axes, valid.shape, strict=True):
        if weights.shape != (len(starts), layout.tile_px):
            raise ValueError(f"weights must be {(len(starts), layout.tile_px)}, found {weights.shape}")
        if not 0 <= first <= last <= size or any(not 0 <= start < size for start in starts):
            raise ValueError(f"target {first}..{last} or tiles at {list(starts)} lie outside of {size} px")
    if layout.weight_sum**2 * NO_DATA >= 2**31:
        raise ValueError(f"weight_sum {layout.weight_sum} overflows 32-bit sums")


def wanted_tiles(valid: NDArray[np.bool_], layout: TileLayout) -> list[tuple[int, int]]:
    """(i, j) of the tiles whose present part has a valid pixel, row by row."""
    size = layout.tile_px
    return [
        (i, j)
        for i, row in enumerate(layout.row_starts.tolist())
        for j, column in enumerate(layout.col_starts.tolist())
        if valid[row : row + size, column : column + size].any()
    ]


def reflected(start: int, size: int, length: int) -> NDArray[np.int64]:
    """Indices of a tile along an axis of `length` pixels, those beyond the end folded back into the tile.

    The same as numpy.pad(mode="reflect") of the tile's present part.
    """
    present = min(size, length - start)
    period = max(2 * (present - 1), 1)
    k = np.arange(size, dtype=np.int64) % period
    return start + np.minimum(k, period - k) if present > 1 else np.full(size, start, dtype=np.int64)


def gather_tile(pixels: Tensor, tile: tuple[int, int], layout: TileLayout) -> Tensor:
    """(3, T, T) of pixels (3, H, W), reflected beyond the last row and column."""
    size, (height, width) = layout.tile_px, pixels.shape[1:]
    row, column = int(layout.row_starts[tile[0]]), int(layout.col_starts[tile[1]])
    cut = pixels[:, row : row + size, column : column + size]
    if cut.shape[1:] == (size, size):
        return cut
    rows = torch.from_numpy(reflected(row, size, height) - row).to(pixels.device)
    columns = torch.from_numpy(reflected(column, size, width) - column).to(pixels.device)
    return cut.index_select(1, rows).index_select(2, columns)


def tile_origins(tiles: list[tuple[int, int]], layout: TileLayout) -> Tensor:
    """(n, 2) absolute (row, column) of tiles in the mosaic."""
    row, column = layout.origin
    places = [(row + int(layout.row_starts[i]), column + int(layout.col_starts[j])) for i, j in tiles]
    return torch.tensor(places, dtype=torch.int64).reshape(-1, 2)


def add_tile(sums: Tensor, saliency: Tensor, tile: tuple[int, int], layout: TileLayout) -> None:
    """Add a tile's weighted part inside the target to `sums` (h, w) int32, in place."""
    rows, row_slice = _overlap(int(layout.row_starts[tile[0]]), layout.tile_px, layout.target_rows)
    columns, column_slice = _overlap(int(layout.col_starts[tile[1]]), layout.tile_px, layout.target_cols)
    down = torch.from_numpy(layout.row_weights[tile[0]][rows].astype(np.int32)).to(sums.device)
    along = torch.from_numpy(layout.col_weights[tile[1]][columns].astype(np.int32)).to(sums.device)
    sums[row_slice, column_slice] += down[:, None] * along * saliency[rows, columns].to(torch.int32)


def _overlap(start: int, size: int, target: tuple[int, int]) -> tuple[slice, slice]:
    """The common part of a tile and the target, in the tile's count and in the target's; empty if none."""
    first, last = max(start, target[0]), min(start + size, target[1])
    last = max(first, last)
    return slice(first - start, last - start), slice(first - target[0], last - target[0])


def prepare_network(network: SGDDiff, device: torch.device) -> SGDDiff:
    """Ready for inference: norms folded, channels-last, on the device. Changes `network` and returns it."""
    network.eval().requires_grad_(False)
    fold_batch_norms(network)
    return to_channels_last(network.to(device))


@contextlib.contextmanager
def _exact_arithmetic(device: torch.device) -> Iterator[None]:
    """float32 throughout and no choice of kernels by timing, so that the same tile gives the same bytes."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def choose_device(name: str) -> torch.device:
    """ "auto" is CUDA where there is one. Raises ValueError for another name or where CUDA is missing."""
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"model.device must be auto, cpu or cuda, found {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("model.device is cuda, but PyTorch finds no CUDA device; use auto or cpu")
    return torch.device("cpu" if name == "cpu" or not torch.cuda.is_available() else "cuda")


def limit_threads(threads: int = THREADS) -> None:
    """Set PyTorch's threads of this process; whoever starts a process calls it once, before any prediction.

    One a predictor on a CPU: two threads change the last bit, and more cores are used by more predictors.
    """
    torch.set_num_threads(threads)


def load_predictor(
    checkpoint: str = "bundled", device: str = "auto", batch_tiles: int | None = None
) -> TaskPredictor:
    """A predictor of a checkpoint folder, or of the one that comes with the package ("bundled").

    `batch_tiles` defaults to 1 on a CPU and 16 on CUDA. Raises CheckpointError, and ValueError for a device
    that is not there.
    """
    place = choose_device(device)
    loaded = load_checkpoint(checkpoint)
    predictor = TaskPredictor(loaded.network, loaded.digest, place, batch_tiles or BATCH_TILES[place.type])
    log.info("student %s on %s, scan backend %s", loaded.digest[:12], place.type, choose_backend(place))
    return predictor


def describe_predictor(checkpoint: str, device: str, batch_tiles: int | None = None) -> dict[str, Any]:
    """All of a predictor that decides pixels, as plain values for the run key, without loading its weights.

    device: "cpu" or "cuda", of the process that will predict, which need not be this one. The digest is what
    the checkpoint says of itself; loading it checks that. Raises CheckpointError.
    """
    facts, place = read_facts(checkpoint), torch.device(device)
    return {
        "digest": facts["digest"],
        "preset": facts["preset"],
        "sizes": facts["sizes"],
        "device": place.type,
        "scan_backend": choose_backend(place),
        "threads": THREADS if place.type == "cpu" else None,
        "batch_tiles": batch_tiles or BATCH_TILES[place.type],
    }
