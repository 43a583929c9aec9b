"""The report of a run: one JSON object beside the mosaics, for people and for programs."""

from __future__ import annotations

import json
import platform
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sgddiff_batch.io.stores import Store

_PACKAGES = ("sgddiff-batch", "torch", "mamba-ssm", "ray", "rasterio", "zarr", "fsspec", "s3fs", "numpy")

_QUERY = re.compile(r"(https?://[^\s?#]*)[?#]\S*", re.IGNORECASE)


def new_run_id(now: datetime | None = None) -> str:
    """Return a run id that sorts by time and that no other run has: 20261123T010203Z-4f2a."""
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def build_report(
    run_id: str,
    *,
    started_at: str,
    seconds: float,
    config: Mapping[str, Any],
    run: Mapping[str, Any],
    scenes: Sequence[Mapping[str, Any]],
    ignored: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the report: totals first, then the scenes, then what the run was made with.

    ``scenes`` are rows with at least ``scene_id``, ``state``, ``valid_px``, ``salient_px``, ``tiles``.
    """
    stages: Counter[str] = Counter()
    for scene in scenes:
        stages.update(scene["seconds"])
    return {
        "run_id": run_id,
        "started_at": started_at,
        "seconds": round(seconds, 3),
        "totals": {
            "scenes": len({scene["scene_id"] for scene in scenes}),
            "states": dict(sorted(Counter(scene["state"] for scene in scenes).items())),
            "tiles": sum(scene["tiles"] for scene in scenes),
            "valid_px": sum(scene["valid_px"] for scene in scenes),
            "salient_px": sum(scene["salient_px"] for scene in scenes),
            "seconds_by_stage": {stage: round(value, 3) for stage, value in sorted(stages.items())},
        },
        "scenes": list(scenes),
        "ignored": list(ignored),
        "run": dict(run),
        "config": dict(config),
        "versions": versions(),
    }


def write_report(store: Store, report: Mapping[str, Any]) -> str:
    """Write ``report-<run id>.json`` and return its URI."""
    key = f"report-{report['run_id']}.json"
    # All of it: reasons and names of files can hold web addresses too.
    store.write(key, json.dumps(redacted(report), indent=1, ensure_ascii=False).encode())
    return f"{store.uri}/{key}"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter to a mosaic, those installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def redact_uri(uri: str) -> str:
    """Return a URI, or a text with some in it, without users, passwords, and the queries of web addresses."""
    return _QUERY.sub(r"\1", re.sub(r"(?<=://)[^/@]*@", "", uri))


def redacted(tree: object) -> object:
    """Return a tree of JSON with :func:`redact_uri` done to all its text, keys too."""
    if isinstance(tree, Mapping):
        return {redact_uri(str(key)): redacted(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [redacted(value) for value in tree]
    return redact_uri(tree) if isinstance(tree, str) else tree
