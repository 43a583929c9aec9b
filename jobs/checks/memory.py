"""Memory and disk of this machine, against what the config lets a run take."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from math import gcd
from pathlib import Path

from jobs.checks.check import Check, failed, gib, note, ok
from sgddiff_batch.core import budget
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.core.tiling import LatticeAxis
from sgddiff_batch.runs import Workers

_SAMPLE_BYTES = 2
_LEAST_DISK_BYTES = 2**30
_CGROUPS = (
    ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current"),
    ("sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_LESS = "lower engine.workers or tiling.task_memory_gib"


def check_memory(workers: Workers, local: bool, tiling: Tiling) -> Iterator[Check]:
    """Yield whether those who work on a plan fit on this machine, if they are here, and a task with them."""
    if local:
        yield judge_memory(workers.workers * workers.worker_bytes, free_memory())
    else:
        found = (
            f"each worker reserves {gib(workers.worker_bytes)} of its machine; this one's is not looked at"
        )
        yield ok("memory", found)
    yield judge_task(workers, tiling)


def judge_memory(needed: int, free: int | None) -> Check:
    """Return whether what all workers may take at the most is free now."""
    stated = f"a run may take at most {gib(needed)}"
    if free is None:
        return note(
            "memory", f"{stated}; this system does not tell what is free", "see that there is so much"
        )
    if needed > free:
        return failed("memory", f"{stated}, and {gib(free)} are free", _LESS)
    return ok("memory", f"{stated}; {gib(free)} are free")


def judge_task(workers: Workers, tiling: Tiling) -> Check:
    """Return whether a block of a large scene with 16-bit samples fits into the memory of a task."""
    needed = budget.task_bytes(most_halo_px(tiling) ** 2, _SAMPLE_BYTES)
    takes, share, most = gib(needed), gib(workers.task_bytes), gib(workers.task_memory_bytes)
    told = f"a block of {tiling.block_px} px takes at most {takes}, and a task may take {share}"
    mend = "lower tiling.block_px or engine.workers, or raise tiling.task_memory_gib"
    if needed > workers.task_memory_bytes:
        return note("task", f"{told}, alone {most}: scenes that are larger than a block are refused", mend)
    if needed > workers.task_bytes:
        return note("task", f"{told}: scenes that are larger than a block are worked on one by one", mend)
    return ok("task", told)


def most_halo_px(tiling: Tiling) -> int:
    """Return the longest side of what is read for a block: where it lies decides which tiles reach out of it.

    Blocks and tiles are in step again after ``stride_px`` blocks at the latest.
    """
    block_px = tiling.block_px
    blocks = tiling.stride_px // gcd(tiling.stride_px, block_px) + 2
    axis = LatticeAxis(blocks * block_px, tiling.tile_px, tiling.overlap_px)
    halos = (axis.halo(nth * block_px, (nth + 1) * block_px) for nth in range(blocks))
    return max(stop - start for start, stop in halos)


def free_memory(root: Path = Path("/")) -> int | None:
    """Return the memory in bytes that is free for us, also by the limit of a container; None if unknown."""
    free = _meminfo(root / "proc/meminfo")
    for limit, used in _CGROUPS:
        most, now = _number(root / limit), _number(root / used)
        if most is not None and now is not None:
            free = min(most - now, most if free is None else free)
    return free


def _meminfo(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None  # no such cgroup, or "max": no limit


def check_disk(folder: Path, archive_bytes: int) -> Check:
    """Return whether there is room where local mosaics go; how much they take, no listing tells."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    told = f"{gib(free)} are free below {there}; the scenes take {gib(archive_bytes)}"
    mend = "make room, or take another output.uri; `sgddiff run --dry-run` says what a plan writes at most"
    if free < _LEAST_DISK_BYTES:
        return failed("disk", told, mend)
    return ok("disk", told) if free >= archive_bytes else note("disk", told, mend)
