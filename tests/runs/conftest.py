"""The archive, the tiny network and the unbroken run of the tests of whole jobs, and a Ray cluster."""

from tests.engine.conftest import ray_cluster
from tests.jobs.conftest import archive, checkpoint, unbroken

__all__ = ["archive", "checkpoint", "ray_cluster", "unbroken"]
