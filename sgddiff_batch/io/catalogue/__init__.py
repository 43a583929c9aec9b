"""Catalogue: what readers see of an output: generations of rows, one flip of a pointer, and lists of mosaics.

Inside are the rows' format and how they follow from the ledger's records and the stores' roots. Nothing
here changes a mosaic or a record.
"""

from __future__ import annotations

from sgddiff_batch.io.catalogue.generations import (
    draw_objects,
    drop_mosaics,
    publish,
    read_catalogue,
    read_pointer,
    read_published,
    rollback,
)
from sgddiff_batch.io.catalogue.items import STATIC
from sgddiff_batch.io.catalogue.mosaics import MosaicEntry, list_mosaics
from sgddiff_batch.io.catalogue.objects import CATALOGUE, GENERATIONS, OBJECTS, named_by, read_generation
from sgddiff_batch.io.catalogue.recordings import Recordings
from sgddiff_batch.io.catalogue.rows import instant
from sgddiff_batch.io.catalogue.schema import TIME_KNOWN
from sgddiff_batch.io.catalogue.shown import shown_json
from sgddiff_batch.io.catalogue.update import PublishContext

__all__ = [
    "CATALOGUE",
    "GENERATIONS",
    "OBJECTS",
    "STATIC",
    "TIME_KNOWN",
    "MosaicEntry",
    "PublishContext",
    "Recordings",
    "draw_objects",
    "drop_mosaics",
    "instant",
    "list_mosaics",
    "named_by",
    "publish",
    "read_catalogue",
    "read_generation",
    "read_pointer",
    "read_published",
    "rollback",
    "shown_json",
]
