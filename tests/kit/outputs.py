"""Outputs on each kind of storage: a folder, memory, a bucket of a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sgddiff_batch.core.schemes import SCHEMES
from tests.kit.memory import ROW
from tests.kit.s3 import new_bucket

KINDS = ("folder", "memory", "s3")


@contextmanager
def output_on(kind: str, bucket: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URI of an output of the test that asks; bucket: the name of one of its own, for S3."""
    folder: Path = request.getfixturevalue("tmp_path")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    if kind == "folder":
        yield str(folder / "out")
    elif kind == "memory":
        patch.setitem(SCHEMES, *ROW)
        yield f"mem://{folder.name}/out"
    else:
        with new_bucket(request.getfixturevalue("s3_server"), bucket, patch):
            yield f"s3://{bucket}/out"
