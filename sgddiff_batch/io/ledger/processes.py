"""Which process wrote a mark, and whether it is still there."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

Process = dict[str, str | int]


def this_process() -> Process:
    """Return what identifies this process: its host, its number, and when it started, in clock ticks."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}


def is_alive(mark: bytes) -> bool:
    """Whether the process of a JSON mark is known to be there; one of another host, or damaged, is not."""
    try:
        process = json.loads(mark)
        host, pid, started = process["host"], int(process["pid"]), process["started"]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return False
    return bool(host == socket.gethostname() and started == _started(pid) != 0)


def _started(pid: int) -> int:
    """Return the start of a process in clock ticks since boot, 0 where it has ended or there is no /proc."""
    try:
        # The second field is the command in brackets and may hold anything, half of a letter too.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return 0 if fields[0] in b"ZX" else int(fields[19])
    except (OSError, ValueError, IndexError):
        return 0
