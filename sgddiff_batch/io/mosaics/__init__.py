"""Mosaics: Zarr stores: written, opened, exported.

Inside are layout, conventions, shards and metadata of a store. Which mosaic is current, and what readers
are shown, is decided elsewhere.
"""

from __future__ import annotations

from sgddiff_batch.io.mosaics.conventions import (
    ARRAY_NAME,
    GRID_MAPPING,
    PROVENANCE,
    is_complete,
    root_attributes,
)
from sgddiff_batch.io.mosaics.counts import COUNTS_NAME, AreaBlockWriter, Counts, counts_level
from sgddiff_batch.io.mosaics.export_cog import CogExport
from sgddiff_batch.io.mosaics.export_png import DEFAULT_SIZE_PX, PngExport
from sgddiff_batch.io.mosaics.export_target import MARK_BYTES, Export, clear_up, made_whole
from sgddiff_batch.io.mosaics.metadata import ROOT, Level
from sgddiff_batch.io.mosaics.opening import mosaic_levels, open_mosaic, read_root
from sgddiff_batch.io.mosaics.reading import DamagedObjectError
from sgddiff_batch.io.mosaics.removal import empty_root, remove_objects
from sgddiff_batch.io.mosaics.root import blocks_of, is_emptied
from sgddiff_batch.io.mosaics.stored import StoredMosaic, open_stored, parse_stored
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter, is_committed

__all__ = [
    "ARRAY_NAME",
    "COUNTS_NAME",
    "DEFAULT_SIZE_PX",
    "GRID_MAPPING",
    "MARK_BYTES",
    "PROVENANCE",
    "ROOT",
    "AreaBlockWriter",
    "CogExport",
    "Counts",
    "DamagedObjectError",
    "Export",
    "Level",
    "PngExport",
    "StoredMosaic",
    "ZarrBlockWriter",
    "blocks_of",
    "clear_up",
    "counts_level",
    "empty_root",
    "is_committed",
    "is_complete",
    "is_emptied",
    "made_whole",
    "mosaic_levels",
    "open_mosaic",
    "open_stored",
    "parse_stored",
    "read_root",
    "remove_objects",
    "root_attributes",
]
