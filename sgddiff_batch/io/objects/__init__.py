"""Objects: what mosaics show, as polygons with measures.

Inside, the codes of stored mosaics become regions, regions rows, and rows files: a part a mosaic, and one of
all. Mosaics, ledger and catalogue are read alone.
"""

from __future__ import annotations

from sgddiff_batch.io.objects.lasting import LEAST_IOU
from sgddiff_batch.io.objects.output import MosaicObjects, OutputObjects, find_objects
from sgddiff_batch.io.objects.parts import PARTS, store_of_part

__all__ = ["LEAST_IOU", "PARTS", "MosaicObjects", "OutputObjects", "find_objects", "store_of_part"]
