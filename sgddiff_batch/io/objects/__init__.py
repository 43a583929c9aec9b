"""Objects: what mosaics show, as polygons with measures.

Inside, the codes of stored mosaics become regions, regions rows, and rows files: a part a mosaic, and one of
all. Mosaics, ledger and catalogue are read alone.
"""

from __future__ import annotations

from sgddiff_batch.io.objects.asking import History, ObjectNews, Published, RunCounts, count_objects
from sgddiff_batch.io.objects.drawing import PartDrawer
from sgddiff_batch.io.objects.generation import GENERATIONS
from sgddiff_batch.io.objects.output import (
    MOST_DRAWN_PX,
    MosaicObjects,
    ObjectsMaker,
    OutputObjects,
    find_objects,
)
from sgddiff_batch.io.objects.parts import PARTS, store_of_part

__all__ = [
    "GENERATIONS",
    "MOST_DRAWN_PX",
    "PARTS",
    "History",
    "MosaicObjects",
    "ObjectNews",
    "ObjectsMaker",
    "OutputObjects",
    "PartDrawer",
    "Published",
    "RunCounts",
    "count_objects",
    "find_objects",
    "store_of_part",
]
