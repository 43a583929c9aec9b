"""Retrying: how long to wait before a call that failed is made again."""

from __future__ import annotations

from collections.abc import Iterator


def backoff_s(attempts: int = 4, first_s: float = 0.5, factor: float = 3.0) -> Iterator[float]:
    """Yield the pauses between ``attempts`` retries, in seconds, each ``factor`` times the last."""
    for attempt in range(attempts):
        yield first_s * factor**attempt
