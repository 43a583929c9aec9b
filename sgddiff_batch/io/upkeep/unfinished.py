"""Unfinished stores: whether anybody can still finish one, which its scene decides."""

from __future__ import annotations

import json

from sgddiff_batch.core.provenance import parse_provenance
from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io import mosaics
from sgddiff_batch.io.archive import current_scene
from sgddiff_batch.io.storage import Store, open_store


def lost_scene(store: Store, name: str, access: BucketAccess = OWN) -> str | None:
    """Return in words why no run will go on with an unfinished store; None where one may, or nobody knows.

    The archive is asked for the very file that the store was begun for, its bucket as ``access`` says. Where
    it does not answer, or may not be asked so, the store is left to its age; and so it is where the archive
    may only be out of sight: no such bucket, a file system that is not mounted, a file that cannot be seen.
    """
    scene = _scene_of(store, name)
    if scene is None:
        return None
    try:
        if not open_store(scene.uri, access).is_in_sight():
            return None
        found = current_scene(scene, access, strict=True)
    except (ConfigError, RetryableError, OSError):
        return None
    return found if isinstance(found, str) else None


def _scene_of(store: Store, name: str) -> Scene | None:
    """Return the scene that a store says it was begun for."""
    try:
        root = json.loads(store.read(f"{name}/{mosaics.ROOT}"))
        scene = parse_provenance(root["attributes"][mosaics.PROVENANCE]).scene
    except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return scene if scene.scene_id and scene.uri and scene.version else None
