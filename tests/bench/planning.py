"""Planning a large archive: CPU, peak memory and requests of a first night, and of one without change.

    python -m tests.bench.planning [--scenes 10000 100000 1000000] [--latency-ms 20]

A process of its own plays the bucket: it lists scenes and records 1000 a page, each answer after the latency,
and keeps what is put. Each night is a process, too, whose CPU and memory are counted from its start: it plans
as the main job does, and, where nothing changed, publishes. Of a first night that was told of all scenes the
memory is that of a run just before it publishes.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.bench.listing import page
from tests.bench.served import Answers, serve_with, served

_NIGHTS = ("first", "told", "unchanged")
_CHANGED_S = 1_767_225_600.0
"""When all objects were written: what the pages of a listing say."""
_ROWS = 65_536


def key(number: int) -> str:
    """Return the name of a scene; names are in the order of their numbers, as S3 lists them."""
    return f"scenes/T{number // 20_000:02d}ABC/2026/{number // 60:06d}/S2A_20260101T{number:09d}_TCI.tif"


def record_key(number: int) -> str:
    """Return the key of the record of a scene."""
    return f"out/_ledger/scenes/{scene_id(number)}~.json"


def scene_id(number: int) -> str:
    """Return the id of a scene: its name below the archive."""
    return key(number).removeprefix("scenes/")


def serve(count: int, latency_s: float) -> None:
    """Serve the bucket until the process is ended; print the port. ``GET /asked`` counts, and begins anew."""
    kept: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(Answers, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/asked":
                self.answer(200, json.dumps(asked).encode())
                asked.clear()
                return
            path, query = unquote(parts.path).partition("/bucket/")[2], parse_qs(parts.query)
            listed = query.get("prefix", [""])[0] if "list-type" in query else None
            asked.append(f"GET {path}" if listed is None else f"LIST {listed}")
            time.sleep(latency_s)
            start = int(query.get("continuation-token", ["0"])[0])
            if listed == "scenes/":
                self.answer(200, page(start, count, key))
            elif listed == "out/_ledger/scenes/":
                self.answer(200, page(start, count, record_key))
            elif listed is not None:
                self.answer(200, page(0, 0))
            elif path in kept:
                self.answer(200, kept[path])
            else:
                self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

        def do_PUT(self) -> None:
            path = unquote(urlsplit(self.path).path).partition("/bucket/")[2]
            asked.append(f"PUT {path}")
            kept[path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(200, b"")

    serve_with(Handler)


def prepare(count: int) -> None:
    """Put what an earlier night left: the index of all records, and the catalogue of their mosaics."""
    from sgddiff_batch.io.ledger.index import _Writer
    from sgddiff_batch.io.ledger.marks import index_of
    from sgddiff_batch.io.storage.store import open_store

    store = open_store("s3://bucket/out")
    index = _Writer()
    for start in range(0, count, _ROWS):
        part = range(start, min(start + _ROWS, count))
        versions = [f"{number:032x} {10**8 + number} {_CHANGED_S:.3f}" for number in part]
        index.add(
            [record_key(number).removeprefix("out/") for number in part], versions, [*map(_record, part)]
        )
    store.write(index_of("scenes"), index.encoded())
    _put_catalogue(store, count)


def _version(number: int) -> str:
    from sgddiff_batch.io.archive.found import version_of_one

    return version_of_one(key(number), f'"{number:032x}"')


def _store(number: int) -> str:
    return f"{scene_id(number)}/{_version(number)}-{_run_key()}.zarr"


@cache
def _run_key() -> str:
    return _bench("out").run_key


def _record(number: int) -> bytes:
    row = {
        "scene_id": scene_id(number), "version": _version(number), "run_key": _run_key(),
        "store": _store(number),
        "reason": None, "valid_px": 10**8, "salient_px": 10**5, "height_px": 10980, "width_px": 10980,
        "finished_at": "2026-01-01T00:00:00+00:00", "mask_rule": "no-data value",
    }  # fmt: skip
    return json.dumps(row, separators=(",", ":")).encode()


def _put_catalogue(store: object, count: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from sgddiff_batch.core.fingerprint import bytes_digest
    from sgddiff_batch.core.generations import Generation, published, tree_of
    from sgddiff_batch.io.catalogue import generations, objects
    from sgddiff_batch.io.catalogue.rows import table_of
    from sgddiff_batch.io.catalogue.schema import SCHEMA
    from sgddiff_batch.io.catalogue.stac_columns import with_stac
    from sgddiff_batch.io.storage import flip
    from tests.io.catalogue.test_rows import row_of

    made = datetime(2026, 1, 1, tzinfo=UTC)
    row = table_of([row_of() | {"created": made, "archive": "s3://bucket/scenes"}])
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
        for start in range(0, count, _ROWS):
            part = range(start, min(start + _ROWS, count))
            table = row.take([0] * len(part))
            for name, make in (("id", scene_id), ("store", _store)):
                place = table.schema.get_field_index(name)
                table = table.set_column(place, name, pa.array(map(make, part), pa.string()))
            writer.write_table(with_stac(table, "s3://bucket/out"))
    data = sink.getvalue().to_pybytes()
    generation = Generation(1, "generations/1.parquet", bytes_digest(data), count, "run", "2026-01-01")
    store.write(f"{objects.CATALOGUE}/{generation.file}", data)
    flip(store, generations.POINTER, tree_of(published(None, generation, 7)), None)
    objects.write_link(store, generation)


def night(name: str, count: int) -> float:
    """Plan a night, and publish it where nothing changed; return the GB that it took before."""
    from sgddiff_batch.io.catalogue import Recordings
    from sgddiff_batch.io.reports import Packed
    from sgddiff_batch.runs import plan_run
    from sgddiff_batch.runs.publish import Publisher

    bench = _bench("out" if name == "unchanged" else "new")
    base_gb = _peak_gb()
    run = _timed("plan", lambda: plan_run(bench))
    assert (len(run.listing.scenes), run.withdrawals.withdrawn) == (count, ())
    if name in ("first", "told"):
        assert len(run.plan.todo) == count
        if name == "told":
            _tell_of_all(run)
        return base_gb
    assert (len(run.records), len(run.plan.unchanged)) == (count, count)
    assert _timed("publish", Publisher(run, Packed(), Recordings()).publish) is None
    return base_gb


def _tell_of_all(run) -> None:
    """Hold what a run holds of its scenes at its end, before it publishes."""
    import shapely

    from sgddiff_batch.engine.results import result_of_record
    from sgddiff_batch.io.catalogue import Recordings
    from sgddiff_batch.io.catalogue.shown import shown_of
    from sgddiff_batch.io.geodesy import FootprintMaker
    from sgddiff_batch.io.mosaics import root_attributes
    from sgddiff_batch.io.reports import Packed
    from sgddiff_batch.protocols import Recorded, SceneRecord
    from tests.io.catalogue_examples import GRID

    facts = {"source_uri": "s3://bucket/scenes/x.tif", "pixel_settings": {"model": {"digest": "d" * 64}}}
    shown = shown_of(root_attributes(GRID, 1, facts), FootprintMaker()).to_json()
    results, recordings, draws = Packed(), Recordings(), random.Random(0)
    for number, scene in enumerate(run.plan.todo):
        record = SceneRecord(**json.loads(_record(number)) | {"scene_id": scene.scene_id})
        box = shapely.box(*(draws.uniform(-90, 90) for _ in range(4)))
        own = {"source": scene.uri, "outline": [box.wkb_hex, list(box.bounds), draws.random()]}
        recordings.add(Recorded(record, shown | own))
        seconds = {stage: draws.random() for stage in ("read", "predict", "store")}
        results.append(replace(result_of_record(scene, record, "done"), tiles=1, seconds=seconds))
    print(f"  told of {len(results)} scenes: {_peak_gb():.2f} GB at most", flush=True)


def _bench(output: str):
    """Return what the main job would open for an output of the bucket, without a lease."""
    from sgddiff_batch.config import load_config
    from sgddiff_batch.runs import open_bench
    from tests.bench.scale import Network
    from tests.kit import jobs

    with tempfile.TemporaryDirectory() as folder:
        uris = "s3://bucket/scenes", f"s3://bucket/{output}"
        config = load_config(str(jobs.write_config(Path(folder) / "run.yaml", *uris, Path("/nowhere"))))
    return open_bench(config, Network())


def _timed(words: str, call):
    start = time.process_time()
    result = call()
    print(f"  {words}: {time.process_time() - start:.1f} s of CPU, {_peak_gb():.2f} GB at most", flush=True)
    return result


def _peak_gb() -> float:
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) * 1024 / 1e9 for line in status if line.startswith("VmHWM"))


def _told(base_gb: float) -> None:
    used, peak_gb = resource.getrusage(resource.RUSAGE_SELF), _peak_gb()
    cpu_s = round(used.ru_utime + used.ru_stime, 1)
    print(json.dumps({"cpu_s": cpu_s, "peak_gb": round(peak_gb, 2), "more_gb": round(peak_gb - base_gb, 3)}))


def measure(count: int, latency_ms: float) -> dict[str, dict[str, float]]:
    """Return CPU seconds, peak GB and requests of both nights over an archive of so many scenes."""
    me = [sys.executable, "-m", "tests.bench.planning"]
    sizes = [f"--scenes={count}", f"--latency-ms={latency_ms}"]
    with served([*me, "--part=serve", *sizes]) as port:
        subprocess.run([*me, "--part=prepare", *sizes], check=True)
        found = {}
        for name in _NIGHTS:
            _asked(port)
            command = [*me, f"--part={name}", *sizes]
            lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            print(lines.stdout, end="", flush=True)
            asked = _asked(port)
            listed = [one for one in asked if one.startswith("LIST ") and one.endswith("scenes/")]
            found[name] = json.loads(lines.stdout.splitlines()[-1]) | {
                "pages": len(listed), "other_requests": len(asked) - len(listed),
            }  # fmt: skip
            print(f"{count} scenes, {name} night: {found[name]}", flush=True)
        return found


def summary(found: dict[str, dict[str, float]], count: int) -> dict[str, float]:
    """Return the most that planning took, of both nights, and what a driver holds of a scene till its end."""
    planned = [found[name] for name in ("first", "unchanged")]
    return {
        "scenes": count,
        "plan_million_cpu_s": max(one["cpu_s"] for one in planned),
        "plan_million_gb": max(one["peak_gb"] for one in planned),
        "plan_million_requests": max(one["other_requests"] for one in planned),
        "driver_bytes_a_scene": round(found["told"]["more_gb"] * 1e9 / count),
    }


def _asked(port: int) -> list[str]:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/asked")
    asked: list[str] = json.loads(connection.getresponse().read())
    connection.close()
    return asked


def main() -> None:
    """Read the command line; measure, or be one of the processes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scenes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--latency-ms", type=float, default=20.0)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    count = options.scenes[-1]
    if options.part == "serve":
        serve(count, options.latency_ms / 1000)
    elif options.part == "prepare":
        prepare(count)
    elif options.part:
        _told(night(options.part, count))
    else:
        for scenes in options.scenes:
            found = measure(scenes, options.latency_ms)
        print(json.dumps(summary(found, count)))


if __name__ == "__main__":
    main()
