"""The model of a fleet against what can be said without it: sums, smallest rates, nothing lost."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from tests.bench import fleet
from tests.bench.fleet_model import Fleet, SceneClass, Simulation

ONE_TILE = SceneClass(
    "one tile", (("get", 1), ("python", 0.01), ("put", 2), ("device", 1), ("objects", 4), ("records", 2))
)
PLAIN = Fleet(
    1, threads=1, ahead=0, first_s=0.0, tile_s=0.2, constant_latency=1.0, puts_s=math.inf, gets_s=math.inf
)
"""One thread; every request takes the same time, and none is refused."""
_TASK = (("hold", 1), ("get", 3), ("device", 2), ("put", 1), ("release", 1))
SEVERAL = SceneClass("several", (("put", 1),), (_TASK,) * 5, (("put", 1),))


def run(kind, given, scenes=400):
    return Simulation(given, kind, scenes).run()


def test_without_anybody_else_a_scene_takes_the_sum_of_its_stages():
    flow = run(ONE_TILE, PLAIN, 7)
    # One GET, two puts, objects together, records together: five latencies.
    assert flow.seconds == pytest.approx(7 * (5 * 0.040 + 0.01 + 0.2), rel=0.002)


@pytest.mark.parametrize(
    ("change", "rate", "limit"),
    [
        ({}, 5.0, "device"),
        ({"devices": 4}, 20.0, "device"),
        ({"workers": 3}, 15.0, "device"),
        ({"tile_s": 0.001}, 100.0, "python"),
        ({"tile_s": 0.001, "objects_at_once": 2}, 2 / (4 * 0.040), "objects"),
        ({"tile_s": 0.001, "records_at_once": 1}, 1 / (2 * 0.040), "records"),
        ({"puts_s": 16.0}, 2.0, "S3 puts"),
        ({"gets_s": 3.0}, 3.0, "S3 gets"),
        ({"outcome_s": 0.5}, 2.0, "driver"),
        ({"threads": 2, "tile_s": 0.001}, 2 / (5 * 0.040 + 0.011), "threads"),
    ],
)
def test_throughput_is_that_of_the_narrowest_station(change, rate, limit):
    flow = run(ONE_TILE, replace(PLAIN, **{"threads": 64, **change}), 2000)
    assert flow.rate == pytest.approx(rate, rel=0.03)
    assert flow.bottleneck == limit


def test_random_latency_changes_no_mean():
    fixed, random = (run(ONE_TILE, replace(PLAIN, constant_latency=part), 2000) for part in (1.0, 0.5))
    # What is put together takes as long as the slowest of it: of four and two draws with a mean of 20 ms.
    slowest_s = 0.020 * ((1 + 1 / 2 + 1 / 3 + 1 / 4 - 1) + (1 + 1 / 2 - 1))
    assert (random.seconds - fixed.seconds) / 2000 == pytest.approx(slowest_s, rel=0.1)


@pytest.mark.parametrize("kind", [ONE_TILE, SEVERAL, fleet.SMALL, fleet.LARGE])
@pytest.mark.parametrize("workers", [1, 5])
def test_every_scene_ends_and_each_tile_is_computed_once(kind, workers):
    given = replace(fleet.Machine().fleet(workers, 4), cores=2)
    flow = run(kind, given, 60)
    device_s = flow.used["device"] * flow.seconds * workers
    assert device_s == pytest.approx(60 * kind.total("device") * given.tile_s)
    assert all(part <= 1 + 1e-9 for part in flow.used.values())


def test_a_large_scene_ends_after_its_tasks():
    flow = run(SEVERAL, replace(PLAIN, threads=5, memory_shares=5, devices=5), 1)
    assert flow.seconds == pytest.approx(0.040 + 3 * 0.040 + 0.4 + 0.040 + 0.040, rel=0.01)


@pytest.mark.parametrize("shares", [1, 2, 5])
def test_no_more_tasks_are_in_memory_than_there_are_shares(shares):
    flow = run(SEVERAL, replace(PLAIN, threads=40, devices=40, memory_shares=shares))
    assert flow.rate == pytest.approx(shares / (5 * (4 * 0.040 + 0.4)), rel=0.03)
    assert flow.bottleneck == "memory"


def test_ids_in_order_ask_one_partition_at_a_time():
    given = replace(PLAIN, workers=20, threads=64, tile_s=0.0, puts_s=80.0)
    one = run(ONE_TILE, given).rate
    spread = run(ONE_TILE, replace(given, partitions=8)).rate
    in_order = run(ONE_TILE, replace(given, partitions=8, is_sorted=True, archive_scenes=20_000), 20_000).rate
    assert one == pytest.approx(10.0, rel=0.02)
    assert spread == pytest.approx(8 * one, rel=0.1)
    assert in_order < 1.5 * one


def test_cpu_is_told_by_what_comes_before_the_device_and_after_it():
    assert ONE_TILE.cpu_s() == (0.01, 0.0)
    assert sum(fleet.LARGE.cpu_s()) == pytest.approx(
        fleet.LARGE.total("python") + fleet.LARGE.total("native")
    )
    assert fleet.LARGE.cpu_s()[0] == pytest.approx(0.010 + 1.2 + 6 * 0.005)


def test_calls_of_workers_share_the_driver():
    given = replace(PLAIN, workers=50, threads=4, tile_s=0.0, exchange_s=0.05)
    # A call brings at most what a worker holds.
    assert run(ONE_TILE, given, 4000).rate <= 4 / 0.05
    assert run(ONE_TILE, replace(given, gather_s=0.1), 4000).rate > run(ONE_TILE, given, 4000).rate


def test_the_model_of_the_bench_is_bound_by_its_devices():
    kind = fleet.bench_class(0.010)
    assert kind.total("python") == pytest.approx(0.010)
    for devices in (1, 4):
        flow = run(kind, fleet.bench_fleet(devices))
        assert flow.rate == pytest.approx(devices / 0.4, rel=0.03)
    assert math.isinf(fleet.bench_fleet(1).puts_s)


def test_the_table_has_a_line_a_fleet_and_ends_with_json(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["fleet", "--gpus", "1", "2", "--partitions", "1", "--scenes", "50"])
    assert fleet.main() == 0
    lines = capsys.readouterr().out.splitlines()
    table = json.loads(lines[-1])
    assert [(row["scenes"], row["GPUs"]) for row in table] == [
        ("560 px", 1), ("560 px", 2), ("10,980 px", 1), ("10,980 px", 2),
    ]  # fmt: skip
    assert len(lines) == 2 + len(table) + 1
    assert all(row["hours"] > 0 for row in table)
