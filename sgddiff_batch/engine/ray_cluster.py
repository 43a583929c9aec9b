"""The Ray cluster that a run works on: joined, or started for it; and how many workers fit on it."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sgddiff_batch.errors import ConfigError, FatalError

OBJECT_STORE_BYTES = 256 * 2**20
"""Of a cluster of our own: only descriptors and reports go through it, no pixels."""

_ADDRESS = "RAY_ADDRESS"
_PRIVATE = {
    # Ray's only switch for listening on the loopback alone: each process reads it when it imports Ray.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Else a process for each CPU starts ahead of all work; an actor, with variables of its own, takes none.
    "RAY_prestart_worker_first_driver": "0",
}
_STARTS = 3
log = logging.getLogger(__name__)


@contextmanager
def connect_ray(*, num_cpus: int | None = None) -> Iterator[None]:
    """Join the cluster of ``RAY_ADDRESS``, which ``ray job submit`` sets, or start one on this machine.

    A cluster of our own listens on the loopback alone, has no dashboard, and is shut down at the end; one
    that was joined is only left, and a connection that this process had already is kept as it is.
    ``num_cpus`` is for a cluster of our own: None means all of this machine's.

    Raises:
        FatalError: if the cluster cannot be reached or started.
    """
    if not joins_cluster():
        for name, value in _PRIVATE.items():
            os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        yield
        return
    try:
        if joins_cluster():
            ray.init(logging_level=logging.ERROR)
        else:
            _start_cluster(num_cpus)
    except Exception as error:
        raise FatalError(f"no Ray cluster: {_where()} failed with {type(error).__name__}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _start_cluster(num_cpus: int | None) -> None:
    """Start a cluster of our own; once more where that fails.

    Ray draws ports at random, and a cluster that another run starts or has on this machine may come between
    (https://github.com/ray-project/ray/issues/53906); a busy machine may be slower than Ray waits.
    """
    import ray

    # "local": otherwise Ray joins whatever cluster another user last started on this machine.
    options: dict[str, Any] = {"address": "local", "num_cpus": num_cpus, "include_dashboard": False}
    options |= {"object_store_memory": OBJECT_STORE_BYTES, "logging_level": logging.ERROR}
    for left in reversed(range(_STARTS)):
        try:
            with _on_the_loopback():
                ray.init(**options)
            return
        except Exception as error:
            _end_what_started(error)
            if not left:
                raise
            words = str(error).strip().partition("\n")[0]
            log.warning("a Ray cluster did not start, trying again: %s: %s", type(error).__name__, words)


def _end_what_started(error: BaseException) -> None:
    """End the processes of a node that failed to start, left running by Ray; ``error`` is its failure."""
    import ray
    from ray._private.node import Node

    for frame, _ in traceback.walk_tb(error.__traceback__):
        node = frame.f_locals.get("self")
        if isinstance(node, Node):
            node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
    ray.shutdown()


def count_workers(gpus_per_worker: float, worker_bytes: int) -> int:
    """Return how many workers the cluster has room for now, at least 1.

    A cluster that was joined may grow by workers that it has no room for yet.

    Raises:
        ConfigError: if the cluster is this machine alone and has no room for one.
    """
    import ray

    list_nodes: Callable[[], list[dict[str, Any]]] = ray.nodes
    nodes = [node["Resources"] for node in list_nodes() if node["Alive"]]
    room = fitting_workers(nodes, gpus_per_worker, worker_bytes)
    if room:
        return room
    need = f"{gpus_per_worker:g} GPU" if gpus_per_worker else "1 CPU"
    message = f"a worker needs {need} and {worker_bytes / 1e9:.1f} GB, no machine has that; found {nodes}"
    if not joins_cluster():
        raise ConfigError(f"{message}; lower the memory of a task, or change the device")
    log.warning("%s; waiting for the cluster to grow", message)
    return 1


def free_room(gpus_per_worker: float, worker_bytes: int) -> int:
    """Return how many workers can start now, without a cluster that must grow or end other work first."""
    import ray

    ask_free: Callable[[], dict[str, float]] = ray.available_resources
    list_nodes: Callable[[], list[dict[str, Any]]] = ray.nodes
    nodes = [node["Resources"] for node in list_nodes() if node["Alive"]]
    return min(fitting_workers(each, gpus_per_worker, worker_bytes) for each in (nodes, [ask_free()]))


def fitting_workers(nodes: Iterable[Mapping[str, float]], gpus_per_worker: float, worker_bytes: int) -> int:
    """Return how many workers fit on machines with these resources, by Ray's names.

    A worker takes its share of the GPUs, or else one CPU, and ``worker_bytes`` of memory.
    """
    count = 0
    for node in nodes:
        device = node.get("GPU", 0.0) / gpus_per_worker if gpus_per_worker else node.get("CPU", 0.0)
        memory = node.get("memory", 0.0) / worker_bytes if worker_bytes else device
        count += int(min(device, memory))
    return count


def restarts_of(actor: Any) -> int:  # noqa: ANN401 - Ray's handle
    """Return how often Ray has started the process of an actor anew, whatever the last one ended of.

    Asked where Ray's own ``RuntimeContext`` asks: a public call for it needs a dashboard.
    """
    from ray._private.state import actors

    told = actors(actor_id=actor._actor_id.hex())
    return int(told.get("NumRestarts", 0))


@contextmanager
def _on_the_loopback() -> Iterator[None]:
    """Ray's switch as `_PRIVATE` sets it, for a process that had imported Ray before."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def joins_cluster() -> bool:
    """Whether there is a cluster to join, which may grow."""
    return os.environ.get(_ADDRESS, "local") != "local"


def _where() -> str:
    return f"joining {os.environ[_ADDRESS]}" if joins_cluster() else "starting one on this machine"
