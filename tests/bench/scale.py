"""What a scene costs beside the network, and how a run grows with its workers: with stand-ins for both ends.

    OMP_NUM_THREADS=1 python -m tests.bench.scale [--scenes 200] [--parts requests cpu trips ...]

The stand-in for a device sleeps .4 s a scene of one tile, one scene at a time a worker, and takes no CPU. The
stand-in for a server is memory that waits so long for each request; a real S3 server counts them once. Each
part prints a line; the last line is JSON. Planning a million scenes, the rate of small scenes,
and the job over the bare network are what tests.bench.planning, .packing and tests.bench measure.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.config import load_config
from sgddiff_batch.engine.work import SceneWork
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.protocols import NetworkFacts
from sgddiff_batch.runs import leased_bench, run_all
from tests.bench import first_tile, packing, planning
from tests.bench.__main__ import job_over_bare
from tests.faults.storm_nodes import run_nodes
from tests.kit import jobs
from tests.kit.counting import counted_s3_requests
from tests.kit.far import far_away
from tests.kit.networks import KeptView
from tests.kit.s3 import run_s3_server

SIDE_PX = 560
MILLION = 10**6
FEW = 20
SETTINGS = ["tiling.tile_px=576", "tiling.overlap_px=64", "tiling.block_px=4096", "tiling.task_memory_gib=2"]
SETTINGS.append("report.html=false")  # its pictures take seconds once a run, which is no cost of a scene


@dataclass(frozen=True)
class Device:
    """Takes ``seconds`` for each call, of which so many go at once, and answers with a square."""

    seconds: float
    at_once: threading.Semaphore

    def predict(self, pixels: NDArray[np.uint8], valid: NDArray[np.bool_], tiles: Any) -> NDArray[np.uint8]:
        """Sleep, and return the codes of the target."""
        with self.at_once:
            time.sleep(self.seconds)
        (top, bottom), (left, right) = tiles.target_rows, tiles.target_cols
        codes = np.full((bottom - top, right - left), 7, np.uint8)
        codes[:40, :40] = 200
        return codes


@dataclass(frozen=True)
class Network:
    """Gives a device of so many seconds."""

    seconds: float = 0.0

    def device(self) -> str:
        """Return the name of the device."""
        return "cpu"

    def describe(self, device: str) -> NetworkFacts:
        """Return what a run must know."""
        return NetworkFacts({"digest": "b" * 64, "device": device}, batch_tiles=1, at_once=1, bytes_per_px=10)

    def load(self, device: str, predictors: int = 1) -> Device:
        """Return the device."""
        return Device(self.seconds, threading.Semaphore(predictors))


@contextmanager
def far_archive(scenes: int, latency_s: float, name: str) -> Iterator[tuple[str, Path]]:
    """Yield the URI of storage with so many scenes, and a folder."""
    with tempfile.TemporaryDirectory() as folder:
        data = jobs.write_scene(Path(folder) / "one.tif", SIDE_PX, SIDE_PX, 1).read_bytes()
        with far_away(0.0):
            store = open_store(f"far://{name}")
            for number in range(scenes):
                store.write(f"scenes/{number:05d}.tif", data)
        with far_away(latency_s):
            yield f"far://{name}", Path(folder)


def night(uri: str, folder: Path, network: Network, workers: int, engine: str = "local") -> float:
    """Run all that is new with so many devices; return the seconds."""
    config = jobs.write_config(folder / "run.yaml", f"{uri}/scenes", f"{uri}/out", Path("/nowhere"))
    read = load_config(str(config), [*SETTINGS, f"engine.workers={workers}", f"engine.kind={engine}"])
    start = time.perf_counter()
    with leased_bench(read, network) as bench:  # type: ignore[arg-type]
        view = KeptView()
        run_all(bench, view)
    assert {row.state for row in view.ends[0].rows} == {"done"}, next(iter(view.ends[0].rows))
    return time.perf_counter() - start


def requests(scenes: int) -> dict[str, float]:
    """Count what a run over new scenes asks of a real S3 server, and one after which nothing changed."""
    with tempfile.TemporaryDirectory() as name, s3(Path(name)) as (uri, folder, put):
        data = jobs.write_scene(folder / "one.tif", 200, 200, 1).read_bytes()
        for number in range(scenes):
            put(f"scenes/{number:05d}.tif", data)
        with counted_s3_requests() as first:
            night(uri, folder, Network(), 2)
        with counted_s3_requests() as again:
            night_without_change(uri, folder)
    print("requests of a new scene:", first.table())
    print("requests of an unchanged night:", again.table())
    lists = sum(n for (kind, _), n in first.by_kind.items() if kind == "ListObjectsV2")
    return {
        "requests_a_scene": round(first.total / scenes, 2),
        "lists_a_run": lists,
        "lists_a_scene": 0.0 if lists < scenes else round(lists / scenes, 3),
        "requests_unchanged": again.total,
    }


def night_without_change(uri: str, folder: Path) -> None:
    """A second night over the same scenes; the first of them brings the index of the records up to date."""
    time.sleep(2.5)  # records younger than that are not indexed
    for _ in range(2):
        config = folder / "run.yaml"
        with leased_bench(load_config(str(config), SETTINGS), Network()) as bench:  # type: ignore[arg-type]
            run_all(bench, KeptView())


@contextmanager
def s3(folder: Path) -> Iterator[tuple[str, Path, Callable[[str, bytes], None]]]:
    """Yield a bucket of a real server, to which this process is sent, a folder, and what puts an object."""
    (folder / "s3").mkdir()
    with run_s3_server(folder / "s3") as server, patch.dict(os.environ, server.environment):
        server.filesystem.mkdir("scale-bench")
        yield (
            "s3://scale-bench",
            folder,
            lambda key, data: server.filesystem.pipe_file(f"scale-bench/{key}", data),
        )


def cpu(scenes: int) -> dict[str, float]:
    """Return the CPU of a scene beside the network, on S3: all of it, and the driver's thread alone.

    It is what so many scenes more cost a night, at the median of three pairs of nights; another warms up.
    """
    spent = []
    with tempfile.TemporaryDirectory() as name, s3(Path(name)) as (uri, folder, put):
        data = jobs.write_scene(folder / "one.tif", 500, 500, 1).read_bytes()
        for one, count in enumerate([FEW, *[FEW, FEW + scenes] * 3]):
            for number in range(count):
                put(f"scenes/{one}-{number:05d}.tif", data)
            before = np.array([_cpu_s(), time.thread_time()])
            night(uri, folder, Network(), 2)
            spent.append(1000 * (np.array([_cpu_s(), time.thread_time()]) - before))
    whole, driver = np.median(np.subtract(spent[2::2], spent[1::2]), axis=0) / scenes
    return {"worker_cpu_ms_a_scene": round(whole - driver, 2), "driver_cpu_ms_a_scene": round(driver, 2)}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def trips() -> dict[str, float]:
    """Return how many round trips one after the other a new scene takes."""
    latency_s = 0.5
    with far_archive(12, latency_s, "trips") as (uri, folder):
        config = jobs.write_config(folder / "run.yaml", f"{uri}/scenes", f"{uri}/out", Path("/nowhere"))
        with leased_bench(load_config(str(config), SETTINGS), Network()) as bench:  # type: ignore[arg-type]
            worker, seconds = bench.recipe()(), []
            for scene in open_scenes(bench):
                start = time.perf_counter()
                worker.run(SceneWork(scene, f"{scene.scene_id}/{scene.version}-{bench.run_key}.zarr"))
                seconds.append(time.perf_counter() - start)
    return {"round_trips_a_scene": round(min(seconds) / latency_s)}


def open_scenes(bench: Any) -> Any:
    """Return the scenes of a bench's archive."""
    from sgddiff_batch.io.sources import list_archive

    return list_archive(bench.query, bench.output.uri).scenes


def latency(scenes: int) -> dict[str, float]:
    """Return how much longer a run takes with 40 ms added to each request: two devices of .4 s a scene."""
    seconds = {}
    for latency_s in (0.0, 0.04):
        with far_archive(scenes, latency_s, f"latency-{latency_s}") as (uri, folder):
            seconds[latency_s] = night(uri, folder, Network(0.4), 2)
    print(f"{scenes} scenes, two devices: {seconds[0.0]:.1f} s, with 40 ms a request {seconds[0.04]:.1f} s")
    return {
        "latency_ratio_40ms": round(seconds[0.04] / seconds[0.0], 3),
        "latency_more_s": round(seconds[0.04] - seconds[0.0], 2),
    }


def speedup(each: int) -> dict[str, float]:
    """Return how many times as fast 16 workers are as one; ``each`` scenes a worker, 40 ms a request."""
    rates = {}
    for workers in (1, 2, 4, 8, 16):
        with far_archive(each * workers, 0.04, f"workers-{workers}") as (uri, folder):
            rates[workers] = each * workers / night(uri, folder, Network(0.4), workers)
        print(f"{workers} workers: {rates[workers]:.2f} scenes a second")
    return {"speedup_16": round(rates[16] / rates[1], 2)}


def on_ray(each: int) -> dict[str, float]:
    """Return how many times as fast 16 actors on three nodes of this machine are as one.

    By what more scenes take: starting 16 actors takes two cores a minute. From and to a local folder.
    """
    rates = {}
    with run_nodes(3, random.Random(0), num_cpus=6, memory=64 * 2**30):
        for workers in (1, 16):
            few, many = each * workers, 4 * each * workers
            seconds = [_night_on_ray(count, workers) for count in (few, many)]
            rates[workers] = (many - few) / (seconds[1] - seconds[0])
            print(f"{workers} actors: {rates[workers]:.2f} scenes a second")
    return {"ray_scenes_a_s_16": round(rates[16], 2), "ray_speedup_16": round(rates[16] / rates[1], 2)}


def _night_on_ray(scenes: int, workers: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = jobs.write_scene(folder / "scenes" / "00000.tif", SIDE_PX, SIDE_PX, 1)
        for number in range(1, scenes):
            os.link(first, folder / "scenes" / f"{number:05d}.tif")
        return night(name, folder, Network(0.4), workers, "ray")


def most(scenes: int) -> dict[str, float]:
    """Return the most scenes a second of this process with a device that takes no time."""
    with far_archive(scenes, 0.0, "most") as (uri, folder):
        seconds = night(uri, folder, Network(), 4)
    return {"max_scenes_a_s": round(scenes / seconds, 1)}


def first_tiles() -> dict[str, float]:
    """Return the seconds from a command to its first tile, of each engine; Ray's on a head that runs."""
    found: dict[str, float] = {}
    for engine, words in (("local", "first_tile"), ("ray", "first_tile_ray")):
        (wall_s, cpu_s) = next(iter(first_tile.measure(engine, rounds=3, scenes=20).values()))
        found |= {f"{words}_s": round(wall_s, 2), f"{words}_cpu_s": round(cpu_s, 2)}
    return found


def small() -> dict[str, float]:
    """Return the rate of small scenes over that of a big one, in tiles a second."""
    big, little = packing.measure()
    return {"small_scene_rate": round(little.rate / big.rate, 3)}


def main() -> None:
    """Measure the parts that are asked for, each after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parts: dict[str, Callable[[int], dict[str, float]]] = {
        "requests": requests,
        "cpu": cpu,
        "trips": lambda _: trips(),
        "latency": latency,
        "speedup": lambda scenes: speedup(max(4, scenes // 8)),
        "ray": lambda scenes: on_ray(max(3, scenes // 16)),
        "most": lambda scenes: most(2 * scenes),
        "first_tile": lambda _: first_tiles(),
        "small": lambda _: small(),
        "job": lambda _: {"job_over_bare": round(job_over_bare(), 3)},
        "plan": lambda _: planning.summary(planning.measure(MILLION, latency_ms=20.0), MILLION),
    }
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    options = parser.parse_args()
    found: dict[str, float] = {}
    for part in options.parts:
        found |= parts[part](options.scenes)
        print(part, json.dumps(found), flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
