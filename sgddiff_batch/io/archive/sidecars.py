"""Sidecars: files beside a scene that say something of it, and that are found by its name."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io import storage
from sgddiff_batch.io.archive.files import ArchiveFile

AFTER_NAME = (".msk", ".ovr", ".aux.xml")
AFTER_STEM = (".tfw", ".tifw", ".tiffw", ".wld", ".aux.xml")
"""What follows the scene's whole name, or its name without its suffix, in any case."""
ESRI_SUFFIXES = (".xml", ".XML")
"""What follows the name without its suffix, to the letter, where ArcGIS has put a CRS."""

_ENDS = (*AFTER_NAME, *AFTER_STEM, *map(str.lower, ESRI_SUFFIXES))

_ESRI_ROOT = b"<metadata"
_BEGINNING_BYTES = 4096


def sidecar_names(path: str) -> tuple[str, ...]:
    """Return the lower-case paths of the sidecars that a scene may have."""
    lower = path.lower()
    stem = posixpath.splitext(lower)[0]
    after_stem = (*AFTER_STEM, *map(str.lower, ESRI_SUFFIXES))
    return tuple(dict.fromkeys([*(lower + end for end in AFTER_NAME), *(stem + end for end in after_stem)]))


def is_called_sidecar(path: str) -> bool:
    """Whether a file of this name may be a sidecar, of whatever scene."""
    return path.lower().endswith(_ENDS)


def by_lower_name(files: Iterable[ArchiveFile]) -> dict[str, list[ArchiveFile]]:
    """Return files by their paths in lower case."""
    found: defaultdict[str, list[ArchiveFile]] = defaultdict(list)
    for file in files:
        found[file.path.lower()].append(file)
    return found


def sidecars_of(path: str, by_lower: Mapping[str, list[ArchiveFile]]) -> list[ArchiveFile]:
    """Return the sidecars of a scene that lie beside it."""
    folder = posixpath.dirname(path)
    candidates = (file for name in sidecar_names(path) for file in by_lower.get(name, ()))
    return [file for file in candidates if posixpath.dirname(file.path) == folder and _counts(file, path)]


def scenes_with_sidecars(paths: Collection[str], others: Iterable[ArchiveFile]) -> NDArray[np.bool_]:
    """Return which scenes one of the other files may be a sidecar of, by its name."""
    names: set[str] = set()
    stems: set[str] = set()
    after_stem = (*AFTER_STEM, *map(str.lower, ESRI_SUFFIXES))
    for lower in (file.path.lower() for file in others):
        names.update(lower.removesuffix(end) for end in AFTER_NAME if lower.endswith(end))
        stems.update(lower.removesuffix(end) for end in after_stem if lower.endswith(end))
    if not names and not stems:
        return np.zeros(len(paths), np.bool_)
    found = ((lower := path.lower()) in names or posixpath.splitext(lower)[0] in stems for path in paths)
    return np.fromiter(found, np.bool_, len(paths))


def _counts(file: ArchiveFile, scene: str) -> bool:
    """Whether a file that is called like a sidecar is one: many other things are called .xml.

    Whose content can be had only by one more request is believed.
    """
    if not file.path.lower().endswith(".xml") or file.path.lower().endswith(".aux.xml"):
        return True
    if file.path not in [posixpath.splitext(scene)[0] + suffix for suffix in ESRI_SUFFIXES]:
        return False
    return storage.over_network(file.uri) or _has_esri_root(file.uri)


def _has_esri_root(uri: str) -> bool:
    try:
        return _ESRI_ROOT in storage.open_store(uri).read_part("", 0, _BEGINNING_BYTES)
    except (OSError, SgddiffBatchError):
        return False  # nor can GDAL read it
