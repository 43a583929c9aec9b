"""Settings: the ``config.json`` beside the page, which says where everything is that it reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sgddiff_batch.io.storage import Store
from sgddiff_batch.viewer.addresses import AREAS, CATALOGUE, OBJECTS
from sgddiff_batch.viewer.policy import Basemap

FORMAT_VERSION = 1
CONFIG = "config.json"


@dataclass(frozen=True, slots=True)
class ScenePlace:
    """Where scenes are whose URIs begin with ``prefix``.

    ``href``: an address that holds {uri}, which is the encoded URI of a scene; or else one that the encoded
    rest of the URI follows.
    """

    prefix: str
    href: str


BY_SERVER = (ScenePlace("", "scene/{uri}"),)
"""All scenes come through the loopback server."""


def settings_json(
    store: Store,
    title: str,
    basemap: Basemap | None = None,
    *,
    output: str = "output/",
    scenes: Sequence[ScenePlace] = BY_SERVER,
    explains: bool = False,
) -> bytes:
    """Return what the page is told of an output as it is now: its areas, and which of all have objects.

    output: the address of the output's root, which ends in ``/``. explains: whether a server can be asked of
    pixels.

    Raises:
        ConfigError, RetryableError: as calls of a store.
    """
    tree = {
        "format_version": FORMAT_VERSION,
        "title": title,
        "output": output,
        "catalogue": CATALOGUE,
        "objects": _objects_of(store),
        "areas": [_area_of(store, name, output) for name in area_names(store)],
        "scenes": [asdict(place) for place in scenes],
        "explain": "api/explain" if explains else None,
        "basemap": None if basemap is None else basemap.to_json(),
    }
    return json.dumps(tree, indent=1).encode()


def _area_of(store: Store, name: str, output: str) -> dict[str, str | None]:
    """Return what the page is told of an area; ``path`` is where its mosaics' paths begin in the output."""
    path = f"{AREAS}/{name}/"
    return {"name": name, "output": f"{output}{path}", "path": path, "objects": _objects_of(store, path)}


def _objects_of(store: Store, path: str = "") -> str | None:
    return None if store.stat(f"{path}{OBJECTS}") is None else OBJECTS


def area_names(store: Store) -> list[str]:
    """Return the areas of an output that have a catalogue, sorted.

    Raises:
        ConfigError, RetryableError: as calls of a store.
    """
    try:
        found = store.entries(AREAS)
    except FileNotFoundError:
        return []
    names = sorted(name for name, version in found.items() if version is None)
    return [name for name in names if store.stat(f"{AREAS}/{name}/{CATALOGUE}") is not None]
