"""Asking: which published objects of an output are new, which have vanished, and what is known of one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.generations import ObjectsFile
from sgddiff_batch.core.object_ids import MERGED, VANISHED, region_id
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.arrow import parquet_of
from sgddiff_batch.io.catalogue import read_pointer
from sgddiff_batch.io.objects.geoparquet import ABOUT, DamagedFileError, decode
from sgddiff_batch.io.objects.id_ledger import IdLedger
from sgddiff_batch.io.objects.id_state import STATES, IdState, SceneKey, names_of
from sgddiff_batch.io.objects.lasting import names_as_told
from sgddiff_batch.io.objects.parts import part_key
from sgddiff_batch.io.storage import Store, open_store

_COUNTED = ["id", "run", "state", "parents", "store", "row", "col"]
_SHOWN = ["id", "scene", "time", "area_m2", "saliency_max", "lon", "lat"]


@dataclass(frozen=True, slots=True)
class ObjectNews:
    """An object, and what happened to it at ``time`` (ISO 8601): ``scene`` was first to show it, or not to.

    ``area_m2`` (None: no CRS), ``saliency_max`` (0..1), ``lon`` and ``lat`` (None: no place on the globe) are
    those of the current mosaic that shows it last.
    """

    id: str
    state: str
    time: str
    scene: str
    area_m2: float | None
    saliency_max: float
    lon: float | None
    lat: float | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A mosaic that shows an object; ``parents``: what became part of it there, or that it was split from.

    ``is_current``: readers see the mosaic. Measures are as :class:`ObjectNews` has them, None where the part
    of the mosaic is gone.
    """

    scene: str
    time: str | None
    store: str
    is_current: bool
    parents: tuple[str, ...]
    area_m2: float | None = None
    saliency_max: float | None = None
    lon: float | None = None
    lat: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of an object: its ``state``, and the scene that told that; who shows it, in order.

    ``into``: the object that a merged one is part of; ``children``: those that name it as a parent.
    """

    id: str
    state: str
    told_by: str
    told_at: str | None
    into: str | None
    children: tuple[str, ...]
    sightings: tuple[Sighting, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What became of an output's objects with a run, as its current mosaics tell; each counts once a field.

    ``new``: they were the first to show it, ``split`` of these from others; ``again``: others did before;
    ``merged`` into another; ``vanished``: they have data of it, and do not show it. ``states``: how many of
    all objects are of each state now.
    """

    states: Mapping[str, int]
    new: int
    split: int
    again: int
    merged: int
    vanished: int


def count_objects(
    output: Store, objects: ObjectsFile, run_id: str, made: Set[str] = frozenset()
) -> RunCounts:
    """Return what became of the objects of a generation with a run.

    made: paths of the mosaics that the run made, as far as known: those without an object have no row.

    Raises:
        FileNotFoundError, ValueError: if the file of the objects is gone, or is no such file.
        SgddiffBatchError: as the store does, or if what is known of ids is damaged.
    """
    with output.open(objects.file) as file:
        stored = pq.ParquetFile(file)
        rows, about = stored.read(columns=_COUNTED), json.loads(stored.metadata.metadata[ABOUT])
    own = rows.filter(pc.fill_null(pc.equal(rows["run"], run_id), False))
    names, parents, *places = (own[name].to_pylist() for name in ("id", "parents", "store", "row", "col"))
    # By ids, not by what other runs made: once scenes are computed again, no mosaic of theirs is current.
    new = {name for name, *place in zip(names, *places, strict=True) if name == region_id(*place)}
    split = {name for name, told in zip(names, parents, strict=True) if name in new and told}
    others = rows.filter(pc.fill_null(pc.not_equal(rows["run"], run_id), True))["store"]
    stores = {*places[0]} | (made - set(others.unique().to_pylist()))
    told = {VANISHED: 0, MERGED: 0}
    if stores:
        state = IdLedger(output, ObjectSettings(**about["settings"]), about["match_iou"]).state()
        by_run = np.array([key.path in stores for key in state.scenes], np.bool_)[state.told_by]
        told = {kind: int(np.count_nonzero(by_run & (state.state == kind))) for kind in told}
    each = rows.group_by("id").aggregate([("state", "max")])["state_max"].value_counts().to_pylist()
    states = {row["values"]: row["counts"] for row in each if row["values"] is not None}
    return RunCounts(states, len(new), len(split), len({*names} - new), told[MERGED], told[VANISHED])


class Published:
    """The objects that readers of an output see, and what is known of them; nothing is changed."""

    def __init__(self, output_uri: str) -> None:
        """Find them.

        Raises:
            FileNotFoundError: if the current generation of the catalogue has none.
            FatalError: if they, or the catalogue, are damaged.
        """
        self._store: Store = open_store(output_uri)
        pointer = read_pointer(self._store)
        objects = None if pointer is None else pointer.generation.objects
        if objects is None:
            raise FileNotFoundError(
                f"{self._store.uri!r} has no published objects: `sgddiff objects` draws them"
            )
        data = self._store.read(objects.file)
        if bytes_digest(data) != objects.digest:
            raise FatalError(
                f"{objects.file} in {self._store.uri} is damaged: remove it, and `sgddiff objects` makes "
                "another"
            )
        about = json.loads(pq.read_metadata(pa.BufferReader(data)).metadata[ABOUT])
        self._settings = ObjectSettings(**about["settings"])
        self._ledger = IdLedger(self._store, self._settings, about["match_iou"])
        self._rows: pa.Table = parquet_of(data, columns=[*_SHOWN, "store"])

    @cached_property
    def _state(self) -> IdState:
        return self._ledger.state()

    @cached_property
    def _told(self) -> pa.Table:
        return self._ledger.sightings()

    @cached_property
    def _last(self) -> Mapping[str, Mapping[str, Any]]:
        """The newest row of each object."""
        rows = self._rows.select(_SHOWN).sort_by([("time", "ascending"), ("scene", "ascending")]).to_pylist()
        # Rows without a time are the last ones of a sorted table.
        return {row["id"]: row for row in sorted(rows, key=lambda row: row["time"] is not None)}

    def new_since(self, since_s: float) -> tuple[list[ObjectNews], int]:
        """Return the objects that were shown first by a scene that was taken since, in seconds since 1970.

        They are in the order of that time. And how many were shown first by a scene of unknown time.
        """
        scenes = {key.store: key for key in self._state.scenes}
        births = self._told.filter(pc.equal(self._told["region"], self._told["id"]))
        stores = births["store"].cast(pa.string()).to_pylist()
        found = zip(births["id"].to_pylist(), (scenes[store] for store in stores), strict=True)
        states = dict(zip(self._state.ids.tolist(), self._state.state.tolist(), strict=True))
        return self._news(((own, states[own], key) for own, key in found), since_s)

    def vanished_since(self, since_s: float) -> tuple[list[ObjectNews], int]:
        """As :meth:`new_since`, of the objects that such a scene has data of and does not show."""
        state = self._state
        gone = np.flatnonzero(state.state == VANISHED)
        scenes = (state.scenes[nth] for nth in state.told_by[gone].tolist())
        found = zip(state.ids[gone].tolist(), scenes, strict=True)
        return self._news(((own, VANISHED, key) for own, key in found), since_s)

    @cached_property
    def _times(self) -> Mapping[str, str]:
        """When scenes of current mosaics were taken, by path: it may be known since they were matched."""
        rows = self._rows.select(["store", "time"]).group_by("store").aggregate([("time", "max")]).to_pylist()
        return {row["store"]: row["time_max"].isoformat() for row in rows if row["time_max"] is not None}

    def _news(self, found: Any, since_s: float) -> tuple[list[ObjectNews], int]:  # noqa: ANN401
        news, unknown = list[ObjectNews](), 0
        for own, state, key in found:
            row, time = self._last.get(own.decode()), key.time or self._times.get(key.path)
            if row is None:
                continue
            if time is None:
                unknown += 1
            elif datetime.fromisoformat(time).timestamp() >= since_s:
                measures = (row[name] for name in ("area_m2", "saliency_max", "lon", "lat"))
                news.append(ObjectNews(row["id"], STATES[state], time, key.scene_id, *measures))
        return sorted(news, key=lambda one: (datetime.fromisoformat(one.time), one.id)), unknown

    def history(self, own: str) -> History:
        """Return what is known of an object.

        Raises:
            ValueError: if none has that id.
        """
        state, name = self._state, own.encode(errors="replace")
        place = int(np.searchsorted(state.ids, name))
        if len(name) != state.ids.itemsize or place == len(state.ids) or state.ids[place] != name:
            raise ValueError(f"no object of {self._store.uri} has the id {own!r}")
        told_by, kind = state.scenes[state.told_by[place]], int(state.state[place])
        into = state.into[place].decode() if kind == MERGED else None
        return History(
            own, STATES[kind], told_by.scene_id, told_by.time or self._times.get(told_by.path), into or None,
            tuple(sorted(self._children(name))), tuple(self._sightings(name)),
        )  # fmt: skip

    def _children(self, name: bytes) -> set[str]:
        parents, ids = self._told["parents"].combine_chunks(), self._told["id"].combine_chunks()
        rows = pc.list_parent_indices(parents).filter(pc.equal(parents.flatten(), name))
        return {found.decode() for found in ids.take(rows).to_pylist()}

    def _sightings(self, name: bytes) -> list[Sighting]:
        rows = self._told.filter(pc.equal(self._told["id"], name)).to_pylist()
        keys = {key.store: key for key in self._state.scenes}
        current = set(self._rows["store"].to_pylist())
        rows = sorted(rows, key=lambda row: keys[row["store"]].order)
        return [self._sighting(row, keys[row["store"]], current) for row in rows]

    def _sighting(self, row: Mapping[str, Any], key: SceneKey, current: set[str]) -> Sighting:
        is_current = key.path in current
        parents = tuple(parent.decode() for parent in row["parents"])
        measures = self._measures(key, row["region"])
        return Sighting(
            key.scene_id, key.time or self._times.get(key.path), key.path, is_current, parents, **measures
        )

    def _measures(self, key: SceneKey, region: bytes) -> dict[str, Any]:
        try:
            part, _ = decode(self._store.read(part_key(key.path, self._settings)))
        except (FileNotFoundError, DamagedFileError):
            return {}
        places = np.flatnonzero(names_as_told(names_of(part["id"]), key) == region)
        rows = part.select(["area_m2", "saliency_max", "lon", "lat"]).take(pa.array(places)).to_pylist()
        return rows[0] if rows else {}
