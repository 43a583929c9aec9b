"""One Ray cluster of our own for all tests of this folder, and both engines behind one call."""

import os
import warnings

import pytest

from sgddiff_batch.engine.local import run_local


@pytest.fixture(scope="package")
def ray_cluster(pytestconfig):
    """A private cluster with two CPUs; its processes can import ``tests``, as those of a job its own code.

    Ray is imported before, as Ray is where nobody asked it to stay private, and two threads are the default
    of its processes: neither may change what the engine promises.
    """
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray._private import ray_constants

    from sgddiff_batch.engine.ray_cluster import connect_ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", True)
        patch.setenv("OMP_NUM_THREADS", "2")
        patch.delenv("RAY_ADDRESS", raising=False)
        path = os.pathsep.join([str(pytestconfig.rootpath), os.environ.get("PYTHONPATH", "")])
        patch.setenv("PYTHONPATH", path.rstrip(os.pathsep))
        with connect_ray(num_cpus=2):
            _make_data_context()
            yield


def _make_data_context():
    """Ray 2.60 warns of deprecated fields that it sets itself when its context is first made: let it here."""
    import ray.data

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        ray.data.DataContext.get_current()


def local(archive, tasks=None):
    """Run on the local engine."""
    tasks = archive.tasks if tasks is None else tasks
    return run_local(tasks, archive.make_worker(), archive.predictors)


def on_ray(archive, tasks=None, **options):
    """Run on the Ray engine."""
    from sgddiff_batch.engine.ray_data import run_ray

    tasks = archive.tasks if tasks is None else tasks
    options = {"make_worker": archive.make_worker, "predictors": archive.predictors, **options}
    return run_ray(tasks, **options)


@pytest.fixture(scope="module", params=["local", pytest.param("ray", marks=pytest.mark.slow)])
def engine(request):
    """A function from an archive, and perhaps tasks, to the iterator of outcomes."""
    if request.param == "local":
        return local
    request.getfixturevalue("ray_cluster")
    return on_ray
