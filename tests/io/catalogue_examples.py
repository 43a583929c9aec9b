"""Outputs without pixels: mosaics that are a root object alone, their records, and stores that die."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.io.catalogue.generations import Generation, publish
from sgddiff_batch.io.catalogue.update import PublishContext
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics import conventions
from sgddiff_batch.io.storage.store import Store, open_store
from sgddiff_batch.protocols import SceneRecord
from tests.io.mosaic_examples import NORTH_UP, UTM, Killed

GRID = Grid(100, 200, NORTH_UP, UTM)
NIGHT = PublishContext("run")
_NIGHTS = count(1)


def version_of(number: int) -> str:
    return f"{number:016x}"


def store_of(scene_id: str, number: int = 1, key: str = "aaaaaaaaaaaa") -> str:
    return f"{scene_id}/{version_of(number)}-{key}.zarr"


def put_mosaic(
    store: Store, name: str, grid: Grid = GRID, *, source: str = "s3://archive/a.tif", complete: bool = True
) -> None:
    """Write the root of a mosaic, and one object below it."""
    provenance = {"source_uri": source, "pixel_settings": {"model": {"digest": "d" * 64}}}
    attributes = conventions.root_attributes(grid, 1, provenance) | {"complete": complete}
    store.write(f"{name}/0/saliency/c/0/0", b"codes")
    store.write(f"{name}/zarr.json", json.dumps({"attributes": attributes}).encode())


def record_of(scene_id: str, number: int = 1, **changes: object) -> SceneRecord:
    facts = {"valid_px": 10000, "salient_px": 100, "height_px": 100, "width_px": 200}
    rest = facts | {"finished_at": f"2026-01-01T00:00:{number % 60:02d}+00:00"} | changes
    return SceneRecord(scene_id, version_of(number), "aaaaaaaaaaaa", store_of(scene_id, number), **rest)  # type: ignore[arg-type]


def finish(store: Store, scene_id: str, number: int = 1, grid: Grid = GRID, **changes: object) -> SceneRecord:
    """Make a complete mosaic and its record in the ledger."""
    record = record_of(scene_id, number, **changes)
    put_mosaic(store, str(record.store), grid)
    ObjectLedger(store).finish(record)
    return record


def publish_all(
    store: Store, night: PublishContext | None = None, keep: int = 7, *, is_over: bool = True
) -> Generation | None:
    """Publish what the ledger of an output says; as another run each time, unless it is told which."""
    ledger = ObjectLedger(store)
    night = night or PublishContext(f"run-{next(_NIGHTS)}")
    return publish(store, ledger.records(), ledger.withdrawn().keys(), night, keep, is_over=is_over)


def superseded(uri: str | Path) -> Path:
    """Make an output with one superseded mosaic, which no kept generation names."""
    store = open_store(str(uri))
    for number in (1, 2):
        finish(store, "a.tif", number)
        publish_all(store, keep=1)
    return Path(uri)


@dataclass(frozen=True)
class DyingStore(Store):
    """Counts the calls that change something, and dies before the one of number ``die_at``."""

    die_at: int | None = None
    changes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)

    def _step(self, call: str, key: str) -> None:
        if self.die_at is not None and len(self.changes) >= self.die_at:
            raise Killed
        self.changes.append(f"{call} {key}")

    def write(self, key: str, data: bytes) -> None:
        self._step("write", key)
        super().write(key, data)

    def create(self, key: str, data: bytes) -> str | None:
        self._step("create", key)
        return super().create(key, data)

    def replace(self, key: str, data: bytes, version: str) -> str | None:
        self._step("replace", key)
        return super().replace(key, data, version)

    def delete(self, key: str) -> None:
        self._step("delete", key)
        super().delete(key)

    def delete_tree(self, prefix: str) -> None:
        self._step("delete_tree", prefix)
        super().delete_tree(prefix)

    def read(self, key: str) -> bytes:
        self.reads.append(key)
        return super().read(key)


def dying_store(uri: str | Path, die_at: int | None = None) -> DyingStore:
    plain = open_store(str(uri))
    return DyingStore(plain.root, plain.backend, die_at)


def deaths(most: int = 200) -> Iterator[int]:
    """Count up; the caller stops at the first call that is not killed."""
    yield from range(most)
    raise AssertionError("it never came to its end")
