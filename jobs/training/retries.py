"""Calls to a store that are made again where it fails for a while: a training cannot go on without it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from sgddiff_batch.core import retrying as core_retrying
from sgddiff_batch.core.retrying import RetryBudget, RetryCost
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import RetryableError

log = logging.getLogger(__name__)
T = TypeVar("T")

BUDGET = RetryBudget()
"""How often a call to the store is made; there is no limit over all calls: training cannot go on without."""


def retrying(
    call: Callable[[], T],
    sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[], float] | None = None,
) -> T:
    """Call again, after longer and longer pauses, while it raises RetryableError; the last one passes.

    ``draw`` is the source of jitter: by default none that training seeds.
    """
    drawn = draw or random.SystemRandom().random

    def tell(pause_s: float, error: RetryableError) -> None:
        log.warning("trying again in %.1f s: %s", pause_s, printable(str(error)))

    def pause_s(failures: int) -> float | None:
        return BUDGET.pause_s(failures, drawn(), RetryCost(), RetryCost())

    return core_retrying.retrying(call, pause_s, sleep, tell)
