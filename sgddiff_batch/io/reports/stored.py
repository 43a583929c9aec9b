"""Stored: reports as objects: written whole, their heads read at once, their rows one at a time."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sgddiff_batch.core.words import redacted
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.storage import Store

_LISTS = ("scenes", "ignored")
"""What a report has many rows of."""
_BEGIN = "report-"
_IS_REPORT = re.compile(rf"{_BEGIN}[^/]+\.json")
_HEAD_BYTES = 256 * 2**10
_SCENES = b',\n"scenes": '
"""What ends the head of a report as it is written here."""
_IGNORED = b',\n"ignored": '
"""What begins its tail."""
_SHORT_HEAD_BYTES = 8 * 2**10
_REQUESTS = 8


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
    key = max(_keys(store), default=None)
    if key is None:
        return None
    head, _ = _head(store, key, store.read_part(key, 0, _HEAD_BYTES))
    return {**_named(key, head), "report": f"{store.uri}/{key}"}


def read_heads(store: Store, most: int, before: str = "") -> list[dict[str, Any]]:
    """Return the heads of at most so many reports, the oldest first; ``before``: of runs before that id.

    Each has ``has_page`` besides: whether a page lies beside the report, by its name.
    What is damaged, or went meanwhile, is left out: they are there to compare with.

    Raises:
        ConfigError, RetryableError: as the store does.
    """
    names = frozenset(_names(store))  # once: a night without anything new asks for little else
    found = filter(_IS_REPORT.fullmatch, names)
    keys = sorted(key for key in found if not before or key < f"{_BEGIN}{before}.json")

    def head(key: str) -> dict[str, Any] | None:
        try:
            data = store.read_part(key, 0, _SHORT_HEAD_BYTES)
            if _SCENES not in data:
                data = store.read_part(key, 0, _HEAD_BYTES)
            told = _named(key, _head(store, key, data)[0])
            return {**told, "has_page": key.removesuffix("json") + "html" in names}
        except (FileNotFoundError, FatalError):
            return None

    with ThreadPoolExecutor(_REQUESTS) as pool:
        return [found for found in pool.map(head, keys[-most:]) if found is not None]


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report that is there: all that it says but its scenes, and these, each read when it is come to.

    ``rows`` can be gone through again; what is damaged in them raises FatalError.
    """

    uri: str
    facts: Mapping[str, Any]
    rows: Iterable[Mapping[str, Any]]


def open_report(store: Store, run_id: str | None = None) -> StoredReport:
    """Open the report of a run, of the last one by default; its rows stay where they are.

    Raises:
        FileNotFoundError: if there is none.
        FatalError: if it is damaged.
        ConfigError, RetryableError: as the store does.
    """
    key = max(_keys(store), default=None) if run_id is None else f"{_BEGIN}{run_id}.json"
    facts = store.stat(key) if key is not None and _IS_REPORT.fullmatch(key) else None
    if key is None or facts is None:
        which = "no report" if run_id is None else f"no report of a run {run_id!r}"
        raise FileNotFoundError(f"{store.uri!r} has {which}: give the output.uri of a run that has ended")
    head, start = _head(store, key, store.read_part(key, 0, _HEAD_BYTES), whole=True)
    if start is None:
        rows = head.pop("scenes", [])
        return StoredReport(f"{store.uri}/{key}", _named(key, head), rows)
    tail = _tail(store, key, facts.size_bytes or 0)
    return StoredReport(f"{store.uri}/{key}", _named(key, head | tail), _StoredRows(store, key, start))


@dataclass(frozen=True, slots=True)
class _StoredRows:
    """The scenes of a report, a line each, from a byte of it on."""

    store: Store
    key: str
    start: int

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with self.store.open(self.key) as file:
            file.seek(self.start)
            for line in file:
                text = line.strip()
                if text.startswith((b"]", b"[]")):
                    return
                if text != b"[":
                    yield _parsed(self.store, self.key, text.removesuffix(b","))
        raise FatalError(f"the report {self.store.uri}/{self.key} is damaged: its scenes do not end")


def _named(key: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a report says with the run id of its key: pages are named by it, whatever stands inside."""
    return {**facts, "run_id": key.removeprefix(_BEGIN).removesuffix(".json")}


def _keys(store: Store) -> list[str]:
    return [*filter(_IS_REPORT.fullmatch, _names(store))]


def _names(store: Store) -> list[str]:
    # A folder shows its names at once; of a prefix, which may have a million, only those are asked for.
    try:
        return [*(store.find("", _BEGIN) if store.local_path() is None else store.entries())]
    except FileNotFoundError:
        return []


def _head(store: Store, key: str, data: bytes, *, whole: bool = False) -> tuple[dict[str, Any], int | None]:
    """Return what is before the scenes of a report that begins so, and where these begin.

    None where they do not begin there: a former version wrote no lines, and all that is read is the head.
    whole: then read all of it.
    """
    head, found, _ = data.partition(_SCENES)
    if found:
        return _parsed(store, key, head + b"}"), len(head) + len(found)
    return _parsed(store, key, store.read(key) if whole else data), None


def _tail(store: Store, key: str, size_bytes: int) -> dict[str, Any]:
    """Return what is behind the scenes of a report."""
    for length in (_HEAD_BYTES, 64 * _HEAD_BYTES, size_bytes):
        data = store.read_part(key, max(0, size_bytes - length), size_bytes)
        # No line of a scene has a line break inside, so this stands nowhere else.
        _, found, tail = data.partition(b"]" + _IGNORED)
        if found:
            return _parsed(store, key, b"{" + _IGNORED.lstrip(b",") + tail)
    raise FatalError(f"the report {store.uri}/{key} is damaged: it ends in its scenes")


def _parsed(store: Store, key: str, data: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(data)
        if not isinstance(tree, dict):
            raise TypeError("it is no JSON object")
        return tree
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
