"""What an output remembers of its objects: a file with a row an object, and the scenes that told of them."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from sgddiff_batch.core.components import Ints
from sgddiff_batch.core.fingerprint import canonical_json
from sgddiff_batch.io.arrow import parquet_bytes
from sgddiff_batch.io.geodesy import Floats, Shapes

Names = NDArray[np.bytes_]
"""Ids (n), as ASCII: of a million, objects of Python would take 70 MB."""

STATES = ("seen", "vanished", "merged")
"""Names of SEEN, VANISHED, MERGED, in their order."""

_SCENES = b"sgddiff:scenes"
_STATE = pa.schema(
    [
        ("id", pa.binary()),
        ("state", pa.int8()),
        *((name, pa.int32()) for name in ("seen_in", "told_by", "last_by")),
        ("into", pa.binary()),
        ("geometry", pa.large_binary()),
        *((edge, pa.float64()) for edge in ("xmin", "ymin", "xmax", "ymax")),
    ]
)


@dataclass(frozen=True, slots=True)
class SceneKey:
    """A mosaic whose objects are matched: the time of its scene (ISO 8601 in UTC, None: not known), and both.

    ``content``: the digest of its outlines. ``store`` is the mosaic's path; of one that was made again by the
    same name, with others, what :meth:`again` calls it.
    """

    time: str | None
    scene_id: str
    store: str
    content: str = ""

    def again(self) -> SceneKey:
        """Return the key of a mosaic whose path is that of one with other outlines."""
        return replace(self, store=f"{self.store}#{self.content}")

    @property
    def path(self) -> str:
        """The mosaic's path."""
        return self.store.removesuffix(f"#{self.content}")

    @property
    def key(self) -> tuple[str, str]:
        """What scenes are ordered by."""
        return self.time or "", self.scene_id

    @property
    def order(self) -> tuple[str, str, str]:
        """What new mosaics are taken in the order of: no two are the same."""
        return *self.key, self.store


@dataclass(frozen=True, slots=True, eq=False)
class IdState:
    """All objects (n) so far, in any order.

    ``seen_in``, ``told_by``, ``last_by`` are places in ``scenes``: whose outline it is, what told ``state``,
    and what had a say in that last. ``into``: the object that a merged one is part of, b"" of others.
    ``outlines`` are those of now, WKB in degrees, null: none; ``bounds`` (n, 4) their boxes, from -180 to 180
    of what is cut there, NaN of none.
    """

    scenes: tuple[SceneKey, ...]
    ids: Names
    state: Ints
    seen_in: Ints
    told_by: Ints
    last_by: Ints
    into: Names
    outlines: pa.LargeBinaryArray
    bounds: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def shapes(self) -> Shapes:
        """Return the outlines; of a million, they take half a gigabyte."""
        found: Shapes = shapely.from_wkb(self.outlines.to_numpy(zero_copy_only=False))
        return found

    def chosen(self, rows: NDArray[np.bool_] | Ints) -> IdState:
        """Return some of the objects."""
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return IdState(
            self.scenes,
            self.ids[rows],
            self.state[rows],
            self.seen_in[rows],
            self.told_by[rows],
            self.last_by[rows],
            self.into[rows],
            self.outlines.take(pa.array(rows)),
            self.bounds[rows],
        )

    def in_order(self) -> IdState:
        """Return the objects by their ids."""
        return self.chosen(np.argsort(self.ids))

    def encode(self) -> bytes:
        """Return it as a Parquet file."""
        scenes = canonical_json([list(astuple(one)) for one in self.scenes])
        columns = [
            _texts(self.ids),
            pa.array(self.state.astype(np.int8)),
            *(pa.array(one.astype(np.int32)) for one in (self.seen_in, self.told_by, self.last_by)),
            _texts(self.into),
            self.outlines,
            *(pa.array(self.bounds[:, nth]) for nth in range(4)),
        ]
        table = pa.Table.from_arrays(columns, schema=_STATE.with_metadata({_SCENES: scenes}))
        return parquet_bytes(table)


def decode_state(table: pa.Table) -> IdState:
    """Return what the rows of :meth:`IdState.encode` say.

    Raises:
        ValueError, KeyError, TypeError: if they are something else.
    """
    scenes = tuple(SceneKey(*row) for row in json.loads(table.schema.metadata[_SCENES]))
    numbers = {
        name: table[name].to_numpy().astype(np.int64) for name in ("state", "seen_in", "told_by", "last_by")
    }
    bounds = np.stack([table[edge].to_numpy() for edge in ("xmin", "ymin", "xmax", "ymax")], axis=1)
    outlines = _one(table["geometry"])
    ids, into = names_of(table["id"]), names_of(table["into"])
    return IdState(scenes=scenes, ids=ids, into=into, outlines=outlines, bounds=bounds, **numbers)


def both(one: IdState, other: IdState) -> IdState:
    """Return the objects of two states, none in both; the second one's scenes go on from the first one's."""

    def joined(name: str) -> Any:  # noqa: ANN401
        return np.concatenate([getattr(one, name), getattr(other, name)])

    return IdState(
        other.scenes,
        joined("ids"),
        joined("state"),
        joined("seen_in"),
        joined("told_by"),
        joined("last_by"),
        joined("into"),
        pa.concat_arrays([one.outlines, other.outlines]),
        joined("bounds"),
    )


def outlines_of(shapes: Shapes) -> pa.LargeBinaryArray:
    """Return outlines as WKB."""
    return pa.array(shapely.to_wkb(shapes, byte_order=1), pa.large_binary())


def _one(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found


def empty_state() -> IdState:
    """Return what is known before the first publish."""
    none, names = np.zeros(0, np.int64), np.zeros(0, "S20")
    outlines = pa.array([], pa.large_binary())
    return IdState((), names, none, none, none, none, names, outlines, np.zeros((0, 4)))


def names_of(column: pa.ChunkedArray) -> Names:
    """Return a column of ids."""
    return np.array(column.to_pylist(), "S20") if len(column) else np.zeros(0, "S20")


def _texts(names: Names) -> pa.Array:
    return pa.array(names.tolist(), pa.binary())
