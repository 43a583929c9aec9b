"""One Ray cluster of our own for all tests of this folder, and both engines behind one call."""

import os
from contextlib import ExitStack

import pytest

from sgddiff_batch.engine.local import run_local
from sgddiff_batch.errors import FatalError
from tests.engine.archives import IN_FLIGHT

STARTS = 3


@pytest.fixture(scope="package")
def ray_cluster(pytestconfig):
    """A private cluster with two CPUs; its processes can import ``tests``, as those of a job its own code.

    Ray is imported before, as Ray is where nobody asked it to stay private, and two threads are the default
    of its processes: neither may change what the engine promises.
    """
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray._private import ray_constants

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", True)
        patch.setenv("OMP_NUM_THREADS", "2")
        patch.delenv("RAY_ADDRESS", raising=False)
        path = os.pathsep.join([str(pytestconfig.rootpath), os.environ.get("PYTHONPATH", "")])
        patch.setenv("PYTHONPATH", path.rstrip(os.pathsep))
        with ExitStack() as stack:
            _connect(stack)
            yield


def _connect(stack):
    """Start the cluster, a second time where another one had just taken the port that Ray had chosen."""
    from sgddiff_batch.engine.ray_cluster import connect_ray

    for left in reversed(range(STARTS)):
        try:
            stack.enter_context(connect_ray(num_cpus=2))
            return
        except FatalError:
            if not left:
                raise


def local(archive):
    """Return the local engine over an archive's worker."""
    return lambda take: run_local(take, archive.make_worker("local"), IN_FLIGHT)


def on_ray(archive, make_worker=None, **options):
    """Return the Ray engine over an archive's workers."""
    from sgddiff_batch.engine.ray_pool import ray_pool

    options = {"threads": IN_FLIGHT, **options}

    def engine(take):
        with ray_pool(make_worker or archive.make_worker, **options) as pool:
            yield from pool.outcomes(take)

    return engine


@pytest.fixture(scope="module", params=["local", pytest.param("ray", marks=pytest.mark.slow)])
def engine(request):
    """A function from an archive to an engine."""
    if request.param == "local":
        return local
    request.getfixturevalue("ray_cluster")
    return on_ray
