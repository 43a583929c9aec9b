"""The training on Ray Train, which brings workers, their process group, and new ones for those that are
lost.

State and checkpoints are those of `jobs.training.storage`, as on one machine: every new set of workers goes
on from what lies there. Ray Train is given no checkpoints, so that there is one truth.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from jobs.training.config import EngineSection, TrainJobConfig
from jobs.training.events import build_named
from jobs.training.storage import lease_on
from models.training import TrainingError
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.engine.ray_cluster import connect_ray
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage import open_store

if TYPE_CHECKING:  # Ray is configured before it is imported: see `connect_ray`
    from ray.train import RunConfig, ScalingConfig, TrainingFailedError, UserCallback

RAY_FOLDER = "ray"
"""Below the storage: what Ray Train itself keeps, which is a marker."""

_STARTS = 60
"""How often a worker group that finds no room is asked for again, a minute each: nodes may come and go."""


def train_on_ray(
    config: TrainJobConfig,
    connect: Callable[[], AbstractContextManager[object]] = connect_ray,
    nodes: Callable[[], Iterable[Mapping[str, float]]] | None = None,
) -> None:
    """Train on the cluster of `RAY_ADDRESS`, or on one of this machine's own, until the last step is done.

    This process holds the lease on the storage, and each worker looks at it before it writes. connect: joins
    the cluster or starts it. nodes: lists the resources of its nodes, as :func:`scale` takes them.

    Raises:
        LeaseHeldError: if another run is at work on the storage.
        ConfigError: if the cluster has no room for the workers, or its nodes do not share the storage.
        FatalError: if the cluster cannot be reached, or another run took the storage over.
        TrainingError: as the local training does, and if more than `engine.failures` workers were lost.
        KeyboardInterrupt: after Ctrl-C; no worker is left.
    """
    with connect():
        from ray.train import TrainingFailedError
        from ray.train.torch import TorchConfig, TorchTrainer

        from jobs.training.ray_worker import train_share

        scaling = scale(config.engine, (nodes or _nodes)())
        callbacks = [_ray_callback(name) for name in config.events.ray_callbacks]
        with lease_on(config.storage, alone=False) as lease, _ctrl_c_raises():
            trainer = TorchTrainer(
                train_share,
                train_loop_config={"config": config.model_dump(mode="json"), "token": lease.watch().token},
                # While the first worker assesses a stage the others wait for it.
                torch_config=TorchConfig(timeout_s=24 * 3600),
                scaling_config=scaling,
                run_config=_run_config(config, callbacks),
            )
            try:
                trainer.fit()
            except TrainingFailedError as error:
                raise cause_of(error, config.engine.failures) from None


def scale(
    engine: EngineSection, nodes: Iterable[Mapping[str, float]], grows: Callable[[], bool] | None = None
) -> ScalingConfig:
    """The workers, each with the CPUs of its threads and perhaps a GPU.

    nodes: the resources of each, by Ray's names. grows: whether an autoscaler may add some. Raises
    ConfigError where the workers can never be placed: Ray Train would wait for ever.
    """
    from ray.train import ScalingConfig

    found = list(nodes)
    cpus, gpus = (sum(node.get(name, 0.0) for node in found) for name in ("CPU", "GPU"))
    use_gpu = engine.device == "cuda" or (engine.device == "auto" and gpus > 0)
    need = {"CPU": float(engine.threads), **({"GPU": 1.0} if use_gpu else {})}
    room = sum(min(int(node.get(name, 0.0) / amount) for name, amount in need.items()) for node in found)
    if engine.workers > room and not (grows or _grows)():
        wanted = " and ".join(f"{amount:g} {name}" for name, amount in need.items())
        raise ConfigError(
            f"engine.workers {engine.workers}: the cluster has {cpus:g} CPUs, {gpus:g} GPUs on "
            f"{len(found)} nodes, which is room for {room} workers of {wanted}; lower workers or threads"
        )
    return ScalingConfig(num_workers=engine.workers, use_gpu=use_gpu, resources_per_worker=need)


def cause_of(error: TrainingFailedError, failures: int) -> Exception:
    """What the driver raises: the worker's own error where that ended the run, one line otherwise."""
    from ray.train import ControllerError

    from jobs.training.ray_worker import FINAL

    inner = error.controller_failure if isinstance(error, ControllerError) else None
    if isinstance(inner, FINAL):
        return inner
    words = on_one_line(inner or error)
    return TrainingError(
        f"Ray Train gave up; engine.failures allows {failures} lost workers: {words[:1000]}; "
        "run the same command again to go on from the last saved state"
    )


def _run_config(config: TrainJobConfig, callbacks: list[UserCallback]) -> RunConfig:
    # Ray's types are still those of its first version of Ray Train, hence Any.
    from ray.train import FailureConfig, LoggingConfig, RunConfig

    from jobs.training.ray_worker import StopsForGood

    path, filesystem = _place_for_ray(config.storage)
    limits: dict[str, Any] = {"max_failures": config.engine.failures, "controller_failure_limit": _STARTS}
    settings: dict[str, Any] = {
        "storage_filesystem": filesystem,
        "callbacks": [StopsForGood(), *callbacks],
        # Its news of every report would stand beside our own.
        "logging_config": LoggingConfig(log_level="WARNING"),
    }
    failures = FailureConfig(**limits)
    return RunConfig(name="train", storage_path=path, failure_config=failures, **settings)


def _place_for_ray(storage: str) -> tuple[str, Any]:
    """A path and its file system, which reads the usual AWS variables in every process, as our stores do."""
    store = open_store(storage)
    # Named even where it is local: Ray Train would read the path as a URI.
    return store.path(RAY_FOLDER), store.arrow()


def _ray_callback(name: str) -> UserCallback:
    from ray.train import UserCallback

    built = build_named(name)
    if not isinstance(built, UserCallback):
        raise ConfigError(
            f"events.ray_callbacks: cannot use {name!r}: it is a {type(built).__name__}, "
            "no ray.train.UserCallback"
        )
    return built


@contextmanager
def _ctrl_c_raises() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, as everywhere.

    Ray Train ends the workers and then this process, with 0 or 1 after Ctrl-C, and with 15 after SIGTERM.
    """
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        raise KeyboardInterrupt from stop
    finally:
        if in_main:
            signal.signal(signal.SIGINT, before)


def _nodes() -> list[dict[str, float]]:
    """The resources of the nodes that are there now."""
    import ray

    list_nodes: Callable[[], list[dict[str, Any]]] = ray.nodes
    return [node["Resources"] for node in list_nodes() if node["Alive"]]


def _grows() -> bool:
    """Whether an autoscaler may add nodes; Ray Train then compares with its limits."""
    from ray._private.state import state

    return state.get_max_resources_from_cluster_config() is not None
