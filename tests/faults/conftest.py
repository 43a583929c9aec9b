"""The fault tests share the main job's archive, network and unbroken run."""

from tests.jobs.conftest import archive, checkpoint, unbroken

__all__ = ["archive", "checkpoint", "unbroken"]
