"""Several Ray nodes on this machine, whose workers and nodes a storm kills."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import psutil

_ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
_STARTS = 4
_OF_A_NODE = {"num_cpus": 1, "memory": 4 * 2**30, "object_store_memory": 80 * 2**20}


@dataclass
class Nodes:
    """A head without CPUs, and nodes that have CPUs, children of this process."""

    cluster: Any
    rng: random.Random
    of_a_node: Mapping[str, int]
    nodes: list[Any] = field(default_factory=list)

    def add(self) -> None:
        """Start one more node."""
        start = partial(self.cluster.add_node, node_ip_address="127.0.0.1", **self.of_a_node)
        self.nodes.append(_started(start))

    def kill_node(self) -> bool:
        """Kill a node with all its processes, and start another."""
        node = self.nodes.pop(self.rng.randrange(len(self.nodes)))
        self.cluster.remove_node(node, allow_graceful=False)
        self.add()
        return True


def workers() -> list[psutil.Process]:
    """Return the actors below this process."""
    return [process for process in psutil.Process().children(recursive=True) if is_worker(process)]


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is an actor of a run on Ray."""
    try:
        return "ray::RayWorker" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _started(start: Callable[[], Any]) -> Any:
    """Start a node, a few times: Ray gives each half a minute, which is little on a busy machine."""
    failures = []
    for _ in range(_STARTS):
        try:
            return start()
        except Exception as error:
            failures.append(str(error))
    raise RuntimeError(f"no Ray node started: {failures}")


@contextmanager
def run_nodes(count: int, rng: random.Random, **of_a_node: int) -> Iterator[Nodes | None]:
    """Run a cluster of ``count`` nodes, which jobs find by their environment; none for 0.

    of_a_node: what Ray is told that a node has, where it is not one CPU and 4 GiB of memory.
    """
    if not count:
        yield None
        return
    # A folder of its own: else Ray notes this cluster where others look for theirs. Sockets need it short.
    own_folder = TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True)
    with own_folder as folder, patch.dict(os.environ, _ENVIRONMENT, RAY_TMPDIR=folder):
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "node_ip_address": "127.0.0.1", "include_dashboard": False}
        head |= {"object_store_memory": 80 * 2**20}
        cluster = _started(partial(Cluster, initialize_head=True, head_node_args=head))
        os.environ["RAY_ADDRESS"] = cluster.address
        try:
            nodes = Nodes(cluster, rng, _OF_A_NODE | of_a_node)
            for _ in range(count):
                nodes.add()
            yield nodes
        finally:
            cluster.shutdown()
