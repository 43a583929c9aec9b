"""A file of finished runs, a line of JSON each: it grows run by run, and a run in it is not repeated.

A line that a kill cut off in the middle is no run: reading leaves it out, and the next run takes its place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

IDENTITY = ("name", "seed", "budget", "settings", "data")
"""What makes two runs the same run. The code's digest is not among them; tables say where it differs."""

Run = Mapping[str, Any]


class RunLogError(ValueError):
    """A results file has a line that is not a run; the message says which."""


def identity(run: Run) -> str:
    """The run's identity as canonical JSON. Raises KeyError where a part of it is missing."""
    return json.dumps({name: run[name] for name in IDENTITY}, sort_keys=True)


def read_runs(path: Path) -> list[dict[str, Any]]:
    """The finished runs of a file, in its order; none where there is no file.

    Raises RunLogError for a whole line that is not a run.
    """
    if not path.is_file():
        return []
    whole, tail = _split_tail(path.read_bytes())
    runs = [_parse(line, f"{path}, line {number}") for number, line in enumerate(whole, 1) if line.strip()]
    last = _run_or_none(tail)
    return runs if last is None else [*runs, last]


def prepare(path: Path) -> None:
    """Make the file if it is not there, so that one that cannot be written is found before hours of training.

    Raises OSError, and RunLogError as `read_runs`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.open("ab").close()
    read_runs(path)


def append_run(path: Path, run: Run) -> None:
    """Add a finished run, durably. What a kill left of an earlier attempt at the end of the file goes."""
    line = json.dumps(run, sort_keys=True, allow_nan=False).encode() + b"\n"
    with path.open("ab+") as file:
        file.seek(0)
        content = file.read()
        _, tail = _split_tail(content)
        if tail and _run_or_none(tail) is None:
            file.truncate(len(content) - len(tail))
        elif tail:
            line = b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def finished(path: Path) -> set[str]:
    """The identities of the runs in a file."""
    return {identity(run) for run in read_runs(path)}


def _split_tail(content: bytes) -> tuple[list[bytes], bytes]:
    """The lines that end in a newline, and what follows the last newline."""
    *whole, tail = content.split(b"\n")
    return whole, tail


def _parse(line: bytes, where: str) -> dict[str, Any]:
    run = _run_or_none(line)
    if run is None:
        raise RunLogError(f"{where} is not a run (JSON with {', '.join(IDENTITY)}): {line[:80]!r}; remove it")
    return run


def _run_or_none(line: bytes) -> dict[str, Any] | None:
    try:
        run = json.loads(line)
    except ValueError:
        return None
    return run if isinstance(run, dict) and set(IDENTITY) <= set(run) else None
