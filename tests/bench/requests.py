"""CPU of this process for a request of each kind, through a Store and by s3fs alone, on a loopback server.

    OMP_NUM_THREADS=1 python -m tests.bench.requests [--calls 300] [--keys 20000]

The server is a process of its own that answers at once and keeps nothing but what is put. A listing is told a
key. The last line is JSON: milliseconds of CPU a request, microseconds a key.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.bench.listing import page
from tests.bench.served import Answers, serve_with, served

if TYPE_CHECKING:
    from sgddiff_batch.io.storage.store import Store

_DATA = b"0123456789abcdef" * 256


def serve(keys: int) -> None:
    """Serve the bucket until the process is ended; print the port."""

    class Handler(Answers, BaseHTTPRequestHandler):
        wbufsize = -1  # headers and body in one piece: else the client waits for a late acknowledgement

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            if "list-type" in query:
                self.answer(200, page(int(query.get("continuation-token", ["0"])[0]), keys))
            elif "none" in self.path:
                self.answer(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")
            else:
                part = self.headers.get("Range")
                more = {"Content-Range": f"bytes 0-99/{len(_DATA)}"} if part else {}
                self.answer(206 if part else 200, _DATA[:100] if part else _DATA, more)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.answer(200, b"")

        def do_DELETE(self) -> None:
            self.answer(204, b"")

        def handle_expect_100(self) -> bool:
            super().handle_expect_100()
            self.wfile.flush()
            return True

    serve_with(Handler)


def gone(call: Callable[[], Any]) -> None:
    """Call for what is not there."""
    try:
        call()
    except FileNotFoundError:
        return
    raise AssertionError("it is there")


def measure(calls: int, keys: int) -> dict[str, dict[str, float]]:
    """Return the cost of each kind of call, by way."""
    from sgddiff_batch.io.storage.s3 import S3Backend
    from sgddiff_batch.io.storage.store import Store, open_store

    store = open_store("s3://bucket")
    assert isinstance(store.backend, S3Backend)
    found = {
        "store": costs(store, calls),
        "s3fs": costs(Store("bucket", S3Backend(store.backend.filesystem)), calls),
    }
    for name in ("listed", "listed_columns", "find"):
        found["store"][f"{name}, us a key"] = cpu_s(partial(getattr(store, name), "scenes")) / keys * 1e6
    return found


def costs(store: Store, calls: int) -> dict[str, float]:
    """Return the milliseconds of CPU of each kind of request."""
    many = [f"k{number}" for number in range(calls)]
    single: dict[str, Callable[[], Any]] = {
        "read": lambda: store.read("a"),
        "read what is not there": lambda: gone(lambda: store.read("none")),
        "read_part": lambda: store.read_part("a", 0, 100),
        "read_versioned": lambda: store.read_versioned("a"),
        "stat": lambda: store.stat("a"),
        "write": lambda: store.write("a", _DATA),
        "create": lambda: store.create("a", _DATA),
        "replace": lambda: store.replace("a", _DATA, '"x"'),
        "delete": lambda: store.delete("a"),
    }
    found = {name: cpu_s(partial(repeated, call, calls)) for name, call in single.items()}
    found["read_many"] = cpu_s(lambda: store.read_many(many))
    with ThreadPoolExecutor(8) as pool:
        found["read by 8 threads"] = cpu_s(lambda: list(pool.map(store.read, many)))
    return {name: seconds / calls * 1e3 for name, seconds in found.items()}


def repeated(call: Callable[[], Any], calls: int) -> None:
    """Call so often."""
    for _ in range(calls):
        call()


def cpu_s(call: Callable[[], Any]) -> float:
    """Return the CPU seconds of a call, after one that warms up."""
    call()
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    """Read the command line, serve or measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.keys)
        return
    command = [sys.executable, "-m", "tests.bench.requests", "--serve", f"--keys={options.keys}"]
    with served(command):
        found = measure(options.calls, options.keys)
    for name in found["store"]:
        print(f"{name:26} " + "  ".join(f"{way} {costs.get(name, 0):7.3f}" for way, costs in found.items()))
    print(
        json.dumps(
            {way: {name: round(cost, 4) for name, cost in costs.items()} for way, costs in found.items()}
        )
    )


if __name__ == "__main__":
    main()
