"""Measures how long a night takes to learn what a ledger of many records holds, with the index and without.

    OMP_NUM_THREADS=1 python -m tests.bench.ledger [--scenes 200000] [--latency-ms 20]

A process of its own plays the bucket: it lists 1000 records a page, sends each, and keeps the index.
"""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

from sgddiff_batch.io.storage.store import Store
from tests.bench.listing import key, measured, page, run
from tests.bench.served import Answers, serve_with

_FEW = 500
"""So many records are read one by one; what more would take is told by their rate."""
_OUT = "out/_ledger/scenes/"
_NEWER = 50


def record_key(number: int) -> str:
    """Return the key of a record, as the ledger names it."""
    return f"{_OUT}{key(number)}~.json"


def record(number: int) -> bytes:
    """Return a record of a scene that is done."""
    scene_id, store = key(number), f"{key(number)}/{number:016x}-0123456789ab.zarr"
    row = {
        "scene_id": scene_id, "version": f"{number:016x}", "run_key": "0123456789ab", "store": store,
        "reason": None, "valid_px": 10**8, "salient_px": 10**5, "height_px": 10980, "width_px": 10980,
        "finished_at": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return json.dumps(row, separators=(",", ":")).encode()


def serve(count: int, latency_s: float) -> None:
    """Serve the bucket until the process is ended; print the port."""
    kept: dict[str, bytes] = {}

    class Handler(Answers, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path, query = unquote(parts.path).partition("/bucket/")[2], parse_qs(parts.query)
            time.sleep(latency_s)
            if "list-type" in query:
                start = int(query.get("continuation-token", ["0"])[0])
                self.answer(200, page(start, count, record_key))
            elif path.startswith(_OUT):
                number = int(path.rpartition("T")[0].rpartition("T")[2].partition("_")[0])
                self.answer(200, record(number))
            else:
                self.answer(
                    200 if path in kept else 404, kept.get(path, b"<Error><Code>NoSuchKey</Code></Error>")
                )

        def do_PUT(self) -> None:
            path = unquote(urlsplit(self.path).path).partition("/bucket/")[2]
            kept[path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(200, b"")

    serve_with(Handler)


def measure(count: int) -> None:
    """Read some records one by one, then all by an index that lacks a few."""
    from sgddiff_batch.io.ledger.marks import ObjectLedger
    from sgddiff_batch.io.ledger.mending import mended_records
    from sgddiff_batch.io.storage.store import open_store

    store = open_store("s3://bucket/out")
    measured("start", lambda: None)
    put_index(store, count)
    words = f"listing and reading {count} records, all but {_NEWER} by the index"
    records = measured(words, lambda: mended_records(ObjectLedger(store), write=False))
    assert len(records) == count


def put_index(store: Store, count: int) -> None:
    """Read a few records one by one, and keep an index of nearly all."""
    from sgddiff_batch.io.ledger import index as object_index
    from sgddiff_batch.io.ledger.marks import index_of

    few = min(count, _FEW)
    listed = measured(f"listing {count} records", lambda: store.listed("_ledger/scenes"))
    assert len(listed) == count
    measured(f"reading {few} of them one by one", lambda: store.read_many(list(listed)[:few]))
    versions = [(one, facts.version or "") for one, facts in listed.items()][_NEWER:]
    rows = {one: (version, record(n)) for n, (one, version) in enumerate(versions, _NEWER)}
    data = measured("making the index", lambda: object_index.encode(rows))
    print(f"the index: {len(data) / 2**20:.1f} MiB", flush=True)
    store.write(index_of("scenes"), data)


if __name__ == "__main__":
    run("tests.bench.ledger", __doc__, serve, measure)
