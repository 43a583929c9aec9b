"""Lasting ids: those of the current mosaics' objects, laid on the rows of their parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import shapely

from sgddiff_batch.core.components import Ints
from sgddiff_batch.core.object_ids import ID_DIGITS
from sgddiff_batch.core.words import redact_uri
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.objects.geoparquet import SCHEMA, VALID, decode
from sgddiff_batch.io.objects.id_ledger import IdLedger
from sgddiff_batch.io.objects.id_state import STATES, IdState, Names, SceneKey, names_of
from sgddiff_batch.io.objects.matching import NewScene
from sgddiff_batch.io.storage import Store


@dataclass(frozen=True, slots=True, eq=False)
class LastingIds:
    """Ids of regions: ``regions`` (n) sorted, their rows in ``told``, and the objects' ``state``.

    ``keys``: of the mosaics that they are of, by path. ``uri``: of the folder that they are told in.
    """

    regions: Names
    told: pa.Table
    state: IdState
    keys: Mapping[str, SceneKey]
    uri: str

    def laid_on(self, part: pa.Table, store: str, time: datetime | None) -> pa.Table:
        """Return the rows of the part of a mosaic with ids, states and parents, and its scene's time.

        store: the mosaic's path.

        Raises:
            FatalError: if an id was told of other regions than the part has.
        """
        told = self.told.take(pa.array(self._rows(part, self.keys[store])))
        columns = {
            "id": told["id"].cast(pa.string()),
            "parents": told["parents"].cast(pa.list_(pa.string())),
        }
        return self.as_now(timed(_with(part, columns), time))

    def as_now(self, rows: pa.Table) -> pa.Table:
        """Return rows of objects with what is known of these now."""
        places = np.searchsorted(self.state.ids, names_of(rows["id"]))
        states = pa.array(STATES, pa.string()).take(pa.array(self.state.state[places]))
        return _with(rows, {"state": states})

    def _rows(self, part: pa.Table, key: SceneKey) -> Ints:
        names = names_as_told(names_of(part["id"]), key)
        rows: Ints = np.searchsorted(self.regions, names)
        is_told = rows < len(self.regions)
        is_told[is_told] = self.regions[rows[is_told]] == names[is_told]
        if not is_told.all():
            raise FatalError(
                f"{redact_uri(self.uri)} tells no id of {np.count_nonzero(~is_told)} objects of {key.store}: "
                "it is not what was written. Put it back from a copy, or remove the folder and give the "
                "command again: all objects are matched anew then, and some will have other ids"
            )
        return rows


def timed(rows: pa.Table, time: datetime | None) -> pa.Table:
    """Return the rows of a mosaic with the time of its scene; None: not known."""
    return _with(rows, {"time": pa.repeat(pa.scalar(time, SCHEMA.field("time").type), rows.num_rows)})


def _with(rows: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    for name, column in columns.items():
        rows = rows.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), column)
    return rows


def lasting_ids(ledger: IdLedger, store: Store, parts: Sequence[tuple[SceneKey, str, int]]) -> LastingIds:
    """Match the objects of mosaics that are new, and return the ids of all of them.

    parts: of each mosaic its key, and that of its part and how many objects that has.

    Raises:
        FatalError: if what is known of ids is damaged.
        ConfigError, RetryableError: as the store does.
    """
    files = {key.store: part for key, part, _ in parts}

    def opened(keys: Sequence[SceneKey]) -> Iterator[NewScene]:
        return (_new_scene(store, key, files[key.path]) for key in keys)

    state, keys = ledger.publish([key for key, _, _ in parts], opened)
    shown = {key.store for key, (_, _, objects) in zip(keys, parts, strict=True) if objects}
    told = ledger.sightings(shown).drop_columns("store")
    regions = names_of(told["region"])
    order: Ints = np.argsort(regions)
    told = told.take(pa.array(order)).combine_chunks()
    return LastingIds(regions[order], told, state, {key.path: key for key in keys}, ledger.uri)


def content_of(part: pa.Table) -> str:
    """Return the digest of the outlines of a part: those of a mosaic that was made again may be others."""
    found = hashlib.sha256()
    for name in ("id", "geometry_native"):
        for value in part[name]:
            found.update(value.as_buffer())
    return found.hexdigest()[:12]


def _new_scene(store: Store, key: SceneKey, part: str) -> NewScene:
    table, _ = decode(store.read(part))
    shapes = shapely.from_wkb(table["geometry"].to_numpy())
    valid = bytes.fromhex((table.schema.metadata.get(VALID) or b"").decode())
    names = names_as_told(names_of(table["id"]), key)
    return NewScene(key, names, shapes, shapely.from_wkb(valid) if valid else None)


def names_as_told(names: Names, key: SceneKey) -> Names:
    """Return the ids of a mosaic's regions; of one that was made again, none of those that were told."""
    if key.store == key.path:
        return names
    digests = (hashlib.sha256(key.store.encode() + b"\n" + name).hexdigest() for name in names.tolist())
    return np.array([digest[:ID_DIGITS] for digest in digests], names.dtype)
