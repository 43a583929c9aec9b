"""Drawn objects: what became of an output's objects with a run, counted from the file that readers have."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

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
            return _counted(stored.read(columns=["id", "run", "state"]), run_id)
    except (SgddiffBatchError, OSError, KeyError, ValueError, pa.ArrowException) as error:
        log.warning("the objects could not be read for the report's page: %s", on_one_line(error))
        return []


def _counted(rows: pa.Table, run_id: str) -> list[dict[str, str]]:
    ids = rows["id"].combine_chunks().dictionary_encode()
    codes, count = np.asarray(ids.indices), len(ids.dictionary)
    is_of_run = np.asarray(pc.fill_null(pc.equal(rows["run"], run_id), False))
    # A former run has shown what it has made any mosaic of.
    before = np.zeros(count, bool)
    before[codes[~is_of_run]] = True
    gone = np.asarray(pc.fill_null(pc.equal(rows["state"], "vanished"), False))
    return [
        _count(count, "objects"),
        _count(count - int(before.sum()), "objects that this run alone shows"),
        _count(len(np.unique(codes[gone])), "objects that have vanished"),
    ]


def _count(number: int, words: str) -> dict[str, str]:
    return {"count": f"{number:,}", "words": words}
