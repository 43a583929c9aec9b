"""What recorded area mosaics were made of, as their own provenance tells."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set

from sgddiff_batch.core.provenance import parse_provenance
from sgddiff_batch.io.mosaics import PROVENANCE, ROOT
from sgddiff_batch.io.storage import Store
from sgddiff_batch.protocols import SceneRecord

_READ = 256
"""Roots that are held at once."""


def made_of(area: Store, records: Sequence[SceneRecord], scene_ids: Set[str]) -> set[str]:
    """Return the ids of those records whose mosaic was made of one of some scenes.

    One whose mosaic does not tell counts too, if there are such scenes at all; one without a mosaic does not.

    Raises:
        ConfigError, RetryableError: as the store does.
    """
    found: set[str] = set()
    if not scene_ids:
        return found
    roots = {f"{record.store}/{ROOT}": record.scene_id for record in records if record.store is not None}
    keys = sorted(roots)
    for start in range(0, len(keys), _READ):
        part = keys[start : start + _READ]
        data = area.read_many(part)
        for key in part:
            scenes = _scenes(data.get(key, b""))
            if not scenes or scenes & scene_ids:
                found.add(roots[key])
    return found


def _scenes(root: bytes) -> set[str]:
    """Return the scenes that a root object names, none where it is damaged."""
    try:
        area = parse_provenance(json.loads(root)["attributes"][PROVENANCE], partial=True).area
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()
    return set() if area is None else {scene.scene_id for scene in area.scenes}
