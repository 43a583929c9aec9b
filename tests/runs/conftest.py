"""The archive, the tiny network and the unbroken run of the tests of whole jobs, and a Ray cluster."""

from functools import partial

import pytest

from sgddiff_batch.core.retrying import RetryBudget
from sgddiff_batch.engine import retries
from tests.engine.conftest import ray_cluster
from tests.jobs.conftest import archive, checkpoint, unbroken

__all__ = ["archive", "checkpoint", "ray_cluster", "unbroken"]


@pytest.fixture
def hurried(monkeypatch):
    """What fails is tried again as often as ever, and at once: four times, not for 20 s."""
    monkeypatch.setattr(retries, "RetryBudget", partial(RetryBudget, first_s=0.01))
