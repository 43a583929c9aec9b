"""Lasting ids: those of the current mosaics' objects, laid on the rows of their parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from sgddiff_batch.core.components import Ints
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.core.words import redact_uri
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.objects.geoparquet import SCHEMA, VALID, decode
from sgddiff_batch.io.objects.id_ledger import IdLedger
from sgddiff_batch.io.objects.id_state import STATES, IdState, Names, SceneKey, names_of
from sgddiff_batch.io.objects.matching import NewScene
from sgddiff_batch.io.storage import Store

LEAST_IOU = 0.2
"""The overlap, area shared over that of both, from which on two outlines may be of one object."""


@dataclass(frozen=True, slots=True, eq=False)
class LastingIds:
    """Ids of regions: ``regions`` (n) sorted, their rows in ``told``, and the objects' ``state``.

    ``uri``: of the folder that they are told in.
    """

    regions: Names
    told: pa.Table
    state: IdState
    uri: str

    def laid_on(self, part: pa.Table) -> pa.Table:
        """Return the rows of a part with the objects' ids, states and parents.

        Raises:
            FatalError: if an id was told of other regions than the part has.
        """
        told = self.told.take(pa.array(self._rows(part)))
        places = np.searchsorted(self.state.ids, names_of(told["id"]))
        states = pa.array(STATES, pa.string()).take(pa.array(self.state.state[places]))
        columns = {
            "id": told["id"].cast(pa.string()),
            "state": states,
            "parents": told["parents"].cast(pa.list_(pa.string())),
        }
        for name, column in columns.items():
            part = part.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), column)
        return part

    def _rows(self, part: pa.Table) -> Ints:
        names = names_of(part["id"])
        rows: Ints = np.searchsorted(self.regions, names)
        is_told = rows < len(self.regions)
        is_told[is_told] = self.regions[rows[is_told]] == names[is_told]
        if not is_told.all():
            store = part["store"][int(np.argmin(is_told))].as_py()
            raise FatalError(
                f"{redact_uri(self.uri)} tells no id of {np.count_nonzero(~is_told)} objects of {store}: its "
                "mosaic was made again, with other objects than those that were matched. Remove that folder "
                "and give the command again: all objects are matched anew, and some will have other ids"
            )
        return rows


def lasting_ids(
    store: Store, settings: ObjectSettings, least_iou: float, parts: Mapping[SceneKey, str]
) -> LastingIds:
    """Match the objects of mosaics that are new, and return the ids of all of them.

    parts: the keys of the mosaics' parts.

    Raises:
        FatalError: if what is known of ids is damaged.
        ConfigError, RetryableError: as the store does.
    """

    def opened(keys: Sequence[SceneKey]) -> Iterator[NewScene]:
        return (_new_scene(store, key, parts[key]) for key in keys)

    ledger = IdLedger(store, settings, least_iou)
    state = ledger.publish(list(parts), opened)
    told = ledger.sightings()
    current = pc.is_in(
        told["store"].cast(pa.string()), value_set=pa.array([key.store for key in parts], pa.string())
    )
    told = told.filter(current).drop_columns("store")
    regions = names_of(told["region"])
    order: Ints = np.argsort(regions)
    return LastingIds(regions[order], told.take(pa.array(order)).combine_chunks(), state, ledger.uri)


def _new_scene(store: Store, key: SceneKey, part: str) -> NewScene:
    table, _ = decode(store.read(part))
    shapes = shapely.from_wkb(table["geometry"].to_numpy())
    valid = bytes.fromhex((table.schema.metadata.get(VALID) or b"").decode())
    return NewScene(key, names_of(table["id"]), shapes, shapely.from_wkb(valid) if valid else None)
