"""What it costs to match a million objects and to write them: CPU seconds, wall seconds, peak memory.

    python -m tests.bench.objects [--objects 1000000] [--scenes 20]
    python -m tests.bench.objects --part          # CPU of drawing parts of maps of 560 px instead

Parts of scenes with polygons of 17 points, two scenes a place, the second's a little to the side, are made
in a process of their own and not counted. Then one night publishes all scenes but the last, and a second one
the last. The last line is one of JSON. Bar: 60 s and 2 GB on two cores for the first night.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.core.region_join import RegionJoin
from sgddiff_batch.core.regions import Regions, block_regions
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.geodesy import Ground
from sgddiff_batch.io.objects.geoparquet import SCHEMA, ObjectFile
from sgddiff_batch.io.objects.output import ObjectsMaker
from sgddiff_batch.io.objects.parts import about_part, part_key
from sgddiff_batch.io.objects.polygons import polygons_of, simplified
from sgddiff_batch.io.objects.rows import Shows, table_of
from sgddiff_batch.io.storage import open_store

SETTINGS = ObjectSettings()
CRS = "EPSG:32633"
_SIDE = 0.0001
_STEP = 2 * _SIDE


def main() -> int:
    """Print what both nights cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--part", action="store_true")
    options = parser.parse_args()
    if options.part:
        print(json.dumps([part_costs(smooth) for smooth in (14, 5, 2)]))
        return 0
    each = options.objects // options.scenes
    with tempfile.TemporaryDirectory(prefix="objects.") as folder:
        making = multiprocessing.get_context("spawn").Process(
            target=write_parts, args=(folder, options.scenes, each)
        )
        making.start()
        making.join()
        assert making.exitcode == 0, "the parts could not be made"
        told = measured(folder, options.scenes, each)
    print(json.dumps({"objects": each * options.scenes, "scenes": options.scenes} | told))
    return 0


def part_costs(smooth: int, side: int = 560, rounds: int = 12) -> dict[str, float]:
    """Return what drawing the part of a map costs, half of it salient: the smoother, the fewer objects.

    The least of so many rounds, in ms of CPU; how much of that fewer points take, and would take of GEOS's
    way that keeps topology, of all.
    """
    codes = smooth_codes(smooth, side)
    grid = Grid(side, side, Transform(10, 0, 5e5, 0, -10, 5e6), CRS)
    whole = Window(0, side, 0, side)
    shows, ground = Shows("a.tif", "a.tif/v-k.zarr", "run", "d" * 64, CRS), Ground(CRS)

    def drawn() -> tuple[Regions, pa.Table]:
        regions = RegionJoin(side, side, SETTINGS.high_code).add(
            block_regions(codes, whole, SETTINGS.low_code)
        )
        return regions, table_of(regions, grid, shows, ground, SETTINGS.simplify_px)

    regions, table = drawn()
    polygons = polygons_of(regions)
    ways: dict[str, Callable[[], object]] = {
        "cpu_ms": drawn,
        "simplify_ms": lambda: simplified(polygons, SETTINGS.simplify_px),
        "topology_ms": lambda: shapely.simplify(polygons, SETTINGS.simplify_px),
    }
    return {"objects": table.num_rows} | {name: _least_ms(way, rounds) for name, way in ways.items()}


def smooth_codes(smooth: int, side: int) -> NDArray[np.uint8]:
    """Return codes (side, side): noise, averaged three times over so many pixels each way."""
    noise = np.random.default_rng(3).normal(size=(side, side))
    for axis in (0, 1) * 3:
        noise = np.mean([np.roll(noise, step, axis) for step in range(smooth)], axis=0)
    return np.where(noise >= np.median(noise), 200, 0).astype(np.uint8)


def _least_ms(call: Callable[[], object], rounds: int) -> float:
    found = []
    for _ in range(rounds):
        start = time.thread_time()
        call()
        found.append(time.thread_time() - start)
    return round(1e3 * min(found), 1)


def write_parts(folder: str, scenes: int, each: int) -> None:
    """Write the parts of scenes with so many objects each."""
    store = open_store(folder)
    for number in range(scenes):
        about = about_part(_store(number), _scene(number), SETTINGS, _completed(number), "root")
        file = ObjectFile(CRS)
        file.add(rows_of(number, each))
        left, right = 10.0 + number // 2, 10.9 + number // 2
        valid = shapely.to_wkb(shapely.box(left, 40, right, 60))
        store.write(part_key(_store(number), SETTINGS), file.finish(about, valid))


def rows_of(number: int, each: int) -> pa.Table:
    """Return the objects of a scene: polygons beside each other."""
    across = int(each**0.5) + 1
    place = np.arange(each)
    x = 10.0 + number // 2 + place % across * _STEP + (_SIDE / 8 if number % 2 else 0)
    y = 45.0 + place // across * _STEP
    shapes = shapely.buffer(shapely.points(x + _SIDE / 2, y + _SIDE / 2), _SIDE / 2, quad_segs=4)
    outlines = shapely.to_wkb(shapes)
    columns = {name: pa.nulls(each, kind) for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True)}
    columns |= {
        "id": pa.array([f"{number:06d}{nth:014d}" for nth in range(each)]),
        "scene": pa.array([_scene(number)] * each),
        "store": pa.array([_store(number)] * each),
        "area_m2": pa.array(np.full(each, 100.0)),
        "pixels": pa.array(np.full(each, 100)),
        "lon": pa.array(x),
        "lat": pa.array(y),
        "crs": pa.array([CRS] * each),
        "bbox": pa.StructArray.from_arrays(
            [pa.array(one) for one in (x, y, x + _SIDE, y + _SIDE)], fields=list(SCHEMA.field("bbox").type)
        ),
        "geometry": pa.array(outlines, pa.binary()),
        "geometry_native": pa.array(outlines, pa.binary()),
    }
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


def measured(folder: str, scenes: int, each: int) -> dict[str, object]:
    """Return what the two nights cost, and how many objects they know."""
    store, told = open_store(folder), dict[str, object]()
    before = None
    for night, count in (("first", scenes - 1), ("second", scenes)):
        maker = ObjectsMaker(store, SETTINGS)
        wall, cpu = time.perf_counter(), time.process_time()
        before = maker.make(catalogue_of(count), f"{count:064d}", before)
        assert before is not None, "nothing hinders it"
        assert before.rows == count * each, "every row is there"
        told[f"{night}_night"] = {
            "cpu_s": round(time.process_time() - cpu, 1),
            "wall_s": round(time.perf_counter() - wall, 1),
            "file_mb": round(len(store.read(before.file)) / 1e6, 1),
        }
    told["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
    return told


def catalogue_of(scenes: int) -> pa.Table:
    """Return the rows of the catalogue that an :class:`ObjectsMaker` asks for."""
    rows = [
        {
            "id": _scene(number),
            "store": _store(number),
            "start_datetime": datetime(2026, 1, 1 + number % 28, number // 28, tzinfo=UTC),
            "created": _completed(number),
            "sgddiff:time_known": True,
            "proj:code": CRS,
            "proj:wkt2": "",
            "height_px": 10_000,
            "width_px": 10_000,
        }
        for number in range(scenes)
    ]
    return pa.Table.from_pylist(rows)


def _scene(number: int) -> str:
    return f"{number:06d}.tif"


def _store(number: int) -> str:
    return f"{_scene(number)}/v-k.zarr"


def _completed(number: int) -> datetime:
    return datetime(2026, 2, 1, tzinfo=UTC).replace(microsecond=number)


if __name__ == "__main__":
    sys.exit(main())
