"""The archive, the tiny network and the unbroken run of the tests of whole jobs."""

from tests.jobs.conftest import archive, checkpoint, unbroken

__all__ = ["archive", "checkpoint", "unbroken"]
