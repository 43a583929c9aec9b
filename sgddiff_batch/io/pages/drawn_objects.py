"""Drawn objects: what became of an output's objects with a run, counted from the file that readers have."""

from __future__ import annotations

import logging

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sgddiff_batch.core.object_ids import region_id
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io.storage import Store

log = logging.getLogger(__name__)

FILE = "objects.parquet"
_MOST_ROWS = 2_000_000
"""Of more, counting would take longer than all else of a page."""


def object_counts(output: Store, run_id: str) -> list[dict[str, str]]:
    """Return how many objects an output has, how many a run was first to show, and how many have vanished.

    As numbers with words; none where the output has no objects, or they cannot be read.
    """
    try:
        if output.stat(FILE) is None:
            return []
        with output.open(FILE) as file:
            stored = pq.ParquetFile(file)
            if stored.metadata.num_rows > _MOST_ROWS:
                return [_count(stored.metadata.num_rows, "sightings of objects")]
            return _counted(stored.read(columns=["id", "run", "state", "store", "row", "col"]), run_id)
    except (SgddiffBatchError, OSError, KeyError, ValueError, pa.ArrowException) as error:
        log.warning("the objects could not be read for the report's page: %s", on_one_line(error))
        return []


def _counted(rows: pa.Table, run_id: str) -> list[dict[str, str]]:
    count = len(rows["id"].unique())
    # By ids, not by what other runs made: once scenes are computed again, no mosaic of theirs is current.
    own = rows.filter(pc.fill_null(pc.equal(rows["run"], run_id), False))
    names, *places = (own[name].to_pylist() for name in ("id", "store", "row", "col"))
    first = {name for name, *place in zip(names, *places, strict=True) if name == region_id(*place)}
    gone = rows["id"].filter(pc.fill_null(pc.equal(rows["state"], "vanished"), False))
    return [
        _count(count, "objects"),
        _count(len(first), "objects that no run before has shown"),
        _count(len(gone.unique()), "objects that have vanished"),
    ]


def _count(number: int, words: str) -> dict[str, str]:
    return {"count": f"{number:,}", "words": words}
