"""Generations of former versions: read as today's, so that they are written anew without opening a mosaic.

They lack columns, and say of scenes whose time is not known that they are of any time since the first
photograph from the air. Their hrefs count from nowhere; whoever reads those has them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from sgddiff_batch.io.catalogue.schema import ITEM, LINEAGE, SCHEMA, TIME, TIME_KNOWN, TIMES

FIRST_PICTURE = datetime(1858, 1, 1, tzinfo=UTC)
"""What former versions take for the begin of a time that is not known."""

_BY_TIMES = frozenset({*TIMES, TIME_KNOWN})
_NEW = frozenset({"renders", LINEAGE, TIME_KNOWN, ITEM})


def is_former(schema: pa.Schema) -> bool:
    """Whether a file with these columns is of a former version."""
    return TIME_KNOWN not in schema.names


def columns_for(columns: Sequence[str]) -> list[str]:
    """Return what has to be read of a former file so that some columns of today's can be had."""
    asked = set(columns)
    times = {*TIMES, "created"} if asked & _BY_TIMES else set()
    return [name for name in SCHEMA.names if name in (asked - _NEW) | times]


def completed(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return columns of today's from those that :func:`columns_for` named.

    Times are as today's rows have them; what former versions did not know is null.
    """
    if not _BY_TIMES.isdisjoint(columns):
        table = _with_times(table)
    for name in columns:
        if name not in table.schema.names:
            table = table.append_column(name, pa.nulls(table.num_rows, SCHEMA.field(name).type))
    return table.select(list(columns))


def _with_times(table: pa.Table) -> pa.Table:
    """Return a table with an instant as start and end, too, and unknown times as the mosaic's own."""
    instant, start, end = (table[name].cast(TIME) for name in TIMES)
    is_known = pc.fill_null(pc.not_equal(start, pa.scalar(FIRST_PICTURE, TIME)), True)
    instant = pc.if_else(is_known, instant, table["created"].cast(TIME))
    ends = (pc.coalesce(instant, end) for end in (start, end))
    for name, column in zip(TIMES, (instant, *ends), strict=True):
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table.append_column(TIME_KNOWN, is_known)
