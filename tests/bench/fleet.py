"""Beyond one machine, on paper: what 8, 64 and 512 GPUs make of a million scenes, and what holds them up.

    python -m tests.bench.fleet [--gpus 8 64 512] [--partitions 1 64] [--in-order] [--latency-ms 40]
    OMP_NUM_THREADS=1 python -m tests.bench.fleet --validate

A million is told by the rate of a shorter run, its beginning and end included (150 scenes a GPU and 4,000 at
least, or ``--scenes``). ``--validate`` lets the model predict what tests.bench.scale measures of 1 to 16
workers here. Where each number of the model comes from stands beside it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.bench.fleet_model import Fleet, Flow, SceneClass, Simulation

MILLION = 1_000_000

SMALL = SceneClass(
    "560 px",
    (
        # prices: 1 GET, 2 puts of the root, 16 of other objects, 2 records. Half a megabyte: three bands of
        # uint8, deflated by half. 9.2 ms of CPU: scale --parts cpu (8.7 to 9.8), one interpreter's.
        ("get", 1), ("nic", 0.47e6), ("python", 0.0032), ("put", 1), ("device", 1),
        ("python", 0.0060), ("objects", 16), ("put", 1), ("records", 2),
    ),
)  # fmt: skip
"""A scene of one tile."""

_READ: tuple[tuple[str, float], ...] = (("get", 17), ("nic", 181e6 / 6), ("native", 1.2 / 6))
"""A task of a large scene: GDAL asks one after the other (4,160 x 4,160 px: 10 requests, 9.7 latencies).
181 MB: three bands of uint8, deflated by half. 1.2 s of CPU: reading such tasks of a COG of DEFLATE.
"""
_STORED: tuple[tuple[str, float], ...] = (("native", 0.43 / 6), ("objects", 6), ("put", 1))
"""36 shards and 6 marks a scene; 45 ms of CPU a block of 4,096 px, its digest and pyramid: store_cpu."""
LARGE = SceneClass(
    "10,980 px",
    (("get", 5), ("python", 0.010), ("put", 1), ("objects", 42)),
    (((("hold", 1), *_READ, ("python", 0.005), ("device", 545 / 6), *_STORED, ("release", 1))),) * 6,
    (("get", 10), ("native", 0.03), ("put", 5), ("records", 2), ("python", 0.005)),
)
"""A scene of Sentinel-2's size: 6 tasks at 2 GiB of task memory, 545 tiles of 576 px with their halos."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a worker on a GPU of a cluster is, and what the driver takes.

    ``threads``: of engine.worker.threads_of(1, 16). ``tile_s``: 45.9 ms a batch of 16 on an H100, float32 as
    shipped. Driver: .33 to .63 ms of its thread a scene (scale --parts cpu, most), .02 to pickle it both
    ways; a call of an actor .82 ms of CPU with 64 of them and .96 with 512 (ray.wait, get, remote). Workers
    gather outcomes for 20 ms (engine.ray_worker). S3: 3,500 PUT and 5,500 GET a second and partition of keys
    (AWS's documentation); 40 ms a request, half of it random, is an assumption, as are 8 cores and 12.5
    Gbit/s a GPU (an eighth of common machines).
    """

    outcome_s: float = 0.00052
    exchange_s: float = 0.00082
    exchange_worker_s: float = 0.3e-6
    listed_s: float = 20.0

    def fleet(self, gpus: int, partitions: int, *, is_sorted: bool = False) -> Fleet:
        """Return a fleet of so many GPUs, one worker each."""
        return Fleet(
            gpus,
            partitions=partitions,
            is_sorted=is_sorted,
            exchange_s=self.exchange_s + self.exchange_worker_s * gpus,
            outcome_s=self.outcome_s,
            gather_s=0.020,
        )

    def alone_s(self, scenes: int, latency_s: float) -> float:
        """Seconds of the driver alone: its listing and plan, of a first night over a million (planning)."""
        return scenes / MILLION * self.listed_s


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a fleet, and what came of its run."""

    kind: SceneClass
    fleet: Fleet
    flow: Flow
    alone_s: float

    def figures(self) -> dict[str, float | str]:
        """Return the figures by column; rates are those of the whole fleet."""
        kind, rate, used = self.kind, self.flow.rate, self.flow.used
        order = "in order" if self.fleet.is_sorted else "any"
        return {
            "scenes": kind.name,
            "GPUs": self.fleet.workers,
            "partitions": f"{self.fleet.partitions}, {order}" if self.fleet.partitions > 1 else "1",
            "scenes/s": round(rate, 1),
            "GPU": round(used["device"], 3),
            "PUT/s": round(rate * kind.puts),
            "GET/s": round(rate * kind.total("get")),
            "Gbit/s": round(rate * kind.total("nic") * 8e-9, 1),
            "cores decoding": round(rate * kind.cpu_s()[0], 1),
            "cores encoding": round(rate * kind.cpu_s()[1], 1),
            "driver": round(used["driver"], 2),
            "hours": round((MILLION / rate + self.alone_s) / 3600, 2),
            "first limit": self.flow.bottleneck,
        }


def row_of(kind: SceneClass, fleet: Fleet, scenes: int | None = None, machine: Machine | None = None) -> Row:
    """Run a class of scenes on a fleet."""
    machine = machine or Machine()
    wanted = scenes or max(4000, 150 * fleet.workers)
    flow = Simulation(fleet, kind, wanted).run()
    return Row(kind, fleet, flow, machine.alone_s(MILLION, fleet.latency_s))


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Yield the lines of the table."""
    for kind in (SMALL, LARGE):
        for count in options.gpus:
            for parts in options.partitions:
                fleet = Machine().fleet(count, parts, is_sorted=options.in_order)
                yield row_of(kind, replace(fleet, latency_s=options.latency_ms / 1000), options.scenes)


def bench_fleet(devices: int) -> Fleet:
    """Return what tests.bench.scale runs: one process with so many devices of .4 s, 40 ms a request."""
    return Fleet(
        1,
        devices=devices,
        threads=3 * devices + 2,
        ahead=0,
        tile_s=0.4,
        constant_latency=1.0,
        puts_s=math.inf,
        gets_s=math.inf,
    )


def bench_class(python_s: float) -> SceneClass:
    """Return a scene of tests.bench.scale, which takes so much of the interpreter."""
    parts = {0.0032: python_s * 0.35, 0.0060: python_s * 0.65}
    work = tuple(
        (name, parts.get(amount, amount) if name == "python" else amount) for name, amount in SMALL.first
    )
    return replace(SMALL, first=tuple(stage for stage in work if stage[0] != "nic"))


def validate(each: int) -> dict[str, float]:
    """Print predicted and measured scenes a second; return the errors in %.

    Two numbers are measured apart: CPU of a scene, by devices that take no time and no latency; seconds of a
    run that are no scene's, by a run over one scene.
    """
    from tests.bench.scale import Network, far_archive, night

    with far_archive(400, 0.0, "validate-most") as (uri, folder):
        python_s = night(uri, folder, Network(), 4) / 400
    kind = bench_class(python_s)
    with far_archive(1, 0.04, "validate-one") as (uri, folder):
        alone = night(uri, folder, Network(), 1)
    once_s = alone - Simulation(replace(bench_fleet(1), tile_s=0.0), kind, 1).run().seconds
    print(f"{1e3 * python_s:.1f} ms of CPU a scene, {once_s:.2f} s once a run")
    errors = {}
    for devices in (1, 2, 4, 8, 16):
        scenes = each * devices
        with far_archive(scenes, 0.04, f"validate-{devices}") as (uri, folder):
            measured = scenes / night(uri, folder, Network(0.4), devices)
        predicted = scenes / (once_s + Simulation(bench_fleet(devices), kind, scenes).run().seconds)
        errors[f"{devices}"] = round(100 * (predicted / measured - 1), 1)
        print(f"{devices:2} workers: {predicted:.2f} scenes/s predicted, {measured:.2f} measured")
    return errors


def main() -> int:
    """Print the table, or the validation."""
    options = _parse()
    if options.validate:
        print(json.dumps({"error_percent": validate(options.each)}))
        return 0
    table: list[dict[str, object]] = []
    for row in rows(options):
        figures = row.figures()
        if not table:
            print("| " + " | ".join(figures) + " |")
            print("|" + "---|" * len(figures))
        print("| " + " | ".join(str(value) for value in figures.values()) + " |", flush=True)
        used = {name: round(part, 3) for name, part in row.flow.used.items()}
        table.append({**figures, "simulated": row.flow.scenes, "used": used})
    print(json.dumps(table))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet")
    parser.add_argument("--gpus", type=int, nargs="+", default=[8, 64, 512])
    parser.add_argument(
        "--partitions",
        type=int,
        nargs="+",
        default=[1, 64],
        help="ranges of keys that S3 has split the output into",
    )
    parser.add_argument("--in-order", action="store_true", help="scenes come in the order of their ids")
    parser.add_argument("--latency-ms", type=float, default=40.0, help="mean of a request")
    parser.add_argument("--scenes", type=int, help="scenes of a run that are simulated")
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--each", type=int, default=12, help="scenes a worker, to validate")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
