"""Sidecars: files beside a scene that say something of it, and that are found by its name.

A link that leads out of the archive is followed no more for a sidecar than for a scene. But GDAL asks for
what is beside a scene by name, for all of it or for nothing; so the scene is refused, and not read with half.
"""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from sgddiff_batch.core.words import first_of, printable
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io import storage
from sgddiff_batch.io.archive.files import ArchiveFile, Found, IgnoredFile, is_inside

AnyFile = TypeVar("AnyFile", ArchiveFile, IgnoredFile)

AFTER_NAME = (".msk", ".ovr", ".aux.xml")
AFTER_STEM = (".tfw", ".tifw", ".tiffw", ".wld", ".aux.xml")
"""What follows the scene's whole name, or its name without its suffix, in any case."""
ESRI_SUFFIXES = (".xml", ".XML")
"""What follows the name without its suffix, to the letter, where ArcGIS has put a CRS."""

_OF_SIDECARS = (".msk.aux.xml",)
"""What GDAL reads for a mask beside a scene; it is no part of the scene's version."""
_ESRI_ROOT = b"<metadata"
_BEGINNING_BYTES = 4096


def sidecar_names(path: str) -> tuple[str, ...]:
    """Return the lower-case paths of the sidecars that a scene may have."""
    lower = path.lower()
    stem = posixpath.splitext(lower)[0]
    after_stem = (*AFTER_STEM, *map(str.lower, ESRI_SUFFIXES))
    return tuple(dict.fromkeys([*(lower + end for end in AFTER_NAME), *(stem + end for end in after_stem)]))


def why_ignored(path: str) -> str:
    """Return why a file of this name is no scene."""
    lower = path.lower()
    if posixpath.basename(path).startswith("._"):
        return "it is a resource fork of macOS"
    if lower.endswith((*AFTER_NAME, *AFTER_STEM)):
        return "it is a sidecar of no scene"
    return "it is no .tif or .tiff file"


def names_beside(path: str) -> tuple[str, ...]:
    """Return the lower-case paths of all that may be read with a scene."""
    return (*sidecar_names(path), *(path.lower() + end for end in _OF_SIDECARS))


def by_lower_name(files: Iterable[AnyFile]) -> dict[str, list[AnyFile]]:
    """Return files by their paths in lower case."""
    found: defaultdict[str, list[AnyFile]] = defaultdict(list)
    for file in files:
        found[file.path.lower()].append(file)
    return found


def sidecars_of(path: str, by_lower: Mapping[str, list[ArchiveFile]]) -> list[ArchiveFile]:
    """Return the sidecars of a scene that lie beside it."""
    folder = posixpath.dirname(path)
    candidates = (file for name in sidecar_names(path) for file in by_lower.get(name, ()))
    return [file for file in candidates if posixpath.dirname(file.path) == folder and _counts(file, path)]


def leading_out(files: Iterable[ArchiveFile], folders: Sequence[str]) -> list[ArchiveFile]:
    """Return those files that are links to anywhere but into these folders; in buckets there are none."""
    inside = [os.path.realpath(folder) for folder in folders]
    paths = ((file, storage.local_path(file.uri)) for file in files)
    links = [(file, path) for file, path in paths if path is not None and path.is_symlink()]
    return [file for file, path in links if not is_inside(os.path.realpath(path), inside)]


def why_refused(path: str, links: Mapping[str, Sequence[Found]]) -> str | None:
    """Return why a scene is refused, None where none of the links is called like a sidecar of it.

    links: those that are not followed, by their paths in lower case.
    """
    folder = posixpath.dirname(path)
    candidates = [link.path for name in names_beside(path) for link in links.get(name, ())]
    names = [
        printable(posixpath.basename(link))
        for link in candidates
        if posixpath.dirname(link) == folder and _is_called_so(link, path)
    ]
    if not names:
        return None
    return (
        f"beside it {first_of(names)} leads out of the archive, by a link to where archive.allow_folders "
        "does not name, and would be read with it: remove the link, or name its folder there"
    )


def _is_called_so(file: str, scene: str) -> bool:
    """Whether a file is called like a sidecar to the letter, where case counts."""
    if not file.lower().endswith(".xml") or file.lower().endswith(".aux.xml"):
        return True
    return file in [posixpath.splitext(scene)[0] + suffix for suffix in ESRI_SUFFIXES]


def _counts(file: ArchiveFile, scene: str) -> bool:
    """Whether a file that is called like a sidecar is one: many other things are called .xml.

    Whose content can be had only by one more request is believed.
    """
    if not _is_called_so(file.path, scene):
        return False
    is_esri = file.path.endswith(ESRI_SUFFIXES) and not file.path.lower().endswith(".aux.xml")
    return not is_esri or storage.over_network(file.uri) or _has_esri_root(file.uri)


def _has_esri_root(uri: str) -> bool:
    try:
        return _ESRI_ROOT in storage.open_store(uri).read_part("", 0, _BEGINNING_BYTES)
    except (OSError, SgddiffBatchError):
        return False  # nor can GDAL read it
