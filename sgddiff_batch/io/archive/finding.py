"""Catalog: the scenes of one folder, prefix, glob or list, at which versions, and what else lies there."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sgddiff_batch.core.fingerprint import digest
from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.scene import Scene, escape_scene_id
from sgddiff_batch.core.schemes import bucket_of
from sgddiff_batch.core.selection import Candidate, Facts
from sgddiff_batch.core.source_kinds import file_suffixes
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io import storage
from sgddiff_batch.io.archive.file_names import SCENE_SUFFIXES, is_scene
from sgddiff_batch.io.archive.files import (
    LEADS_OUT,
    ArchiveFile,
    Found,
    IgnoredFile,
    find_objects,
    is_unicode,
    list_folder,
    local_file,
)
from sgddiff_batch.io.archive.globs import WILDCARD, leads_to_match, matches, split_glob
from sgddiff_batch.io.archive.sidecars import (
    by_lower_name,
    leading_out,
    names_beside,
    sidecars_of,
    why_ignored,
    why_refused,
)
from sgddiff_batch.io.archive.walk import has_folder, walk_folder
from sgddiff_batch.io.storage import BucketError, NoBucketError

_VERSION_DIGITS = 16
_ASKED_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class FoundScenes:
    """What one source holds: scenes, files that are no scenes, and scenes that cannot be had.

    ``missing`` are entries of a list without a file, and scenes whose names cannot be used: to be put into
    quarantine with their reasons.
    """

    scenes: tuple[Candidate, ...] = ()
    ignored: tuple[IgnoredFile, ...] = ()
    missing: tuple[IgnoredFile, ...] = ()

    def outside(self, root: str, output: str) -> FoundScenes:
        """Leave out what lies below ``output``. Both are full; paths of ignored files count from ``root``."""
        below = output.removeprefix(f"{root}/")

        def is_outside(file: IgnoredFile) -> bool:
            return below == output or (file.path != below and not file.path.startswith(f"{below}/"))

        return FoundScenes(
            tuple(one for one in self.scenes if not one.scene.uri.startswith(f"{output}/")),
            tuple(filter(is_outside, self.ignored)),
            tuple(filter(is_outside, self.missing)),
        )


def find_scenes(uri: str, access: BucketAccess = OWN, allowed: Sequence[str] = ()) -> FoundScenes:
    """Find the scenes of a folder or prefix with all below it, of a glob, or one scene by itself.

    uri: a local path or that of a bucket. A glob is that of :mod:`sgddiff_batch.io.archive.globs`;
    files that it does not match are not reported. Buckets are asked for listings only, as ``access`` says.
    allowed: local folders that links may lead to, besides the archive's own.

    Raises:
        ConfigError: if there is nothing at ``uri``, or the storage denies it.
        RetryableError: if it does not answer.
    """
    path = storage.local_path(uri)
    return _from_objects(uri, access) if path is None else _from_local(path, uri, allowed)


def root_of(uri: str) -> str:
    """Return the folder that the names of a source's scenes count from, in full and without a last ``/``."""
    full, path = full_uri(uri).rstrip("/"), storage.local_path(uri)
    if path is not None and path.is_dir():
        return full
    root, pattern = split_glob(full)
    is_file = not pattern and posixpath.splitext(root)[1].lower() in (*SCENE_SUFFIXES, *file_suffixes())
    return posixpath.split(root)[0] if is_file else root


def name_of(place: str, root: str) -> str:
    """Return the path that the id of a scene is made of: from ``root``, or else from the top."""
    below = place.removeprefix(f"{root}/")
    return place.partition("://")[2] or place.lstrip("/") if below == place else below


def _from_local(path: Path, uri: str, allowed: Sequence[str]) -> FoundScenes:
    if path.is_dir():
        return _from_files(walk_folder(str(path), allowed=allowed))
    if path.exists():
        if not is_scene(path.name):
            raise ConfigError(f"archive.uri: {uri!r} is no folder and no .tif, .txt, .csv or .parquet file")
        return look_up({str(path): path.name}, allowed=allowed)
    root, pattern = split_glob(str(path))
    if not pattern or not Path(root).is_dir() or not has_folder(root, pattern):
        raise ConfigError(f"archive.uri: there is nothing at {uri!r}")
    return _from_files(walk_folder(root, pattern=pattern, allowed=allowed), pattern)


def _from_objects(uri: str, access: BucketAccess) -> FoundScenes:
    root, pattern = split_glob(uri.rstrip("/"))
    prefix = WILDCARD.split(pattern[0], maxsplit=1)[0] if pattern else ""
    if not pattern and is_scene(root):
        single = look_up({root: posixpath.basename(root)}, access)
        if single.scenes:
            return single
    listing = _from_files(find_objects(root, prefix, access), pattern)
    if listing == FoundScenes():
        raise ConfigError(f"archive.uri: there is nothing at {uri!r}")
    return listing


def _from_files(found: Iterable[Found], pattern: Sequence[str] = ()) -> FoundScenes:
    """Sort the files below a root into scenes, their sidecars, and others."""
    listed = list(found)
    others = [entry for entry in listed if isinstance(entry, IgnoredFile)]
    missing = [entry for entry in others if entry.lost]
    ignored = [e for e in others if not e.lost and _is_asked_for(e.path, pattern)]
    files = {entry.path: entry for entry in listed if isinstance(entry, ArchiveFile)}
    chosen = [path for path in files if not pattern or matches(path.split("/"), pattern)]
    by_lower = by_lower_name(files.values())
    links = by_lower_name(entry for entry in others if entry.reason == LEADS_OUT)
    scenes: list[Candidate] = []
    belonging: set[str] = set()
    for path in filter(is_scene, chosen):
        sidecars = sidecars_of(path, by_lower)
        belonging.update(sidecar.path for sidecar in sidecars)
        refusal = None if is_unicode(path) else "its name is not UTF-8; rename it"
        refusal = refusal or why_refused(printable(path), links)
        if refusal is None:
            scenes.append(_candidate(path, files[path], sidecars))
        else:
            missing.append(IgnoredFile(printable(path), refusal))
    for path in chosen:
        if not is_scene(path) and path not in belonging:
            ignored.append(IgnoredFile(printable(path), why_ignored(path)))
    return _sorted(scenes, ignored, missing)


def _is_asked_for(path: str, pattern: Sequence[str]) -> bool:
    """Whether a glob matches what is at a path, or may match what is below it."""
    parts = path.split("/")
    return not pattern or matches(parts, pattern) or leads_to_match(parts, pattern)


def look_up(
    names: Mapping[str, str],
    access: BucketAccess = OWN,
    *,
    strict: bool = False,
    allowed: Sequence[str] | None = None,
) -> FoundScenes:
    """Find files by full path or URI, each folder by one listing; ``names`` are what their ids are made of.

    strict: whether a bucket that is not there is an error; else a file in it is missing like any.
    allowed: the local folders besides a scene's own that links beside it may lead to; None for versions of
    scenes that were listed, of which that was judged.

    Raises:
        ConfigError, RetryableError: as :func:`find_scenes`.
    """
    answers = _answers(names, access, allowed)
    for answer in answers.values():
        if isinstance(answer, BucketError) and (strict or not isinstance(answer, NoBucketError)):
            raise answer
    return _found_of(names, answers)


def look_up_apart(
    names: Mapping[str, str],
    access: BucketAccess,
    needed: str = "",
    *,
    alone: bool,
    allowed: Sequence[str] = (),
) -> FoundScenes:
    """Find files as :func:`look_up`; a bucket that is not there, or says no, is the matter of its own files.

    But it is an error if its name is ``needed``, or, where these files are ``alone``, if it is so of all.

    Raises:
        ConfigError, RetryableError: as :func:`find_scenes`.
    """
    answers = _answers(names, access, allowed)
    errors = {folder: found for folder, found in answers.items() if isinstance(found, BucketError)}
    for folder, error in errors.items():
        if bucket_of(folder) == needed or (alone and len(errors) == len(answers)):
            raise error
    return _found_of(names, answers)


Answer = list[tuple[str, Found | None, list[ArchiveFile]]]
"""Place, file (None where there is none) and sidecars of the places in one folder."""


def _answers(
    names: Iterable[str], access: BucketAccess, allowed: Sequence[str] | None
) -> dict[str, Answer | BucketError]:
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for place in names:
        folders[posixpath.split(place)[0]].append(place)
    with ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="look-up") as pool:
        found = pool.map(partial(_look_into, access, allowed), folders, folders.values())
        return dict(zip(folders, found, strict=True))


def _look_into(
    access: BucketAccess, allowed: Sequence[str] | None, folder: str, places: Sequence[str]
) -> Answer | BucketError:
    here = {posixpath.basename(place): place for place in places}
    wanted = {lower for name in here for lower in (name.lower(), *names_beside(name))}
    try:
        present = list_folder(folder, tuple(here), wanted, access=access)
    except BucketError as error:
        return error
    files = {file.path: file for file in present}
    beside = [file for file in present if file.path not in here]
    outward = [] if allowed is None else leading_out(beside, (folder, *allowed))
    by_lower, links = by_lower_name(file for file in present if file not in outward), by_lower_name(outward)
    found: Answer = []
    for name, place in here.items():
        file: Found | None = files.get(name)
        if file is None and storage.local_path(place) is not None:
            file = local_file(Path(place), name)
        if isinstance(file, ArchiveFile) and (refusal := why_refused(name, links)):
            file = IgnoredFile(name, refusal)
        found.append((place, file, sidecars_of(name, by_lower)))
    return found


def _found_of(names: Mapping[str, str], answers: Mapping[str, Answer | BucketError]) -> FoundScenes:
    scenes: list[Candidate] = []
    missing: list[IgnoredFile] = []
    reasons = {folder: error.reason for folder, error in answers.items() if isinstance(error, BucketError)}
    for place, name in names.items():
        if reason := reasons.get(posixpath.split(place)[0]):
            missing.append(IgnoredFile(printable(name), f"there is no file at {printable(place)}: {reason}"))
    for place, file, sidecars in (
        one for found in answers.values() if isinstance(found, list) for one in found
    ):
        if isinstance(file, ArchiveFile):
            scenes.append(_candidate(names[place], file, sidecars))
        else:
            reason = file.reason if file else f"there is no file at {printable(place)}"
            missing.append(IgnoredFile(printable(names[place]), reason))
    return _sorted(scenes, (), missing)


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


def full_uri(uri: str) -> str:
    """Return a local path in full, any other URI as it is."""
    path = storage.local_path(uri)
    return uri if path is None else str(path)


def _sorted(
    scenes: Iterable[Candidate], ignored: Iterable[IgnoredFile], missing: Iterable[IgnoredFile]
) -> FoundScenes:
    return FoundScenes(
        tuple(sorted(scenes, key=lambda one: one.scene.scene_id)),
        tuple(sorted(set(ignored), key=lambda file: file.path)),
        tuple(sorted(set(missing), key=lambda file: file.path)),
    )
