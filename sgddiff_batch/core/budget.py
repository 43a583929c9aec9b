"""Budget: how much memory a plan takes, known before it starts."""

from __future__ import annotations

TASKS_IN_FLIGHT = 3
"""Tasks that a worker holds at once: one is read, one is inferred, one is stored."""

PROCESS_BYTES = 1_500_000_000
"""Interpreter, libraries, weights and one batch's activations of a worker."""

_PIXELS_AND_MASK = 3 + 1
_BLENDING = 4 + 4
_CODES = 1 + 1
_STRETCH = 4 + 4


def task_bytes(halo_area_px: int, sample_bytes: int) -> int:
    """Return the peak bytes of one task: pixels, mask, samples before the stretch, blending sums, codes."""
    reading = _PIXELS_AND_MASK + 3 * sample_bytes + _STRETCH
    inferring = _PIXELS_AND_MASK + _BLENDING + _CODES
    return halo_area_px * max(reading, inferring)


def worker_bytes(task_memory_bytes: int) -> int:
    """Return the peak bytes of one worker process whose tasks in flight may take ``task_memory_bytes``."""
    return PROCESS_BYTES + task_memory_bytes
