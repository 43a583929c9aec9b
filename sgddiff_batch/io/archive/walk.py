"""The walk over a local archive: each folder once, also where links lead to it, or round in circles."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from sgddiff_batch.core.words import printable
from sgddiff_batch.io.archive.file_names import is_no_archive
from sgddiff_batch.io.archive.files import (
    LEADS_OUT,
    NO_ARCHIVE,
    ZARR_STORE,
    Found,
    IgnoredFile,
    error_words,
    is_inside,
    local_file,
)
from sgddiff_batch.io.archive.globs import leads_to_match, reached


def walk_folder(root: str, *, pattern: Sequence[str] = (), allowed: Sequence[str] = ()) -> Iterator[Found]:
    """Yield what is below a local folder.

    pattern: the glob by which files are chosen: folders without any are not walked. allowed: the folders
    besides it that links may lead to, with all below them.

    A folder is walked once: by its own path where that is below ``root``, else by the first of the links that
    lead to it, in the order of their paths; and once more by a link whose name lets the glob choose other
    files. What is not walked is one ignored file.
    """
    walk = _Walk([os.path.realpath(folder) for folder in (root, *allowed)], pattern)
    yield from walk.folder(_Folder(root, ""))
    while walk.links:
        # Links that are found on the way wait for the next round: so the order of a listing decides nothing.
        links, walk.links = sorted(walk.links, key=lambda link: link.relative), []
        for link in links:
            yield from walk.below(link)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder, or a link to one: where it is, and its path from the root."""

    path: str
    relative: str


@dataclass(slots=True)
class _Walk:
    """Where links may lead, which folders were walked (by their real paths), and the links to others."""

    allowed: list[str]
    pattern: Sequence[str]
    walked: dict[tuple[str, frozenset[int]], str] = field(default_factory=dict)
    links: list[_Folder] = field(default_factory=list)

    def folder(self, here: _Folder) -> Iterator[Found]:
        parts = here.relative.split("/") if here.relative else []
        arrived = reached(parts, self.pattern) if self.pattern else frozenset[int]()
        key = os.path.realpath(here.path), arrived
        if key in self.walked:
            yield _ignored(here.relative, f"it leads to a folder that is listed as {self.walked[key] or '.'}")
            return
        self.walked[key] = printable(here.relative)
        try:
            with os.scandir(here.path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            reason = f"this folder cannot be listed: {error_words(error)}"
            yield IgnoredFile(printable(here.relative) or ".", reason, lost=True)
            return
        for entry in entries:
            path = f"{here.relative}/{entry.name}" if here.relative else entry.name
            if entry.is_symlink():
                yield from self._link(_Folder(entry.path, path))
            elif entry.is_dir(follow_symlinks=False):
                yield from self.below(_Folder(entry.path, path))
            else:
                yield from filter(None, [local_file(Path(entry.path), path)])

    def below(self, here: _Folder) -> Iterator[Found]:
        """Walk a folder that was found, or that a link leads to, if it is one to look into."""
        if self.pattern and not leads_to_match(here.relative.split("/"), self.pattern):
            return
        names = (Path(here.path).name, *self._own_parts(os.path.realpath(here.path)))
        if any(map(is_no_archive, names)):
            yield _ignored(here.relative, NO_ARCHIVE)
        elif any(name.endswith(".zarr") for name in names):
            yield _ignored(here.relative, ZARR_STORE)
        else:
            yield from self.folder(here)

    def _own_parts(self, real: str) -> list[str]:
        """Return the parts of a folder's real path below the allowed folder that it is in."""
        around = [folder for folder in self.allowed if f"{real}/".startswith(f"{folder.rstrip('/')}/")]
        return real[len(max(around, key=len, default="")) :].split("/")

    def _link(self, link: _Folder) -> Iterator[Found]:
        """Follow a link to an allowed place; a link to anywhere else could show any file of the machine."""
        try:
            target = Path(link.path).resolve(strict=True)
        except (OSError, RuntimeError):
            yield _ignored(link.relative, "it is a broken link")
            return
        if not is_inside(str(target), self.allowed):
            yield _ignored(link.relative, LEADS_OUT)
        elif target.is_dir():
            self.links.append(link)
        else:
            yield from filter(None, [local_file(Path(link.path), link.relative)])


def _ignored(relative: str, reason: str) -> IgnoredFile:
    return IgnoredFile(printable(relative), reason)


def has_folder(root: str, pattern: Sequence[str]) -> bool:
    """Whether a local folder has one that the first part of a glob matches, if that is a part for folders."""
    if len(pattern) < 2 or pattern[0] == "**":
        return True
    try:
        with os.scandir(root) as entries:
            return any(entry.is_dir() and fnmatchcase(entry.name, pattern[0]) for entry in entries)
    except OSError:
        return True  # whoever lists it tells
