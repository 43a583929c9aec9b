"""How long a run takes from its command to its first tile: the first shard of an archive of one-tile scenes.

    python -m tests.bench.first_tile [--checkout FOLDER ...] [--rounds 3] [--engines local ray]

Each round starts one process for each checkout (this one by default), one after the other, so that they meet
the same load of the machine: compare their CPU seconds where others use it. The network is the bundled one,
on two predictors. Ray is a head of its own that runs before the command is started.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psutil

from tests.kit import jobs
from tests.kit.processes import end_with_family
from tests.kit.ray_head import ADDRESS, ENVIRONMENT, run_ray_head

SIDE_PX = 560
_LIMIT_S = 300.0
_LOOK_S = 0.01


def first_tile(
    folder: Path, scenes: int, *, engine: str = "local", checkout: Path = jobs.ROOT
) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of a command until a first scene of one tile is stored.

    The CPU is that of the process and its children: on Ray not that of the workers, which are the head's.
    """
    archive, output = folder / "scenes", folder / "out"
    for number in range(scenes):
        if not (archive / f"{number:05d}.tif").exists():
            jobs.write_scene(archive / f"{number:05d}.tif", SIDE_PX, SIDE_PX, number)
    shutil.rmtree(output, ignore_errors=True)
    config = folder / "run.yaml"
    config.write_text(
        json.dumps(
            {
                "archive": {"uri": str(archive)},
                "output": {"uri": str(output)},
                "model": {"device": "cpu"},
                "engine": {"kind": engine, "workers": 2},
            }
        )
    )
    command = [sys.executable, "-m", "jobs", "run", "--config", str(config)]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(checkout)}
    if engine == "ray":
        environment |= {"RAY_ADDRESS": ADDRESS}
    start = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=checkout, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        cpu_s = _until_stored(process, output, folder / "log", start + _LIMIT_S)
        return time.perf_counter() - start, cpu_s
    finally:
        end_with_family(process, patience_s=60)


def _until_stored(process: subprocess.Popen[bytes], output: Path, log: Path, deadline: float) -> float:
    """Wait for the first shard of any mosaic; return the CPU seconds of the process until then."""
    cpu_s = 0.0
    while process.poll() is None and time.perf_counter() < deadline:
        cpu_s = _cpu_s(process.pid)
        if next(output.glob("*/*.zarr/0/saliency/c/*/*"), None) is not None:
            return cpu_s
        time.sleep(_LOOK_S)
    raise RuntimeError(f"no tile was stored: {log.read_text()[-2000:]}")


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system + times.children_user + times.children_system


@contextmanager
def cluster(engine: str, folder: Path) -> Iterator[None]:
    """Run a Ray head, if that is the engine."""
    with run_ray_head(folder) if engine == "ray" else nullcontext():
        yield


def measure(
    engine: str, rounds: int, scenes: int, checkouts: Sequence[Path] = (jobs.ROOT,)
) -> dict[str, tuple[float, float]]:
    """Return the medians of seconds and CPU seconds of each checkout, measured in turns."""
    found: dict[str, list[tuple[float, float]]] = {str(checkout): [] for checkout in checkouts}
    with tempfile.TemporaryDirectory() as name, cluster(engine, Path(name)):
        for _ in range(rounds):
            for checkout in checkouts:
                found[str(checkout)].append(first_tile(Path(name), scenes, engine=engine, checkout=checkout))
                wall_s, cpu_s = found[str(checkout)][-1]
                print(f"{engine} {checkout}: {wall_s:.2f} s, {cpu_s:.2f} s of CPU", flush=True)
    return {
        checkout: (statistics.median(w for w, _ in rows), statistics.median(c for _, c in rows))
        for checkout, rows in found.items()
    }


def main() -> None:
    """Measure, and print a line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkout", type=Path, nargs="+", default=[jobs.ROOT])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--engines", nargs="+", choices=("local", "ray"), default=["local", "ray"])
    options = parser.parse_args()
    load = os.getloadavg()[0]
    found = {
        engine: measure(engine, options.rounds, options.scenes, options.checkout)
        for engine in options.engines
    }
    print(json.dumps({"load_before": load, **found}))


if __name__ == "__main__":
    main()
