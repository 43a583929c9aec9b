"""The cluster of a run: how many workers fit, and what ours listens at."""

import os
import subprocess
import sys

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.engine.ray_cluster import connect_ray, count_workers, fitting_workers
from sgddiff_batch.errors import ConfigError

NODES = st.lists(
    st.fixed_dictionaries(
        {}, optional={"CPU": st.integers(0, 64), "GPU": st.integers(0, 8), "memory": st.integers(0, 10**12)}
    ),
    max_size=5,
)
BYTES = st.integers(0, 10**11)


@pytest.mark.parametrize(
    ("nodes", "gpus", "memory", "count"),
    [
        ([{"CPU": 4.0, "memory": 1e9}, {"CPU": 2.0}], 0.0, 0, 6),
        ([{"CPU": 4.0, "memory": 5e9}, {"CPU": 2.0, "memory": 1e9}], 0.0, 2 * 10**9, 2),
        ([{"CPU": 4.0, "memory": 4e9}], 0.0, 2 * 10**9, 2),
        ([{"CPU": 16.0, "GPU": 2.0, "memory": 1e12}], 1.0, 10**9, 2),
        ([{"CPU": 16.0, "GPU": 1.0}], 0.25, 0, 4),
        ([{"CPU": 16.0}], 1.0, 0, 0),
        ([{"memory": 1e9}], 0.0, 0, 0),
        ([], 0.0, 0, 0),
    ],
)
def test_workers_are_counted_machine_by_machine(nodes, gpus, memory, count):
    assert fitting_workers(nodes, gpus, memory) == count


@given(NODES, NODES, st.sampled_from([0.0, 1.0]), BYTES)
def test_a_machine_more_takes_no_worker_away_from_another(some, others, gpus, memory):
    together = fitting_workers([*some, *others], gpus, memory)
    assert together == fitting_workers(some, gpus, memory) + fitting_workers(others, gpus, memory)


@given(NODES, st.sampled_from([0.0, 1.0]), BYTES, BYTES)
def test_workers_that_take_more_memory_are_not_more(nodes, gpus, memory, more):
    assert fitting_workers(nodes, gpus, memory + more) <= fitting_workers(nodes, gpus, memory)


@given(NODES, BYTES)
def test_no_machine_is_asked_for_more_than_it_has(nodes, memory):
    for node in nodes:
        count = fitting_workers([node], 0.0, memory)
        assert count <= node.get("CPU", 0)
        assert not memory or count * memory <= node.get("memory", 0)


@pytest.mark.slow
class TestStart:
    """Ray's own failure, in a process of its own: a node whose first process is up and not answered by it."""

    @pytest.mark.parametrize(("failing", "ends"), [(1, "started"), (9, "FatalError")])
    def test_it_is_tried_again_and_nothing_stays_of_what_failed(self, failing, ends):
        code = START.format(failing=failing)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        command = [sys.executable, "-W", "error::ResourceWarning", "-c", code]
        ended = subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True, timeout=240
        )
        assert ended.stdout.split() == [ends, "left", "0"], ended.stderr
        assert "Failed to start GCS" in ended.stderr
        assert "ResourceWarning" not in ended.stderr


START = """
import gc, logging, psutil
from ray._private.node import Node
from sgddiff_batch.engine.ray_cluster import connect_ray
from sgddiff_batch.errors import FatalError
logging.basicConfig()
left, init = {failing}, Node._init_gcs_client
def fail_at_first(self):
    global left
    left -= 1
    if left >= 0:
        raise RuntimeError("Failed to start GCS.")
    init(self)
Node._init_gcs_client = fail_at_first
servers = lambda: [p for p in psutil.Process().children(recursive=True) if p.name() == "gcs_server"]
try:
    with connect_ray(num_cpus=1):
        assert len(servers()) == 1
        print("started")
except FatalError as error:
    logging.error(str(error))
    print("FatalError")
gc.collect()
print("left", len(servers()))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
class TestCluster:
    def test_a_worker_that_fits_nowhere_is_refused_with_both_sides(self):
        with pytest.raises(ConfigError, match=r"1 CPU and 1000000\.0 GB.*found .*memory"):
            count_workers(0.0, 10**15)
        with pytest.raises(ConfigError, match="1 GPU"):
            count_workers(1.0, 0)

    def test_a_connection_that_is_there_is_used_and_left(self):
        import ray

        with connect_ray():
            assert count_workers(0.0, 0) == 2
        assert ray.is_initialized()

    def test_our_own_listens_on_the_loopback_alone(self):
        listening = set().union(*map(listeners, psutil.Process().children(recursive=True)))
        assert {"gcs_server", "raylet"} <= {name for name, _ in listening}
        loopback = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
        assert {(name, ip) for name, ip in listening if ip not in loopback} == set()

    def test_our_own_starts_no_process_for_python_ahead_of_its_actors(self):
        import ray

        actor = ray.remote(num_cpus=1, runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}})(Alone).remote()
        pid = ray.get(actor.pid.remote())
        begun = {each.pid: each.create_time() for each in for_python()}
        assert [other for other in begun if begun[other] < begun[pid]] == []
        ray.kill(actor)


class Alone:
    def pid(self):
        return os.getpid()


def for_python():
    """The processes for actors and tasks: each calls itself by what it does once it is up."""
    for child in psutil.Process().children(recursive=True):
        words = command(child)
        if words[:1] in (["ray::IDLE"], ["ray::Alone"]) or "default_worker.py" in "".join(words[1:2]):
            yield child


def command(process):
    """The words that a process was started with, or has given itself; none of one that has ended."""
    try:
        return [word for words in process.cmdline() for word in words.split()]
    except psutil.Error:
        return []


def listeners(process):
    """The names and addresses at which a process listens; none for one that has just ended."""
    try:
        sockets = process.net_connections("tcp")
        return {(process.name(), each.laddr.ip) for each in sockets if each.status == "LISTEN"}
    except psutil.NoSuchProcess:
        return set()
