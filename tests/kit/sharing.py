"""How workers of pytest-xdist share the tests: whole files, the long ones first, and Ray for one of them."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadFileScheduling

ON_RAY = (
    "tests/engine/test_contract.py",
    "tests/engine/test_ray_cluster.py",
    "tests/engine/test_ray_isolation.py",
    "tests/engine/test_ray_pool.py",
    "tests/jobs/training/test_on_ray.py",
    "tests/jobs/test_ray_job.py",
    "tests/cluster/test_head.py",
)
"""Files whose tests need clusters most. One worker takes them all: each cluster has half a minute to come up,
and two at a time on a machine of two CPUs may need longer; and those of one folder share a cluster.
"""


class FilesWithRayTogether(LoadFileScheduling):
    """Gives a worker a whole file at a time, and the files of ``ON_RAY`` as if they were one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return ON_RAY[0] if file in ON_RAY else file


def put_long_files_first(items: list[pytest.Item]) -> None:
    """Order tests so that no worker begins a long file when the other has nothing left to do."""
    long = {_file(item) for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (_file(item) not in ON_RAY, _file(item) not in long))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
