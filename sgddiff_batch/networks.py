"""Networks by their names: this library loads none itself, whoever installs one registers what does.

The entry points of the group ``sgddiff.networks`` are callables ``(name, device)`` that return a
:class:`sgddiff_batch.protocols.NetworkSource`. One that is called as the network serves it; all other names
go to the one called ``checkpoint``, which knows the networks that ship, and folders.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.protocols import NetworkSource, Predictor

GROUP, ANY_OTHER = "sgddiff.networks", "checkpoint"
_DEVICES = ("auto", "cpu", "cuda")


def load_network(name: str = "bundled", device: str = "auto") -> Predictor:
    """Load a network into this process, for several calls of :func:`sgddiff_batch.saliency`.

    name: "bundled", "bundled-lite0" (that shipped before), a checkpoint folder, or one that a package has
    registered. device: auto, cpu or cuda; auto is cuda where there is a GPU. On a CPU as many tiles are
    computed at once as there are cores; PyTorch has one thread for each from then on, in the whole process,
    for two would change bytes.

    Raises:
        ConfigError: if there is no such network or device, or nothing is registered that loads networks.
    """
    if device not in _DEVICES:
        raise ConfigError(f"device must be auto, cpu or cuda, got {device!r}")
    source = find_network(name, device)
    place = source.device()
    return source.load(place, source.describe(place).at_once)


def find_network(name: str, device: str) -> NetworkSource:
    """Return what gives a network; nothing of it is loaded.

    Raises:
        ConfigError: if nothing is registered that could, or it cannot be imported.
    """
    registered = {entry.name: entry for entry in entry_points(group=GROUP)}
    entry = registered.get(name) or registered.get(ANY_OTHER)
    if entry is None:
        raise ConfigError(
            f"cannot load the network {name!r}: no entry point {ANY_OTHER!r} of the group {GROUP!r} is "
            "installed; install this package anew (`pip install .`, in a checkout `make setup`), or register "
            "a network of your own"
        )
    try:
        factory: Callable[[str, str], NetworkSource] = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"cannot load the network {name!r}: the entry point {entry.name!r} of the group {GROUP!r} is "
            f"{entry.value!r}, which cannot be imported ({error}); install what it needs"
        ) from error
    return factory(name, device)
