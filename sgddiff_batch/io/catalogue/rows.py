"""The rows of the archive catalogue: what a mosaic's record and its root say, one STAC item a mosaic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sgddiff_batch.core.span_table import SpanTable
from sgddiff_batch.core.texts import Rows, TextSet
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.arrow import texts_of
from sgddiff_batch.io.catalogue.former import FIRST_PICTURE
from sgddiff_batch.io.catalogue.schema import ITEM, LEAN, TIME, TIME_KNOWN, TIMES
from sgddiff_batch.io.catalogue.shown import Shown
from sgddiff_batch.io.geodesy import Footprint
from sgddiff_batch.protocols import SceneRecord

DONE, QUARANTINED = "done", "quarantined"
"""States: the newest version of the scene is shown; or it is in quarantine, and an earlier one is shown."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_AWAY = datetime(2200, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

NO_TIME = -(2**63)
"""Stands for a null among microseconds."""


@dataclass(frozen=True, slots=True)
class Current:
    """A scene's current mosaic. ``record`` is the record it was completed with, ``state`` as in the rows."""

    record: SceneRecord
    path: str
    state: str = DONE
    reason: str | None = None


def row(current: Current, shown: Shown, time: TimeSpan | None) -> dict[str, Any]:
    """Return the row of a mosaic from its record and what is shown of it, with the columns of ``LEAN``."""
    record, outline = current.record, shown.outline
    created = instant(record.finished_at)
    is_known, *times = times_of(time, created)
    return {
        "id": record.scene_id,
        **_place(outline),
        **dict(zip(TIMES, times, strict=True)),
        "created": created,
        TIME_KNOWN: is_known,
        "proj:code": shown.code,
        "proj:wkt2": shown.wkt,
        "proj:shape": [shown.height_px, shown.width_px],
        "proj:transform": list(shown.transform.coefficients),
        "state": current.state,
        "reason": current.reason,
        "scene_uri": shown.source or None,
        "scene_version": record.version,
        "run_key": record.run_key,
        "model_digest": shown.model_digest,
        "height_px": record.height_px,
        "width_px": record.width_px,
        "valid_px": record.valid_px,
        "salient_px": record.salient_px,
        "salient_share": record.salient_px / record.valid_px if record.valid_px else None,
        "salient_km2": outline and outline.area_km2 * record.salient_px / (shown.height_px * shown.width_px),
        "store": current.path,
        "archive": None,
        ITEM: None,
    }


def _place(outline: Footprint | None) -> dict[str, Any]:
    return {
        "geometry": outline and outline.wkb,
        "bbox": outline and dict(zip(("xmin", "ymin", "xmax", "ymax"), outline.box, strict=True)),
    }


def times_of(span: TimeSpan | None, created: datetime | None) -> list[Any]:
    """Return whether the time is known, and STAC's datetime, start and end.

    An instant is all three: a start that is null would not be valid. Of a span the first one is null. Where
    the time is not known it is the mosaic's own, or else the widest true span.
    """
    if span is not None:
        with suppress(OverflowError, ValueError):  # of open ends, and of times that are none
            start, end = (_EPOCH + timedelta(seconds=seconds) for seconds in (span.start_s, span.stop_s))
            return [True, start if start == end else None, start, end]
    return [False, *([created] * 3 if created else [None, FIRST_PICTURE, _FAR_AWAY])]


class TakenTimes:
    """When scenes were taken, as rows of the catalogue say it: whole columns are compared and filled."""

    def __init__(self, times: Mapping[str, TimeSpan]) -> None:
        """Take the times of scenes by id; what no row can say (open ends) is as if it were not there."""
        table = SpanTable.of(times)
        spans, which = table.distinct()
        told = [times_of(span, None) for span in spans]
        is_known = np.array([one[0] for one in told], np.bool_)
        which[(which >= 0) & ~np.append(is_known, False)[which]] = -1
        self._ids, self._which = TextSet(table.ids), which
        ends = [microseconds(time) for one in told for time in one[1:]]
        self._told = np.array(ends, np.int64).reshape(-1, len(TIMES))

    def others(self, table: pa.Table) -> tuple[Rows, NDArray[np.int64]]:
        """Return the rows (n) whose scenes were taken at another time than they say, and that (n, 3).

        It is what TIMES are to be: microseconds since 1970, NO_TIME of what is null.
        """
        rows = self._ids.rows(texts_of(table["id"]))
        which = np.where(rows >= 0, self._which[rows], -1) if len(self._which) else rows
        there = np.flatnonzero(which >= 0)
        wanted = self._told[which[there]]
        part = table.select([TIME_KNOWN, *TIMES]).take(there)
        said = np.stack([_microseconds_of(part[name]) for name in TIMES], axis=1)
        is_other = (said != wanted).any(axis=1) | ~part[TIME_KNOWN].to_numpy()
        return there[is_other], wanted[is_other]

    def laid_on(self, table: pa.Table) -> pa.Table:
        """Return rows that say these times; those that change lose their Items, which say others."""
        rows, wanted = self.others(table)
        if not len(rows):
            return table
        is_new = np.zeros(table.num_rows, np.bool_)
        is_new[rows] = True
        for name, values in zip(TIMES, wanted.T, strict=True):
            times = _microseconds_of(table[name]).copy()
            times[rows] = values
            column = pa.array(times, pa.int64(), mask=times == NO_TIME).cast(TIME)
            table = table.set_column(table.schema.get_field_index(name), name, column)
        is_known = pa.array(table[TIME_KNOWN].to_numpy() | is_new)
        items = pc.if_else(pa.array(is_new), pa.scalar(None, pa.string()), table[ITEM].combine_chunks())
        table = table.set_column(table.schema.get_field_index(TIME_KNOWN), TIME_KNOWN, is_known)
        return table.set_column(table.schema.get_field_index(ITEM), ITEM, items)


def _microseconds_of(column: pa.ChunkedArray) -> NDArray[np.int64]:
    found: NDArray[np.int64] = column.cast(pa.int64()).fill_null(NO_TIME).to_numpy()
    return found


def microseconds(time: datetime | None) -> int:
    """Return a time as columns have it: microseconds since 1970, NO_TIME of none."""
    return NO_TIME if time is None else (time - _EPOCH) // _MICROSECOND


def instant(text: str) -> datetime | None:
    """Return an ISO 8601 time, in UTC where it names no zone; None where it is no time."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def table_of(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a table with the columns of ``LEAN``."""
    return pa.Table.from_pylist(list(rows), schema=LEAN)
