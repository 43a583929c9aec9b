"""Processes that tests start, and the end of them with all that they started."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import psutil

T = TypeVar("T", str, bytes)


@contextmanager
def ended(process: subprocess.Popen[T], patience_s: float = 10.0) -> Iterator[subprocess.Popen[T]]:
    """Yield a process, and see to it that it has ended when the context does, whatever ends that."""
    try:
        yield process
    finally:
        end_with_family(process, patience_s)


def end_with_family(process: subprocess.Popen[T], patience_s: float) -> None:
    """Ask a process to end, and kill it after ``patience_s``, and then what it left of its descendants."""
    if process.poll() is not None:
        return
    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    for child in alive:
        child.kill()
    psutil.wait_procs(alive)
