"""What `tests.bench.gpu` measures of the predictor and of the bare network."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.checkpoint import load_checkpoint
from models.cuda_device import CudaDevice
from models.devices import HostDevice
from models.graphs import GraphedNetwork, noise_like
from models.predictor import CodesOf, TaskPredictor, prepare_network
from sgddiff_batch.core.blending import blend
from sgddiff_batch.core.tiling import Lattice, TaskTiles
from sgddiff_batch.core.window import Window

Task = tuple[NDArray[np.uint8], NDArray[np.bool_], TaskTiles]
SMALL_SHARE = 300 / 576
BAR = 0.9


class Subject:
    """The network and the predictor that are measured, each made when it is first asked for."""

    def __init__(
        self, device: torch.device, checkpoint: str, tile_px: int, batch_tiles: int, task_px: int
    ) -> None:
        self.device, self.checkpoint = device, checkpoint
        self.tile_px, self.batch_tiles, self.task_px = tile_px, batch_tiles, task_px

    @cached_property
    def codes(self) -> CodesOf:
        """The bare network, call by call."""
        return CodesOf(prepare_network(load_checkpoint(self.checkpoint).network, self.device))

    @cached_property
    def predictor(self) -> TaskPredictor:
        """The predictor, as the main job has it."""
        return TaskPredictor.on(self.tile_device(self.batch_tiles))

    def tile_device(self, batch_tiles: int, **settings: Any) -> HostDevice:
        """A device for the network with batches of a size."""
        if self.device.type == "cpu":
            return HostDevice(self.codes, batch_tiles, lanes=2, abreast=1, is_filled=False)
        return CudaDevice(self.codes, batch_tiles, self.device, **settings)

    def task(self, size_px: int, seed: int = 0) -> Task:
        """A whole scene of noise."""
        pixels = np.random.default_rng(seed).integers(0, 256, (3, size_px, size_px), dtype=np.uint8)
        valid = np.ones((size_px, size_px), dtype=bool)
        lattice = Lattice(size_px, size_px, self.tile_px, self.tile_px // 9)
        return pixels, valid, lattice.task_tiles(Window(0, size_px, 0, size_px))

    def batch(self, tiles: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """A batch of noise on the device."""
        like = torch.empty(tiles, 3, self.tile_px, self.tile_px, dtype=torch.uint8, device=self.device)
        return noise_like(like, seed)

    def wait(self) -> None:
        """Wait until the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """As the predictor computes: on a stream of its own, in float32, without choices by timing."""
        flags = {"enabled": True, "benchmark": False, "deterministic": True, "allow_tf32": False}
        with torch.inference_mode(), torch.backends.cudnn.flags(**flags):
            if self.device.type == "cpu":
                yield
                return
            with torch.cuda.stream(torch.cuda.Stream(self.device)):
                yield
                self.wait()

    def close(self) -> None:
        """End the predictor's threads."""
        if "predictor" in self.__dict__:
            self.predictor.close()


def agreement(subject: Subject, left_s: float) -> dict[str, Any]:
    """Whether the bytes are what they must be: `wrong` names what is not."""
    began = time.perf_counter()
    small = subject.task(round(subject.tile_px * 1.5))
    first = subject.predictor.predict(*small)
    first_s = time.perf_counter() - began
    tiles, origins = (x.cpu().numpy() for x in subject.batch(5, seed=1))
    found = subject.predictor.predict_tiles(tiles, origins)
    one = HostDevice(
        CodesOf(prepare_network(load_checkpoint(subject.checkpoint).network, torch.device("cpu"))), 1
    )
    difference = np.abs(found.astype(int) - one.predict_tiles(tiles, origins).astype(int))
    same = {
        "again": np.array_equal(first, subject.predictor.predict(*small)),
        "tiles_one_by_one": np.array_equal(first, blend(_one_by_one(subject.predictor), *small)),
        "threads": _threads_agree(subject),
        "order": np.array_equal(found[::-1], subject.predictor.predict_tiles(tiles[::-1], origins[::-1])),
        "graph": subject.device.type == "cpu"
        or _agrees(subject, subject.batch_tiles, tiles, origins, found, capture=None),
    }
    wrong = [name for name, is_same in same.items() if not is_same]
    wrong += ["cpu"] if difference.max() > 1 else []
    return {
        "wrong": wrong,
        "most_codes_from_cpu": int(difference.max()),
        "mean_codes_from_cpu": float(difference.mean()),
        "same_in_half_batches": _agrees(subject, max(1, subject.batch_tiles // 2), tiles, origins, found),
        "runs_as_graph": _is_graph(subject),
        "first_task_s": round(first_s, 2),
    }


def predict(subject: Subject, left_s: float) -> dict[str, Any]:
    """Tiles a second of the bare network, of a task alone, of four at once, and of scenes of one tile."""
    until = time.monotonic() + min(left_s, 60) / 4
    bare = bare_rates(subject, subject.batch_tiles)
    best = max(bare.values())
    task = subject.task(subject.task_px)
    tiles = _tiles_of(subject, task)
    subject.predictor.predict(*task)  # pinned memory is made at the first
    alone = [tiles / _seconds(lambda: subject.predictor.predict(*task)) for _ in _until(until, 2, 9)]
    small = subject.task(round(subject.tile_px * SMALL_SHARE))
    queue = subject.predictor.queue
    rates = {
        "alone": statistics.median(alone),
        "four_at_once": _rate(subject, task, threads=4, count=8 if subject.device.type == "cuda" else 4),
    }
    before, count = (queue.tiles, queue.places), 2000 if subject.device.type == "cuda" else 80
    rates["small_scenes"] = _rate(subject, small, threads=40, count=count)
    fill = (queue.tiles - before[0]) / (queue.places - before[1])
    return {
        "bare_tiles_per_s": _rounded(bare),
        "tiles_per_s": _rounded(rates),
        "share_of_bare": {name: round(rate / best, 3) for name, rate in rates.items()},
        "bar": BAR,
        "small_scenes_fill": round(fill, 3),
        "mpx_per_s_alone": round(rates["alone"] * task[1].size / tiles / 1e6, 1),
    }


def batches(subject: Subject, left_s: float) -> dict[str, Any]:
    """Milliseconds and Mpx/s of the bare network by batch, call by call and as a graph."""
    until, found = time.monotonic() + left_s / 2, {}
    for tiles in (1, 4, 16, 32, 64) if subject.device.type == "cuda" else (1, 2):
        if time.monotonic() > until:
            break
        for name, rate in bare_rates(subject, tiles).items():
            found[f"{tiles} {name}"] = {
                "ms": round(1000 * tiles / rate, 2),
                "mpx_per_s": round(rate * subject.tile_px**2 / 1e6, 1),
            }
    return found


def parts(subject: Subject, left_s: float) -> dict[str, Any]:
    """Milliseconds of each part of the network in a batch, call by call, the device waited for after each."""
    network, spent, begun = subject.codes.network, dict[str, list[float]](), dict[str, float]()
    hooks = []
    for name in ("stem", "encoder", "denoiser", "decoder", "refine_head"):
        module = getattr(network, name)

        def start(_module: Any, _given: Any, name: str = name) -> None:
            subject.wait()
            begun[name] = time.perf_counter()

        def stop(_module: Any, _given: Any, _out: Any, name: str = name) -> None:
            subject.wait()
            spent.setdefault(name, []).append(1000 * (time.perf_counter() - begun[name]))

        hooks += [module.register_forward_pre_hook(start), module.register_forward_hook(stop)]
    given = subject.batch(subject.batch_tiles)
    with subject.computing():
        whole = [_seconds(lambda: (subject.codes(*given), subject.wait())) for _ in range(4)]
    for hook in hooks:
        hook.remove()
    found = {name: statistics.median(times[1:]) for name, times in spent.items()}
    found["rest"] = 1000 * statistics.median(whole[1:]) - sum(found.values())
    return {"ms": _rounded(found)}


def bare_rates(subject: Subject, tiles: int, codes: CodesOf | None = None) -> dict[str, float]:
    """Tiles a second of batches that lie on the device, one queued behind the other."""
    given, found, codes = subject.batch(tiles), dict[str, float](), codes or subject.codes
    ways: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"calls": codes}
    with subject.computing():
        if subject.device.type == "cuda":
            graphed = GraphedNetwork(codes)
            graphed(*given)
            if graphed.is_replayed(given[0].shape):
                ways["graph"] = graphed
        for name, network in ways.items():
            repeats = max(2, min(20, 320 // tiles)) if subject.device.type == "cuda" else 2
            _burst(subject, network, given, 1)
            seconds = statistics.median(_burst(subject, network, given, repeats) for _ in range(3))
            found[name] = repeats * tiles / seconds
    return found


def _burst(
    subject: Subject, network: Callable[..., Tensor], given: tuple[Tensor, Tensor], repeats: int
) -> float:
    subject.wait()

    def work() -> None:
        for _ in range(repeats):
            network(*given)
        subject.wait()

    return _seconds(work)


def _rate(subject: Subject, task: Task, threads: int, count: int) -> float:
    """Tiles a second of the same task, many times, by several threads."""
    tiles = _tiles_of(subject, task)
    with ThreadPoolExecutor(threads) as pool:
        seconds = _seconds(lambda: list(pool.map(lambda _: subject.predictor.predict(*task), range(count))))
    return count * tiles / seconds


def _tiles_of(subject: Subject, task: Task) -> float:
    """How many whole tiles have as many pixels as those of a task."""
    return int(task[2].row_sizes.sum()) * int(task[2].col_sizes.sum()) / subject.tile_px**2


def _threads_agree(subject: Subject) -> bool:
    """Whether tasks of many sizes come out the same by many threads as one after the other."""
    sizes = [round(subject.tile_px * share) for share in (0.2, 0.5, 0.9, 1.0, 1.3, 1.7)]
    tasks = [subject.task(size, seed) for seed, size in enumerate(sizes)]
    expected = [subject.predictor.predict(*task) for task in tasks]
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda k: subject.predictor.predict(*tasks[k % len(tasks)]), range(12)))
    return all(np.array_equal(codes, expected[k % len(tasks)]) for k, codes in enumerate(found))


def _agrees(
    subject: Subject,
    batch_tiles: int,
    tiles: NDArray[np.uint8],
    origins: NDArray[np.int64],
    codes: NDArray[np.uint8],
    **settings: Any,
) -> bool:
    device = subject.tile_device(batch_tiles, **settings)
    return np.array_equal(codes, device.predict_tiles(tiles, origins))


def _is_graph(subject: Subject) -> bool:
    network = subject.predictor._device._network
    shape = torch.Size((subject.batch_tiles, 3, subject.tile_px, subject.tile_px))
    return isinstance(network, GraphedNetwork) and network.is_replayed(shape)


def _one_by_one(
    predictor: TaskPredictor,
) -> Callable[[NDArray[np.uint8], tuple[int, int]], NDArray[np.uint8]]:
    return lambda tile, origin: predictor.predict_tiles(tile[None], np.array([origin]))[0]


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _until(moment: float, least: int, most: int) -> Iterator[int]:
    """Count up to a moment: at least and at most so often."""
    for number in range(most):
        if number >= least and time.monotonic() > moment:
            return
        yield number


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items()}
