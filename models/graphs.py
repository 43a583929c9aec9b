"""A network replayed as one CUDA graph, where the bytes are those of the network run call by call.

A forward pass is some 1,400 kernels, and starting them one by one takes the host most of the time that the
device needs for a batch of sixteen tiles; a graph is started by one call. It is captured once for each shape
of tiles, compared with the network on tiles of noise, and not used where a byte differs.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

import torch
from torch import Tensor

log = logging.getLogger(__name__)

Network = Callable[[Tensor, Tensor], Tensor]
"""Tiles (B, 3, h, w) uint8 and origins (B, 2) int64 to codes (B, h, w) uint8, all on one device."""

Capture = Callable[[Network, Tensor, Tensor], Network]
"""Makes a replay of a network for batches like the tiles and origins given; any error may come of it."""

MOST_GRAPHS = 8
"""Further shapes of tiles run call by call: each graph keeps its maps."""

_WARM_UP = 2


def capture_graph(network: Network, tiles: Tensor, origins: Tensor) -> Network:
    """Capture a call on the current stream, which must not be the default one.

    The replay reads its own copy of what it is given, and writes over the codes that it returned before.
    """
    tiles, origins = tiles.clone(), origins.clone()
    for _ in range(_WARM_UP):  # what is made at the first calls cannot be made in a capture
        network(tiles, origins)
    stream = torch.cuda.current_stream(tiles.device)
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    try:
        # Other threads may allocate and copy meanwhile.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            codes = network(tiles, origins)
    except Exception:
        with contextlib.suppress(RuntimeError):  # what is left of the error must not be the next call's
            torch.cuda.synchronize(tiles.device)
        raise

    def replay(new_tiles: Tensor, new_origins: Tensor) -> Tensor:
        tiles.copy_(new_tiles)
        origins.copy_(new_origins)
        graph.replay()
        return codes

    return replay


class GraphedNetwork:
    """A network that is replayed where that gives its bytes. Not for several threads at once."""

    def __init__(self, network: Network, capture: Capture = capture_graph) -> None:
        self._network, self._capture = network, capture
        self._replays: dict[torch.Size, Network | None] = {}

    def __call__(self, tiles: Tensor, origins: Tensor) -> Tensor:
        """The codes of a batch; those of a replay are written over by the next."""
        if tiles.shape not in self._replays and len(self._replays) < MOST_GRAPHS:
            self._replays[tiles.shape] = self._prepared(tiles)
        return (self._replays.get(tiles.shape) or self._network)(tiles, origins)

    def is_replayed(self, shape: torch.Size) -> bool:
        """Whether batches of tiles of a shape (B, 3, h, w) are replayed."""
        return self._replays.get(shape) is not None

    def _prepared(self, tiles: Tensor) -> Network | None:
        """A replay of batches like `tiles`, or None where there is none that gives the same bytes."""
        samples = [noise_like(tiles, seed) for seed in (0, 1)]
        shape = f"{tiles.shape[-2]} x {tiles.shape[-1]} px"
        try:
            replay = self._capture(self._network, *samples[0])
            for sample in (*samples, samples[0]):
                if not torch.equal(replay(*sample), self._network(*sample)):
                    log.warning("tiles of %s run without a graph: its bytes differ", shape)
                    return None
        except Exception as error:  # a capture fails in many ways, and none of them matters to the result
            log.warning("tiles of %s run without a graph: %s", shape, str(error).partition("\n")[0])
            return None
        log.info("tiles of %s run as one graph", shape)
        return replay


def noise_like(tiles: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Tiles of noise like `tiles`, the last one black as in a batch that is not full, and their origins."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, tiles.shape, dtype=torch.uint8, generator=generator)
    origins = torch.randint(0, 100_000, (len(tiles), 2), generator=generator)
    if len(tiles) > 1:
        noise[-1], origins[-1] = 0, 0
    return noise.to(tiles.device), origins.to(tiles.device)
