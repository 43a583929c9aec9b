"""Seen: what readers see of an output, as far as a page needs it: where mosaics lie, how salient they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sgddiff_batch.core.generations import ObjectsFile
from sgddiff_batch.core.words import counted, on_one_line
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io.catalogue import TIME_KNOWN, read_published
from sgddiff_batch.io.pages.charts import drawing
from sgddiff_batch.io.pages.maps import MOST_DRAWN, Footprints, map_of
from sgddiff_batch.io.storage import Store

log = logging.getLogger(__name__)

_COLUMNS = ["id", "bbox", "salient_share", "store", "start_datetime", TIME_KNOWN]


@dataclass(frozen=True, slots=True)
class Seen:
    """The current mosaics of an output: ids, boxes (n, 4) in degrees, salient shares (n,); NaN: not known.

    ``stores``: their paths; ``times``: when their scenes were taken, None where that is not known.
    ``objects``: what readers see of objects, None where there are none.
    """

    ids: Sequence[str]
    boxes: NDArray[np.float64]
    shares: NDArray[np.float64]
    stores: pa.ChunkedArray
    times: pa.ChunkedArray
    objects: ObjectsFile | None = None

    def made(self, of_run: Set[str] | None) -> tuple[frozenset[str], datetime | None]:
        """Return the paths of the mosaics of these ids, and when the first of their scenes was taken."""
        chosen = pa.array([name in (of_run or ()) for name in self.ids], pa.bool_())
        return frozenset(self.stores.filter(chosen).to_pylist()), pc.min(self.times.filter(chosen)).as_py()

    @property
    def typical_share(self) -> float | None:
        """The salient share that half of them have at most, None where none is known."""
        known = self.shares[np.isfinite(self.shares)]
        return float(np.median(known)) if len(known) else None


def read_seen(output: Store) -> Seen | None:
    """Return what readers see of an output; None where nothing was published, or it cannot be read."""
    try:
        found = read_published(output, columns=_COLUMNS)
    except (SgddiffBatchError, OSError) as error:
        log.warning("the catalogue could not be read for the report's page: %s", on_one_line(error))
        return None
    if found is None:
        return None
    generation, table = found
    boxes = table["bbox"].combine_chunks()
    edges = [boxes.field(n).to_numpy(zero_copy_only=False).astype(np.float64) for n in range(4)]
    unknown = boxes.is_null().to_numpy(zero_copy_only=False)
    corners = np.where(unknown[:, None], np.nan, np.stack(edges, axis=1))
    shares = table["salient_share"].to_numpy().astype(np.float64)
    times = pc.if_else(table[TIME_KNOWN], table["start_datetime"], None)
    return Seen(table["id"].to_pylist(), corners, shares, table["store"], times, generation.objects)


def placed(seen: Seen | None, of_run: Set[str] | None) -> dict[str, Any]:
    """Return the section on where the mosaics lie. of_run: the ids of those that the run made."""
    if seen is None:
        return {"map": "", "map_words": "There is no catalogue that says where the mosaics lie."}
    is_new = np.fromiter((name in (of_run or ()) for name in seen.ids), bool, len(seen.ids))
    footprints = Footprints(seen.ids, seen.boxes, is_new)
    count = len(footprints.placed().boxes)
    words = f"{counted(count, 'mosaic', 'have')} a place on the globe"
    if count < len(seen.ids):
        words += f", and {len(seen.ids) - count:,} without: no CRS, or one that leads nowhere"
    if count > MOST_DRAWN:
        words += "; the darker a square, the more of them lie there"
    return {"map": drawing(map_of(footprints)), "map_words": f"{words}."}
