"""What a run asks of S3 by kind, twice counted, and what a million such scenes cost at list prices.

    OMP_NUM_THREADS=1 python -m tests.bench.prices [--scenes 100] [--first 20] [--side 560] [--cog]

A run over new scenes on a real S3 server, behind a proxy that counts what passes; at the same time the calls
of the clients are counted. What both do not count alike is printed: GDAL's own requests, and what the client
libraries add. A run over the first scenes alone tells what is asked once, whatever the number of scenes (a
plan opens up to 16). Prices: S3 standard, us-east-1, list: PUT, COPY, POST, LIST $.005 and GET, HEAD $.0004 a
thousand; DELETE nothing. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import rasterio.shutil

from tests.bench.scale import Network, night
from tests.kit import jobs
from tests.kit.counting import Counts, counted_s3_requests
from tests.kit.counting_proxy import run_counting_proxy
from tests.kit.s3 import run_s3_server
from tests.kit.scenes import noise, write_scene

DOLLARS = {"PUT": 5e-6, "POST": 5e-6, "LIST": 5e-6, "GET": 4e-7, "HEAD": 4e-7, "DELETE": 0.0}
"""What a request costs, by kind."""
OPERATIONS = {
    "PutObject": "PUT", "CopyObject": "PUT", "DeleteObjects": "POST", "ListObjectsV2": "LIST",
    "GetObject": "GET", "HeadObject": "HEAD", "HeadBucket": "HEAD", "DeleteObject": "DELETE",
}  # fmt: skip
"""The kinds of the operations of S3's API."""
MILLION = 1_000_000

Kinds = Counter[tuple[str, str]]
"""Requests by (kind, folder)."""


def dollars(by_kind: Mapping[tuple[str, str], float]) -> float:
    """Return what requests cost."""
    return sum(DOLLARS[kind] * count for (kind, _), count in by_kind.items())


def kinds_of(calls: Counts) -> Kinds:
    """Return the calls of clients by the kinds that are charged."""
    kinds: Kinds = Counter()
    for (operation, folder), count in calls.by_kind.items():
        kinds[OPERATIONS[operation], folder] += count
    return kinds


def draw(folder: Path, side_px: int, *, is_cog: bool) -> Path:
    """Write a scene: an RGB of smooth noise, or a COG of more detail, as large ones are."""
    plain = jobs.write_scene(folder / "one.tif", side_px, side_px, 1)
    if not is_cog:
        return plain
    smooth = noise(3, side_px, side_px)
    layout: dict[str, Any] = {"tiled": True, "blockxsize": 512, "blockysize": 512, "interleave": "pixel"}
    pixels = smooth ^ np.random.default_rng(1).integers(0, 16, smooth.shape, dtype=np.uint8)
    plain = write_scene(folder / "plain.tif", pixels, photometric="RGB", **layout)
    rasterio.shutil.copy(plain, folder / "cog.tif", driver="COG", compress="deflate", num_threads="ALL_CPUS")
    return folder / "cog.tif"


def count(scene: Path, scenes: int) -> tuple[Kinds, Kinds]:
    """Run over so many copies of a scene; return what the proxy and what the clients counted."""
    with tempfile.TemporaryDirectory() as name, run_s3_server(Path(name)) as server:
        server.filesystem.mkdir("prices")
        for number in range(scenes):
            server.filesystem.put_file(str(scene), f"prices/scenes/{number:05d}.tif")
        with run_counting_proxy(server.endpoint) as (endpoint, passed):
            through = replace(server, endpoint=endpoint)
            with patch.dict("os.environ", through.environment), counted_s3_requests() as called:
                night("s3://prices", Path(name), Network(), 2)
        return Counter(passed.by_kind), kinds_of(called)


def main() -> int:
    """Print the requests of a scene by kind, and their prices."""
    options = _parse()
    with tempfile.TemporaryDirectory() as name:
        scene = draw(Path(name), options.side, is_cog=options.cog)
        size = scene.stat().st_size
        once, _ = count(scene, options.first)
        passed, called = count(scene, options.scenes + options.first)
    print(f"{options.scenes} scenes of {options.side} px, {size / 1e6:.2f} MB each")
    a_scene: dict[tuple[str, str], float] = {
        key: (passed[key] - once[key]) / options.scenes for key in sorted(passed.keys() | once.keys())
    }
    for (kind, folder), number in a_scene.items():
        if abs(number) > 0.02:
            price = DOLLARS[kind] * number * MILLION
            print(f"{kind:6} {folder:20} {number:6.2f} a scene, ${price:7.2f} a million")
    unlike = {key: passed[key] - called[key] for key in sorted(passed.keys() | called.keys())}
    for (kind, folder), more in unlike.items():
        if more:
            print(f"{kind:6} {folder:20} {more:+d} by the proxy than by the clients")
    found = {
        "proxy": passed.total(),
        "clients": called.total(),
        "once_a_run": once.total() - round(options.first * sum(a_scene.values())),
        "requests_a_scene": round(sum(a_scene.values()), 2),
        "by_kind": _by_kind(a_scene),
        "dollars_a_million": round(dollars(a_scene) * MILLION, 2),
    }
    print(json.dumps(found))
    return 0


def _by_kind(a_scene: Mapping[tuple[str, str], float]) -> dict[str, float]:
    kinds: Counter[str] = Counter()
    for (kind, _), number in a_scene.items():
        kinds[kind] += number  # type: ignore[assignment]
    return {kind: round(number, 2) for kind, number in kinds.items()}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.prices")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--first", type=int, default=20, help="scenes of the run before")
    parser.add_argument("--side", type=int, default=560, help="side of a scene, in pixels")
    parser.add_argument("--cog", action="store_true", help="scenes are COGs of more detail")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
