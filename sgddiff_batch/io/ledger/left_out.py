"""The scenes that an area leaves out, and those of them of which a run has told by its exit code."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sgddiff_batch.io.ledger.marks import LEDGER
from sgddiff_batch.io.storage import Store

log = logging.getLogger(__name__)

LEFT_OUT = f"{LEDGER}/left-out~.json"
"""The versions of the scenes that were told of, by scene id; of one that is taken again, nothing is kept."""


@dataclass(frozen=True, slots=True)
class RefusedScene:
    """A scene that no area mosaic is made of, and why."""

    scene_id: str
    reason: str
    version: str = ""


def untold(area: Store, refused: Iterable[RefusedScene]) -> tuple[RefusedScene, ...]:
    """Return those of the scenes that are left out of which no run has told yet at this version."""
    told = _told(area)
    return tuple(scene for scene in refused if told.get(scene.scene_id) != scene.version)


def note_told(area: Store, refused: Iterable[RefusedScene]) -> None:
    """Note that a run told by its exit code of all scenes that are left out now."""
    now = {scene.scene_id: scene.version for scene in refused}
    if now != _told(area):
        area.write(LEFT_OUT, json.dumps(now, separators=(",", ":"), sort_keys=True).encode())


def _told(area: Store) -> Mapping[str, str]:
    try:
        row = json.loads(area.read(LEFT_OUT))
        return {str(scene_id): str(version) for scene_id, version in row.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, RecursionError) as error:
        log.warning(
            "%s of the area is damaged (%s): scenes that are left out are told again", LEFT_OUT, error
        )
        return {}
