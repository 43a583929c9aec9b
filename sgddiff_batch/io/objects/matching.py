"""Matching: the objects of new mosaics get ids that last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sgddiff_batch.core.components import Ints
from sgddiff_batch.core.object_ids import NOBODY, UNKNOWN, Matched, Sightings, match
from sgddiff_batch.io.geodesy import Floats, Shapes
from sgddiff_batch.io.objects.id_state import IdState, Names, SceneKey, both, outlines_of
from sgddiff_batch.io.objects.overlaps import covered_by, overlaps_of

SIGHTINGS = pa.schema(
    [
        ("store", pa.dictionary(pa.int32(), pa.string())),
        ("region", pa.binary()),
        ("id", pa.binary()),
        ("parents", pa.list_(pa.binary())),
    ]
)
"""A row a region of a mosaic: the id that its part gives it, the object's, and those that it came of."""


@dataclass(frozen=True, slots=True, eq=False)
class NewScene:
    """A mosaic to match: the ids (m) that its part gives regions, their outlines, and where it has data."""

    key: SceneKey
    ids: Names
    shapes: Shapes
    valid: BaseGeometry | None


def matched(state: IdState, scenes: Sequence[NewScene], least_iou: float) -> tuple[IdState, pa.Table]:
    """Return what is known after a publish of scenes, in any order, and the rows of SIGHTINGS of these."""
    scenes = sorted(scenes, key=lambda scene: scene.key.order)
    is_near = _near(state.bounds, scenes)
    near, sightings = _matched(state.chosen(is_near), scenes, least_iou)
    return both(state.chosen(~is_near), near), sightings


def _near(bounds: Floats, scenes: Sequence[NewScene]) -> NDArray[np.bool_]:
    """Say of which known objects, by their boxes (n, 4), new scenes may show or miss something."""
    found = np.zeros(len(bounds), np.bool_)
    for scene in scenes:
        edges = shapely.total_bounds(np.array([*scene.shapes, scene.valid], dtype=object))
        with np.errstate(invalid="ignore"):
            beside = (bounds[:, :2] <= edges[2:]).all(axis=1) & (bounds[:, 2:] >= edges[:2]).all(axis=1)
        found |= beside
    return found


def _matched(state: IdState, scenes: Sequence[NewScene], least_iou: float) -> tuple[IdState, pa.Table]:
    keys = (*state.scenes, *(scene.key for scene in scenes))
    known, sizes = len(state), [len(scene.ids) for scene in scenes]
    start = known + np.cumsum([0, *sizes])
    own = len(state.scenes) + np.repeat(np.arange(len(scenes)), sizes)
    seen_in = np.concatenate([state.seen_in, own])
    ids: Names = np.concatenate([state.ids, *(scene.ids for scene in scenes)])
    shapes: Shapes = np.concatenate([state.shapes(), *(scene.shapes for scene in scenes)])
    rank = _ranks(keys)
    valid = np.array([*(scene.valid for scene in scenes), None], dtype=object)[:-1]
    sightings = Sightings(
        start,
        rank[len(state.scenes) :],
        rank[seen_in],
        _places(ids),
        overlaps_of(shapes, start),
        covered_by(shapes, valid),
        state.state,
        rank[state.last_by],
    )
    found = match(sightings, least_iou)
    return _after(state, keys, found, ids, seen_in, shapes), _sightings(found, ids, own, keys, known)


def _ranks(keys: Sequence[SceneKey]) -> Ints:
    """Return the places of scenes in the order of (time, id); UNKNOWN of those of no known time."""
    order = {key: place for place, key in enumerate(sorted({one.key for one in keys}))}
    return np.array([UNKNOWN if one.time is None else order[one.key] for one in keys], np.int64)


def _places(ids: Names) -> Ints:
    places = np.empty(len(ids), np.int64)
    places[np.argsort(ids, kind="stable")] = np.arange(len(ids))
    return places


def _after(
    state: IdState, keys: tuple[SceneKey, ...], found: Matched, ids: Names, seen_in: Ints, shapes: Shapes
) -> IdState:
    owners = np.unique(found.owner)
    owners = owners[np.argsort(ids[owners])]
    now, known = found.current[owners], owners < len(state.ids)

    def told(by: Ints, before: Ints) -> Ints:
        places = len(state.scenes) + by[owners]
        is_old = known & (by[owners] == NOBODY)
        places[is_old] = before[owners[is_old]]
        return places

    merged = found.into[owners]
    into = np.where(merged == NOBODY, b"", ids[merged]).astype("S20")
    is_old = known & (found.told_by[owners] == NOBODY)
    into[is_old] = state.into[owners[is_old]]
    return IdState(
        keys,
        ids[owners],
        found.state[owners],
        seen_in[now],
        told(found.told_by, state.told_by),
        told(found.last_by, state.last_by),
        into,
        outlines_of(shapes[now]),
        shapely.bounds(shapes[now]).reshape(-1, 4),
    )


def _sightings(found: Matched, ids: Names, own: Ints, keys: tuple[SceneKey, ...], known: int) -> pa.Table:
    regions = np.arange(known, len(ids))
    stores = pa.array([one.store for one in keys], pa.string())
    child, parent = found.parents
    order = np.lexsort((ids[parent], child))
    counts = np.bincount(child - known, minlength=len(regions))
    ends = np.cumsum([0, *counts.tolist()]).astype(np.int32)
    columns: list[Any] = [
        pa.DictionaryArray.from_arrays(pa.array(own.astype(np.int32)), stores),
        _texts(ids[regions]),
        _texts(ids[found.owner[regions]]),
        pa.ListArray.from_arrays(pa.array(ends), _texts(ids[parent[order]])),
    ]
    return pa.Table.from_arrays(columns, schema=SIGHTINGS)


def _texts(names: NDArray[np.bytes_]) -> pa.Array:
    return pa.array(names.tolist(), pa.binary())
