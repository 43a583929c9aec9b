"""Listing and comparing a large archive: seconds and peak memory, with a synthetic bucket on loopback.

    python -m tests.bench.listing [--scenes 200000] [--latency-ms 20]

A server in another process answers ListObjectsV2 as S3 does, a thousand keys a page, each page after the
latency. Nothing is stored: keys, sizes and ETags are made up from their numbers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import psutil

from tests.bench.served import Answers, serve_with, served

Result = TypeVar("Result")
_PAGE_KEYS = 1000


def key(number: int) -> str:
    """Return the name of a scene: a tile and a date, as large archives have them."""
    return f"scenes/T{number % 60 + 1:02d}ABC/2026/{number // 60:06d}/S2A_20260101T{number:09d}_TCI.tif"


def page(start: int, count: int, name: Callable[[int], str] = key) -> bytes:
    """Return one page of a listing as S3 sends it; ``name`` are the keys by number."""
    stop = min(start + _PAGE_KEYS, count)
    rows = "".join(
        f"<Contents><Key>{name(number)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{number:032x}&quot;</ETag><Size>{10**8 + number}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for number in range(start, stop)
    )
    more = stop < count
    token = f"<NextContinuationToken>{stop}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>bucket</Name><KeyCount>{stop - start}</KeyCount><MaxKeys>{_PAGE_KEYS}</MaxKeys>"
        f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{rows}</ListBucketResult>"
    ).encode()


def serve(count: int, latency_s: float) -> None:
    """Serve the bucket until the process is ended; print the port."""

    class Handler(Answers, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            content = page(int(query.get("continuation-token", ["0"])[0]), count)
            time.sleep(latency_s)
            self.answer(200, content)

    serve_with(Handler)


def measured(words: str, call: Callable[[], Result]) -> Result:
    """Call and print how long it took, and how much memory the process holds and held at most, in MiB."""
    start, worked = time.perf_counter(), time.process_time()
    result = call()
    cpu = time.process_time() - worked
    seconds, now = time.perf_counter() - start, psutil.Process().memory_info().rss / 2**20
    with Path("/proc/self/status").open() as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    print(
        f"{words}: {seconds:.1f} s ({cpu:.1f} s of CPU), {now:.0f} MiB now, {peak:.0f} MiB at most",
        flush=True,
    )
    return result


def measure(count: int) -> None:
    """List the bucket twice, plainly and with filters and versions, and compare it with a full ledger."""
    import re

    from sgddiff_batch.core.query import ArchiveQuery, Source
    from sgddiff_batch.core.selection import Duplicates, Filters
    from sgddiff_batch.engine.survey import survey
    from sgddiff_batch.io.sources.listing import list_archive
    from sgddiff_batch.protocols import SceneRecord

    measured("start", lambda: None)
    source = (Source("s3://bucket/scenes"),)
    listing = measured(f"listing {count} scenes", lambda: list_archive(ArchiveQuery(source)))
    assert len(listing.scenes) == count
    query = ArchiveQuery(
        source,
        Filters(size_bytes=(1, None), excluded=(re.compile(".*_B01.tif"),)),
        Duplicates(re.compile(r"(S2A_\d{8}T\d+)_")),
    )
    again = measured("the same with filters and versions", lambda: list_archive(query))
    assert again.scenes == listing.scenes
    del again
    records = {
        scene.scene_id: SceneRecord(scene.scene_id, scene.version, "key", f"{scene.scene_id}/store.zarr")
        for scene in listing.scenes
    }
    plan = measured(
        "comparing with as many records",
        lambda: survey(listing.scenes, records, "key"),
    )
    assert len(plan.unchanged) == count


def run(
    module: str, about: str | None, serve: Callable[[int, float], None], measure: Callable[[int], None]
) -> None:
    """Read the command line and measure; ``module`` is what another process runs to ``serve`` the bucket."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--scenes", type=int, default=200_000)
    parser.add_argument("--latency-ms", type=float, default=20.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.scenes, options.latency_ms / 1000)
        return
    command = [sys.executable, "-m", module, "--serve", f"--scenes={options.scenes}"]
    command += [f"--latency-ms={options.latency_ms}"]
    with served(command):
        measure(options.scenes)


if __name__ == "__main__":
    run("tests.bench.listing", __doc__, serve, measure)
