"""Kills the process that asks for something of a scene: at each stage of its way, before or after the answer.

A stage is known by its request at the proxy, and who asked by the port that it asks from.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

import psutil

STAGES = ("read", "claim", "metadata", "block", "mark", "commit", "record", "digests")
"""What a worker that owns a scene asks for, in order; a scene of one task has no mark."""


def stage_of(method: str, path: str, headers: Mapping[str, str]) -> str:
    """Return the stage that a request is of; the empty word for none."""
    if method == "GET":
        return "read" if "/scenes/" in path and "/_ledger/" not in path and "list-type" not in path else ""
    if method != "PUT":
        return ""
    if "/_ledger/" in path:
        below = path.partition("/_ledger/")[2]
        return {"blocks": "mark", "scenes": "record", "mosaics": "digests"}.get(below.partition("/")[0], "")
    _, in_mosaic, below = path.partition(".zarr/")
    if not in_mosaic:
        return ""
    if below == "zarr.json":
        return "claim" if "If-None-Match" in headers else "commit"
    return "metadata" if below.endswith("zarr.json") else "block" * ("/saliency/c/" in below)


class Ambush:
    """Lies in wait at one stage at a time, for one request of a process that ``is_prey``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stage, self._when, self._is_prey = "", "", lambda _: False
        self.killed: list[str] = []
        """Each kill, in words: the stage, before or after its answer."""
        self.answered: Counter[str] = Counter()
        """How many requests of each stage were passed on."""

    def lay(self, stage: str, when: str, is_prey: Callable[[psutil.Process], bool]) -> None:
        """Wait for the next request of ``stage``; ``when``: "before" it is passed on, or "after"."""
        with self._lock:
            self._stage, self._when, self._is_prey = stage, when, is_prey

    def lift(self) -> bool:
        """Wait for nothing any more; return whether what was waited for has come."""
        with self._lock:
            laid, self._stage = self._stage, ""
            return not laid

    @property
    def is_laid(self) -> bool:
        """Whether it waits still."""
        return bool(self._stage)

    def strikes(
        self, method: str, path: str, headers: Mapping[str, str], ports: tuple[int, int], when: str
    ) -> bool:
        """Kill who asks if this is what was waited for; return whether it was.

        ports: that which it asks from, and that which it asks at.
        """
        stage = stage_of(method, path, headers)
        self.answered[stage] += when == "after"
        if not self._stage or (stage, when) != (self._stage, self._when):
            return False
        with self._lock:
            if (
                not self._stage
            ):  # what else the killed process had asked for is not looked into: that takes long
                return False
            asking = _asking(*ports)
            if asking is None or not self._is_prey(asking):
                return False
            with suppress(psutil.NoSuchProcess):
                asking.kill()
            self.killed.append(f"{when} {self._stage}")
            self._stage = ""
            return True


def _asking(port: int, at: int) -> psutil.Process | None:
    """Return the process below this one that has a connection from one port of this machine to another.

    One port alone does not tell: connections to several servers may be from the same.
    """
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            connections = process.net_connections("tcp")
            if any(each.raddr and (each.laddr.port, each.raddr.port) == (port, at) for each in connections):
                return process
    return None
