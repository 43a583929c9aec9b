"""The report of a run: one JSON object beside the mosaics, for people and for programs.

Its size is that of what happened: scenes that a run left as they were are counted, all others have a row.
"""

from __future__ import annotations

import io
import json
import pickle
import platform
import re
import secrets
import threading
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sgddiff_batch.core.words import redacted
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.storage import Store

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DAMAGED = "damaged record"
"""The state of a row that tells of a damaged record of the ledger; its scene may have a row of its own."""

UNKNOWN_RULE = "unknown"
"""The rule of a mask in the totals whose mosaic was made before rules were recorded."""

_PACKAGES = (
    "sgddiff-batch",
    "torch",
    "mamba-ssm",
    "ray",
    "rasterio",
    "zarr",
    "fsspec",
    "s3fs",
    "obstore",
    "numpy",
)

_LISTS = ("scenes", "ignored")
"""What a report has many rows of."""
_BEGIN = "report-"
_IS_REPORT = re.compile(rf"{_BEGIN}[^/]+\.json")
_HEAD_BYTES = 256 * 2**10
_SCENES = b',\n"scenes": '
"""What ends the head of a report as it is written here."""
_NAMED = 100
"""So many files are named for each reason of which there can be one a scene."""


Value = TypeVar("Value")

_BLOCK = 256
"""So many values are compressed together: those of one kind repeat each other."""
_LEVEL = 1


def new_run_id(now: datetime | None = None) -> str:
    """Return a run id that sorts by time and that no other run has: 20261123T010203Z-4f2a."""
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The scenes that a run left as they were, what their mosaics hold, and how many masks each rule made."""

    scenes: int = 0
    valid_px: int = 0
    salient_px: int = 0
    masks: Mapping[str, int] = field(default_factory=dict)


class Packed(Collection[Value], Generic[Value]):
    """Values that can be pickled, and must not change afterwards, in the order in which they were added.

    A million rows are a million objects of Python, of 1 KB each and more; as compressed pickles they take a
    tenth, and are made anew when they are asked for.

    All calls may be made from several threads. Who goes through it sees what is there when it begins.
    """

    def __init__(self, values: Iterable[Value] = ()) -> None:
        self._blocks: list[bytes] = []
        self._last: list[Value] = []
        self._lock = threading.Lock()
        self.extend(values)

    def append(self, value: Value) -> None:
        """Add a value."""
        with self._lock:
            self._last.append(value)
            if len(self._last) == _BLOCK:
                self._blocks.append(zlib.compress(pickle.dumps(self._last), _LEVEL))
                self._last = []

    def extend(self, values: Iterable[Value]) -> None:
        """Add values."""
        for value in values:
            self.append(value)

    def __len__(self) -> int:
        with self._lock:
            return len(self._blocks) * _BLOCK + len(self._last)

    def __iter__(self) -> Iterator[Value]:
        with self._lock:
            blocks, last = len(self._blocks), list(self._last)
        for number in range(blocks):
            yield from pickle.loads(zlib.decompress(self._blocks[number]))
        yield from last

    def __contains__(self, value: object) -> bool:
        return any(value == one for one in self)


@dataclass(frozen=True, slots=True)
class Rows:
    """Dataclasses as rows, each made when it is come to: a million rows are never held at once."""

    results: Collection[DataclassInstance]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(asdict, self.results)


def build_report(
    run_id: str,
    *,
    started_at: str,
    seconds: float,
    ending: str,
    config: Mapping[str, Any],
    run: Mapping[str, Any],
    scenes: Sequence[Mapping[str, Any]] | Rows,
    ignored: Iterable[Mapping[str, Any]],
    unchanged: Unchanged = Unchanged(),
    items_left_out: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the report: ending and totals first, then the scenes, then what the run was made with.

    ``scenes`` are rows with at least ``scene_id``, ``state``, ``valid_px``, ``salient_px``, ``tiles``,
    ``seconds`` and, of scenes, ``mask_rule``; those of ``unchanged`` are in the totals alone.
    ``items_left_out``: how many items of catalogues no scene can be had of, by reason.
    """
    return {
        "run_id": run_id,
        "started_at": started_at,
        "seconds": round(seconds, 3),
        "ending": ending,
        "totals": _totals(scenes, unchanged)
        | ({} if items_left_out is None else {"catalogue_items_left_out": dict(items_left_out)}),
        "scenes": scenes,
        "ignored": list(ignored),
        "run": dict(run),
        "config": dict(config),
        "versions": versions(),
    }


def _totals(scenes: Iterable[Mapping[str, Any]], unchanged: Unchanged) -> dict[str, Any]:
    ids: set[str] = set()
    states: Counter[str] = Counter({"unchanged": unchanged.scenes} if unchanged.scenes else {})
    stages: Counter[str] = Counter()
    masks: Counter[str] = Counter(unchanged.masks)
    numbers: Counter[str] = Counter(tiles=0, valid_px=unchanged.valid_px, salient_px=unchanged.salient_px)
    for scene in scenes:
        if scene["state"] != DAMAGED:
            ids.add(scene["scene_id"])
        states[scene["state"]] += 1
        stages.update(scene["seconds"])
        if scene["state"] == "done" and "mask_rule" in scene:
            masks[scene["mask_rule"] or UNKNOWN_RULE] += 1
        numbers.update({name: scene[name] for name in ("tiles", "valid_px", "salient_px")})
    return {
        "scenes": unchanged.scenes + len(ids),
        "states": dict(sorted(states.items())),
        **numbers,
        "masks": dict(sorted(masks.items())),
        "seconds_by_stage": {stage: round(value, 3) for stage, value in sorted(stages.items())},
    }


def first_of_each_reason(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return at most a hundred rows of each ``reason``: an archive may have a file beside every scene."""
    seen: Counter[str] = Counter()
    kept = []
    for row in rows:
        seen[row["reason"]] += 1
        if seen[row["reason"]] <= _NAMED:
            kept.append(row)
    return kept


def write_report(store: Store, report: Mapping[str, Any]) -> str:
    """Write ``report-<run id>.json`` and return its URI."""
    key = f"{_BEGIN}{report['run_id']}.json"
    data = io.BytesIO()
    for part in _parts(report):
        data.write(part.encode())
    store.write(key, data.getvalue())
    return f"{store.uri}/{key}"


def read_last(store: Store) -> dict[str, Any] | None:
    """Return the head of the report of the run that ended last: what is before its scenes, and ``report``.

    That is its URI. None where there is none. Scenes may be many: of a report no more than its beginning is
    read. One of a former version has no ``ending``.

    Raises:
        FatalError: if it is damaged.
        ConfigError, RetryableError: as the store does.
    """
    # A folder shows its names at once; of a prefix, which may have a million, only those are asked for.
    try:
        names = [*(store.find("", _BEGIN) if store.local_path() is None else store.entries())]
    except FileNotFoundError:
        return None
    key = max(filter(_IS_REPORT.fullmatch, names), default=None)
    if key is None:
        return None
    head, found, _ = store.read_part(key, 0, _HEAD_BYTES).partition(_SCENES)
    try:
        return {**json.loads(head + b"}" if found else head), "report": f"{store.uri}/{key}"}
    except (ValueError, TypeError, RecursionError) as error:
        raise FatalError(f"the report {store.uri}/{key} is damaged: {error}") from None


def _parts(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the JSON of a report, each scene and each ignored file on a line of its own.

    All of it without secrets: reasons and names of files can hold web addresses too.
    """
    before = "{"
    for name, value in report.items():
        yield f"{before}\n{json.dumps(name)}: "
        if name in _LISTS:
            yield from _lines(value)
        else:
            yield json.dumps(redacted(value), indent=1, ensure_ascii=False)
        before = ","
    yield "\n}\n"


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    before = "["
    for row in rows:
        yield f"{before}\n{json.dumps(redacted(row), ensure_ascii=False)}"
        before = ","
    yield "[]" if before == "[" else "\n]"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter to a mosaic, those installed."""
    return dict(_versions())


@cache
def _versions() -> Mapping[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
