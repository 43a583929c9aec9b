"""Catalog: the scenes of one folder, prefix, glob or list, at which versions, and what else lies there."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sgddiff_batch.core.archive import OWN, BucketAccess
from sgddiff_batch.core.fingerprint import digest
from sgddiff_batch.core.scene import Scene, escape_scene_id
from sgddiff_batch.core.selection import Candidate, Facts
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io import stores
from sgddiff_batch.io.archive_files import (
    ArchiveFile,
    Found,
    IgnoredFile,
    find_files,
    has_folder,
    is_unicode,
    list_folder,
    local_file,
    printable,
)
from sgddiff_batch.io.globs import WILDCARD, matches, split_glob
from sgddiff_batch.io.scene_lists import LIST_SUFFIXES, SCENE_SUFFIXES
from sgddiff_batch.io.sidecars import AFTER_NAME, AFTER_STEM, by_lower_name, sidecar_names, sidecars_of

_VERSION_DIGITS = 16
_ASKED_AT_ONCE = 16
_FILE_SUFFIXES = (*SCENE_SUFFIXES, *LIST_SUFFIXES, ".json", ".geojson")


@dataclass(frozen=True, slots=True)
class Finds:
    """What one source holds: scenes, files that are no scenes, and scenes that cannot be had.

    ``missing`` are entries of a list without a file, and scenes whose names cannot be used: to be put into
    quarantine with their reasons.
    """

    scenes: tuple[Candidate, ...] = ()
    ignored: tuple[IgnoredFile, ...] = ()
    missing: tuple[IgnoredFile, ...] = ()

    def outside(self, root: str, output: str) -> Finds:
        """Leave out what lies below ``output``. Both are full; paths of ignored files count from ``root``."""
        below = output.removeprefix(f"{root}/")

        def is_outside(file: IgnoredFile) -> bool:
            return below == output or (file.path != below and not file.path.startswith(f"{below}/"))

        return Finds(
            tuple(one for one in self.scenes if not one.scene.uri.startswith(f"{output}/")),
            tuple(filter(is_outside, self.ignored)),
            tuple(filter(is_outside, self.missing)),
        )


def find_scenes(uri: str, access: BucketAccess = OWN) -> Finds:
    """Find the scenes of a folder or prefix with all below it, of a glob, or one scene by itself.

    uri: a local path or s3://. A glob is that of :mod:`sgddiff_batch.io.globs`;
    files that it does not match are not reported. S3 is asked for listings only, as ``access`` says.

    Raises:
        ConfigError: if there is nothing at ``uri``, or S3 denies it.
        RetryableError: if S3 does not answer.
    """
    return _from_local(uri) if stores.is_local(uri) else _from_s3(uri, access)


@dataclass(frozen=True, slots=True)
class Places:
    """What a list or a catalogue names, before anybody looked: ``names`` by full path or URI of the file.

    ``facts`` are those that a catalogue gives, by the same. ``ignored`` and ``missing`` as in :class:`Finds`.
    """

    names: Mapping[str, str]
    facts: Mapping[str, Facts] = field(default_factory=dict)
    ignored: tuple[IgnoredFile, ...] = ()
    missing: tuple[IgnoredFile, ...] = ()


def root_of(uri: str) -> str:
    """Return the folder that the names of a source's scenes count from, in full and without a last ``/``."""
    full = full_uri(uri).rstrip("/")
    if stores.is_local(uri) and Path(full).is_dir():
        return full
    root, pattern = split_glob(full)
    is_file = not pattern and posixpath.splitext(root)[1].lower() in _FILE_SUFFIXES
    return posixpath.split(root)[0] if is_file else root


def name_of(place: str, root: str) -> str:
    """Return the path that the id of a scene is made of: from ``root``, or else from the top."""
    below = place.removeprefix(f"{root}/")
    return place.partition("://")[2] or place.lstrip("/") if below == place else below


def _from_local(uri: str) -> Finds:
    path = Path(full_uri(uri))
    if path.is_dir():
        return _from_files(find_files(str(path)))
    if path.exists():
        if not is_scene(path.name):
            raise ConfigError(f"archive.uri: {uri!r} is no folder and no .tif, .txt, .csv or .parquet file")
        return look_up({str(path): path.name})
    root, pattern = split_glob(str(path))
    if not pattern or not Path(root).is_dir() or not has_folder(root, pattern):
        raise ConfigError(f"archive.uri: there is nothing at {uri!r}")
    depth = None if "**" in pattern else len(pattern)
    return _from_files(find_files(root, depth=depth), pattern)


def _from_s3(uri: str, access: BucketAccess) -> Finds:
    root, pattern = split_glob(uri.rstrip("/"))
    prefix = WILDCARD.split(pattern[0], maxsplit=1)[0] if pattern else ""
    if not pattern and is_scene(root):
        single = look_up({root: posixpath.basename(root)}, access=access)
        if single.scenes:
            return single
    listing = _from_files(find_files(root, prefix=prefix, access=access), pattern)
    if listing == Finds():
        raise ConfigError(f"archive.uri: there is nothing at {uri!r}")
    return listing


def _from_files(found: Iterable[Found], pattern: Sequence[str] = ()) -> Finds:
    """Sort the files below a root into scenes, their sidecars, and others."""
    listed = list(found)
    others = [entry for entry in listed if isinstance(entry, IgnoredFile)]
    missing = [entry for entry in others if entry.lost]
    ignored = [e for e in others if not e.lost and (not pattern or matches(e.path.split("/"), pattern))]
    files = {entry.path: entry for entry in listed if isinstance(entry, ArchiveFile)}
    chosen = [path for path in files if not pattern or matches(path.split("/"), pattern)]
    by_lower = by_lower_name(files.values())
    scenes: list[Candidate] = []
    belonging: set[str] = set()
    for path in filter(is_scene, chosen):
        sidecars = sidecars_of(path, by_lower)
        belonging.update(sidecar.path for sidecar in sidecars)
        if is_unicode(path):
            scenes.append(_candidate(path, files[path], sidecars))
        else:
            missing.append(IgnoredFile(printable(path), "its name is not UTF-8; rename it"))
    for path in chosen:
        if not is_scene(path) and path not in belonging:
            ignored.append(IgnoredFile(printable(path), why_ignored(path)))
    return _sorted(scenes, ignored, missing)


def places_of(entries: Iterable[str], folder: str) -> Places:
    """Return what the entries of a list name. folder: what relative entries count from."""
    ignored: list[IgnoredFile] = []
    missing: list[IgnoredFile] = []
    names: dict[str, str] = {}
    for entry in entries:
        try:
            place, name = _place(entry, folder)
        except ConfigError as error:
            missing.append(IgnoredFile(printable(entry), str(error)))
            continue
        if is_scene(place):
            names.setdefault(place, name)
        else:
            ignored.append(IgnoredFile(printable(entry), why_ignored(entry)))
    return Places(names, {}, tuple(ignored), tuple(missing))


def look_up(names: Mapping[str, str], strict: Set[str] = frozenset(), access: BucketAccess = OWN) -> Finds:
    """Find files by full path or URI, each folder by one listing; ``names`` are what their ids are made of.

    The buckets of ``strict`` places have to be there; of others a file is missing like any.

    Raises:
        ConfigError, RetryableError: as :func:`find_scenes`.
    """
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for place in names:
        folders[posixpath.split(place)[0]].append(place)
    scenes: list[Candidate] = []
    missing: list[IgnoredFile] = []
    with ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="look-up") as pool:
        for found in pool.map(partial(_look_into, strict, access), folders, folders.values()):
            for place, file, sidecars in found:
                name = names[place]
                if isinstance(file, ArchiveFile):
                    scenes.append(_candidate(name, file, sidecars))
                else:
                    reason = file.reason if file else f"there is no file at {printable(place)}"
                    missing.append(IgnoredFile(printable(name), reason))
    return _sorted(scenes, (), missing)


def _look_into(
    strict: Set[str], access: BucketAccess, folder: str, places: Sequence[str]
) -> list[tuple[str, Found | None, list[ArchiveFile]]]:
    """Return place, file (None where there is none) and sidecars of the places in one folder."""
    here = {posixpath.basename(place): place for place in places}
    wanted = {lower for name in here for lower in (name.lower(), *sidecar_names(name))}
    is_strict = not strict.isdisjoint(places)
    present = list_folder(folder, tuple(here), wanted, strict=is_strict, access=access)
    files = {file.path: file for file in present}
    by_lower = by_lower_name(files.values())
    found: list[tuple[str, Found | None, list[ArchiveFile]]] = []
    for name, place in here.items():
        file: Found | None = files.get(name)
        if file is None and stores.is_local(place):
            file = local_file(Path(place), name)
        found.append((place, file, sidecars_of(name, by_lower)))
    return found


def _place(entry: str, folder: str) -> tuple[str, str]:
    """Return the full path or URI of a list's entry, and the path that its scene id is made of.

    Raises:
        ConfigError: if the entry has a scheme that is not spoken, or leads out of the list's bucket.
    """
    if not stores.is_local(entry):
        return entry, entry.partition("://")[2]
    if entry.startswith("/"):
        path = posixpath.normpath(entry).replace("//", "/")
        return path, path.lstrip("/")
    scheme, separator, base = folder.rpartition("://")
    joined = posixpath.normpath(f"{base}/{entry}")
    bucket = base.split("/")[0]
    if separator and not joined.startswith(f"{bucket}/"):
        raise ConfigError("it leads out of the bucket of its list")
    return f"{scheme}{separator}{joined}", posixpath.normpath(entry)


def _candidate(name: str, file: ArchiveFile, sidecars: Sequence[ArchiveFile]) -> Candidate:
    """Make a scene."""
    version = version_of([file, *sidecars])
    scene = Scene(escape_scene_id(name), file.uri, version, file.size_bytes, bool(sidecars))
    return Candidate(scene, name, Facts(modified_s=file.modified_s))


def version_of(files: Iterable[ArchiveFile]) -> str:
    """Return a scene's version: a digest of what identifies the content of its files."""
    members = sorted(files, key=lambda member: member.path)
    identities = [[posixpath.basename(member.path), member.identity] for member in members]
    return digest(identities)[:_VERSION_DIGITS]


def is_scene(path: str) -> bool:
    """Whether a file of this name is taken for a scene."""
    return path.lower().endswith(SCENE_SUFFIXES) and not posixpath.basename(path).startswith("._")


def why_ignored(path: str) -> str:
    """Return why a file of this name is no scene."""
    lower = path.lower()
    if posixpath.basename(path).startswith("._"):
        return "it is a resource fork of macOS"
    if lower.endswith((*AFTER_NAME, *AFTER_STEM)):
        return "it is a sidecar of no scene"
    return "it is no .tif or .tiff file"


def full_uri(uri: str) -> str:
    """Return a local path in full, any other URI as it is."""
    return stores.open_store(uri).root if stores.is_local(uri) else uri


def _sorted(
    scenes: Iterable[Candidate], ignored: Iterable[IgnoredFile], missing: Iterable[IgnoredFile]
) -> Finds:
    return Finds(
        tuple(sorted(scenes, key=lambda one: one.scene.scene_id)),
        tuple(sorted(set(ignored), key=lambda file: file.path)),
        tuple(sorted(set(missing), key=lambda file: file.path)),
    )
