"""Counts what a run asks of its storage and of its network, by kind, while it works undisturbed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
from aiobotocore.client import AioBaseClient  # type: ignore[import-untyped]
from numpy.typing import NDArray

from jobs.network import Student
from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.core.tiling import TaskTiles
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.s3_objects import S3Objects
from sgddiff_batch.io.storage.store import Store

_ONE_REQUEST = {
    "write": "write", "create": "write", "replace": "write", "read": "read", "read_versioned": "read",
    "listed": "list", "listed_columns": "list", "entries": "list",
    "delete": "delete", "delete_tree": "delete",
}  # fmt: skip
"""Calls of a store that are one request each, and its kind. ``read_many`` is a read a key."""


class Counts:
    """What was counted so far, by (kind, folder); may be added to from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.by_kind: Counter[tuple[str, str]] = Counter()

    def add(self, kind: str, key: str, count: int = 1) -> None:
        """Count requests of a kind for a key; the key is kept as the folder that says what it is."""
        with self._lock:
            self.by_kind[kind, folder_of(key)] += count

    @property
    def total(self) -> int:
        """All requests."""
        return self.by_kind.total()

    def table(self) -> str:
        """Return the counts as text, the most frequent first."""
        return ", ".join(f"{count} {kind} {folder}" for (kind, folder), count in self.by_kind.most_common())


def folder_of(key: str) -> str:
    """Return what a key belongs to: ``_ledger/<kind>``, ``_catalogue``, report, mosaic, or scenes."""
    below = key.split("out/", 1)[1] if "out/" in key else key
    parts = below.split("/")
    if parts[0] == "_ledger":
        return "/".join(parts[:2])
    if parts[0] == "_catalogue":
        return parts[0]
    if parts[0].startswith("report-"):
        return "report"
    return "mosaic" if any(part.endswith(".zarr") for part in parts) else "scenes"


@contextmanager
def counted_store_calls() -> Iterator[Counts]:
    """Count the calls of every :class:`Store` of this process, each as the requests that it stands for."""
    counts = Counts()
    read_many = Store.read_many

    def counting(name: str, kind: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(Store, name)

        def counted(store: Store, key: str = "", *rest: Any) -> Any:
            counts.add(kind, store.path(key))
            return call(store, key, *rest)

        return counted

    def counted_read_many(store: Store, keys: Sequence[str]) -> dict[str, bytes]:
        for key in keys:
            counts.add("read", store.path(key))
        return read_many(store, keys)

    methods = {name: counting(name, kind) for name, kind in _ONE_REQUEST.items()}
    with ExitStack() as patches:
        for name, method in {**methods, "read_many": counted_read_many}.items():
            patches.enter_context(patch.object(Store, name, method))
        yield counts


@contextmanager
def counted_s3_requests() -> Iterator[Counts]:
    """Count the calls of S3's API that this process makes; those of GDAL, which reads the scenes, are not."""
    counts = Counts()
    call = AioBaseClient._make_api_call

    async def counted(client: AioBaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        counts.add(operation, str(arguments.get("Key", arguments.get("Prefix", ""))))
        return await call(client, operation, arguments)

    ask = S3Objects._ask

    def counted_ask(objects: S3Objects, operation: str, path: str, request: Callable[..., Any]) -> Any:
        def counted_request(client: Any, key: str) -> Any:
            counts.add(operation, key)
            return request(client, key)

        return ask(objects, operation, path, counted_request)

    with (
        patch.object(AioBaseClient, "_make_api_call", counted),
        patch.object(S3Objects, "_ask", counted_ask),
    ):
        yield counts


@dataclass
class Work:
    """What a run made its network and its writer do: tiles and calls of predictors, blocks by store."""

    tiles: int = 0
    predictions: int = 0
    blocks: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def counted_work() -> Iterator[Work]:
    """Count what this process computes and stores."""
    work = Work()
    load, write = Student.load, ZarrBlockWriter.write_block

    def counting_write(
        writer: ZarrBlockWriter, mosaic: Mosaic, block: Window, codes: NDArray[np.uint8]
    ) -> None:
        write(writer, mosaic, block, codes)
        with work.lock:
            work.blocks[mosaic.path] += 1

    with (
        patch.object(Student, "load", lambda *given: _CountingPredictor(load(*given), work)),
        patch.object(ZarrBlockWriter, "write_block", counting_write),
    ):
        yield work


@dataclass
class _CountingPredictor:
    predictor: Any
    work: Work

    def predict(
        self, pixels: NDArray[np.uint8], valid: NDArray[np.bool_], tiles: TaskTiles, /
    ) -> NDArray[np.uint8]:
        """Count the tiles of a task, then predict."""
        with self.work.lock:
            self.work.predictions += 1
            self.work.tiles += len(tiles.row_starts) * len(tiles.col_starts)
        codes: NDArray[np.uint8] = self.predictor.predict(pixels, valid, tiles)
        return codes
