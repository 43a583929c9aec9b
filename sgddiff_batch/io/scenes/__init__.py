"""Scenes: the pixels of a scene, and whether each has data.

Inside is GDAL: one driver, no references to other files, errors as ours, reading in another process where
one died. No other room opens a raster of the archive.
"""

from __future__ import annotations

from sgddiff_batch.io.scenes.array_scene import held_array
from sgddiff_batch.io.scenes.checked_reader import CheckedReader
from sgddiff_batch.io.scenes.gdal import opened, silence_not_georeferenced
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from sgddiff_batch.io.scenes.guarded_reader import GuardedReader, make_reader
from sgddiff_batch.io.scenes.isolated_reader import IsolatedReader

__all__ = [
    "CheckedReader",
    "GeoTiffReader",
    "GuardedReader",
    "IsolatedReader",
    "held_array",
    "make_reader",
    "opened",
    "silence_not_georeferenced",
]
