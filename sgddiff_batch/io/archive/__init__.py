"""Archive: the files of an archive: folders, prefixes, globs and lists, with versions and sidecars.

Inside, names become scenes and versions, and links are followed or not. No scene is opened here, and
nothing is known of catalogues.
"""

from __future__ import annotations

from sgddiff_batch.io.archive.file_names import is_bucket, is_scene
from sgddiff_batch.io.archive.files import ArchiveFile, IgnoredFile, fetched_at, file_at
from sgddiff_batch.io.archive.finding import (
    FoundScenes,
    find_scenes,
    full_uri,
    look_up,
    look_up_apart,
    name_of,
    root_of,
    version_of,
)
from sgddiff_batch.io.archive.globs import split_glob
from sgddiff_batch.io.archive.lists import is_list, read_list
from sgddiff_batch.io.archive.places import Places, places_of
from sgddiff_batch.io.archive.sidecars import why_ignored
from sgddiff_batch.io.archive.still_there import current_scene

__all__ = [
    "ArchiveFile",
    "FoundScenes",
    "IgnoredFile",
    "Places",
    "current_scene",
    "fetched_at",
    "file_at",
    "find_scenes",
    "full_uri",
    "is_bucket",
    "is_list",
    "is_scene",
    "look_up",
    "look_up_apart",
    "name_of",
    "places_of",
    "read_list",
    "root_of",
    "split_glob",
    "version_of",
    "why_ignored",
]
