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
from sgddiff_batch.io.mosaics.export_cog import export_cog
from sgddiff_batch.io.mosaics.metadata import ROOT, Level
from sgddiff_batch.io.mosaics.opening import mosaic_levels, open_mosaic, read_root
from sgddiff_batch.io.mosaics.reading import DamagedObjectError
from sgddiff_batch.io.mosaics.removal import empty_root, remove_objects
from sgddiff_batch.io.mosaics.root import blocks_of
from sgddiff_batch.io.mosaics.stored import StoredMosaic, open_stored, parse_stored
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter, is_committed

__all__ = [
    "ARRAY_NAME",
    "COUNTS_NAME",
    "GRID_MAPPING",
    "PROVENANCE",
    "ROOT",
    "AreaBlockWriter",
    "Counts",
    "DamagedObjectError",
    "Level",
    "StoredMosaic",
    "ZarrBlockWriter",
    "blocks_of",
    "counts_level",
    "empty_root",
    "export_cog",
    "is_committed",
    "is_complete",
    "mosaic_levels",
    "open_mosaic",
    "open_stored",
    "parse_stored",
    "read_root",
    "remove_objects",
    "root_attributes",
]
