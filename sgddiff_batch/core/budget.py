"""Budget: how much memory a plan takes, known before it starts."""

from __future__ import annotations

PROCESS_BYTES = 1_200_000_000
"""Interpreter, libraries, weights and GDAL's cache of a worker."""

_PIXELS_AND_MASK = 3 + 1
_BLENDING = 4 + 4 + 4
_CODES = 1 + 1
_STRETCH = 4 + 4
_PUBLISHED_ROW = 2400
"""A row of the catalogue while a generation is made: measured with a million of them."""


def task_bytes(halo_area_px: int, sample_bytes: int) -> int:
    """Return the peak bytes of one task: pixels, mask, samples before the stretch, blending sums, codes."""
    reading = _PIXELS_AND_MASK + 3 * sample_bytes + _STRETCH
    inferring = _PIXELS_AND_MASK + _BLENDING + _CODES
    return halo_area_px * max(reading, inferring)


def publish_bytes(rows: int) -> int:
    """Return the peak bytes of publishing so many rows, which a run may do while its tasks go on."""
    return rows * _PUBLISHED_ROW


def worker_bytes(task_memory_bytes: int, network_bytes: int) -> int:
    """Return the peak bytes of one worker process.

    task_memory_bytes: what its tasks in flight may take; network_bytes: what the tiles take that are in the
    network at once on a CPU, all predictors together (0 on a GPU, whose memory is its own).
    """
    return PROCESS_BYTES + task_memory_bytes + network_bytes
