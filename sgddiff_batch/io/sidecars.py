"""Sidecars: files beside a scene that say something of it, and that are found by its name."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping

from sgddiff_batch.io.archive_files import ArchiveFile

AFTER_NAME = (".msk", ".ovr", ".aux.xml")
AFTER_STEM = (".tfw", ".tifw", ".tiffw", ".wld", ".aux.xml")
"""What follows the scene's whole name, or its name without its suffix."""


def sidecar_names(path: str) -> tuple[str, ...]:
    """Return the lower-case paths of the sidecars that a scene may have."""
    lower = path.lower()
    stem = posixpath.splitext(lower)[0]
    return (*(lower + suffix for suffix in AFTER_NAME), *(stem + suffix for suffix in AFTER_STEM))


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
    return [file for file in candidates if posixpath.dirname(file.path) == folder]
