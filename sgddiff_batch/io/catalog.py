"""Catalog: which scenes an archive holds, at which versions, and what else lies in it."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from sgddiff_batch.core.fingerprint import digest
from sgddiff_batch.core.scene import Scene, escape_scene_id
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io import stores
from sgddiff_batch.io.archive_files import (
    ArchiveFile,
    Found,
    IgnoredFile,
    find_files,
    is_unicode,
    list_folder,
    local_file,
    printable,
)
from sgddiff_batch.io.scene_lists import SCENE_SUFFIXES, is_list, read_list

_AFTER_NAME = (".msk", ".ovr", ".aux.xml")
_AFTER_STEM = (".tfw", ".tifw", ".tiffw", ".wld", ".aux.xml")
_WILDCARD = re.compile(r"[*?\[]")
_VERSION_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Listing:
    """What an archive holds: ``scenes`` by id, files that are no scenes, and scenes that cannot be had.

    ``missing`` are entries of a list without a file, and scenes whose names cannot be used: to be put into
    quarantine with their reasons.
    """

    scenes: tuple[Scene, ...] = ()
    ignored: tuple[IgnoredFile, ...] = ()
    missing: tuple[IgnoredFile, ...] = ()


def list_scenes(archive_uri: str, output_uri: str | None = None) -> Listing:
    """List the scenes of a folder or prefix with all below it, a glob, a list, or one scene by itself.

    What lies below ``output_uri`` is left out without a word, so that the output can be inside the archive.

    archive_uri: a local path or s3://. A glob knows ``*``, ``?`` and ``[...]`` within a part of a path, and
    ``**`` for any number of parts; files that it does not match are not reported. A list is a .txt, .csv or
    .parquet file, see :func:`sgddiff_batch.io.scene_lists.read_list`. S3 is asked for listings only.

    Raises:
        ConfigError: if there is nothing at ``archive_uri``, or S3 denies it.
        RetryableError: if S3 does not answer.
    """
    if is_list(archive_uri):
        folder = posixpath.split(_full(archive_uri))[0]
        return _from_entries(read_list(archive_uri), folder)
    listing = _from_local(archive_uri) if stores.is_local(archive_uri) else _from_s3(archive_uri)
    return _outside(listing, archive_uri, output_uri) if output_uri else listing


def _outside(listing: Listing, archive_uri: str, output_uri: str) -> Listing:
    root, output = _split_glob(_full(archive_uri).rstrip("/"))[0], _full(output_uri).rstrip("/")
    below = output.removeprefix(f"{root}/")
    if below == output:
        return listing

    def is_outside(file: IgnoredFile) -> bool:
        return file.path != below and not file.path.startswith(f"{below}/")

    return Listing(
        tuple(scene for scene in listing.scenes if not scene.uri.startswith(f"{output}/")),
        tuple(filter(is_outside, listing.ignored)),
        tuple(filter(is_outside, listing.missing)),
    )


def _from_local(uri: str) -> Listing:
    path = Path(_full(uri))
    if path.is_dir():
        return _from_files(find_files(str(path)))
    if path.exists():
        if not _is_scene(path.name):
            raise ConfigError(f"archive.uri: {uri!r} is no folder and no .tif, .txt, .csv or .parquet file")
        return _from_entries([path.name], str(path.parent))
    root, pattern = _split_glob(str(path))
    if not pattern or not Path(root).is_dir():
        raise ConfigError(f"archive.uri: there is nothing at {uri!r}")
    depth = None if "**" in pattern else len(pattern)
    return _from_files(find_files(root, depth=depth), pattern)


def _from_s3(uri: str) -> Listing:
    root, pattern = _split_glob(uri.rstrip("/"))
    if pattern:
        prefix = _WILDCARD.split(pattern[0], maxsplit=1)[0]
        return _from_files(find_files(root, prefix=prefix), pattern)
    if _is_scene(root):
        folder, name = posixpath.split(root)
        single = _from_entries([name], folder)
        if single.scenes:
            return single
    listing = _from_files(find_files(root))
    if listing == Listing():
        raise ConfigError(f"archive.uri: there is nothing at {uri!r}")
    return listing


def _from_files(found: Iterable[Found], pattern: Sequence[str] = ()) -> Listing:
    """Sort the files below a root into scenes, their sidecars, and others."""
    listed = list(found)
    others = [entry for entry in listed if isinstance(entry, IgnoredFile)]
    missing = [entry for entry in others if entry.lost]
    ignored = [e for e in others if not e.lost and (not pattern or _matches(e.path.split("/"), pattern))]
    files = {entry.path: entry for entry in listed if isinstance(entry, ArchiveFile)}
    chosen = [path for path in files if not pattern or _matches(path.split("/"), pattern)]
    by_lower = _by_lower_name(files.values())
    scenes: list[Scene] = []
    belonging: set[str] = set()
    for path in filter(_is_scene, chosen):
        sidecars = _sidecars(path, by_lower)
        belonging.update(sidecar.path for sidecar in sidecars)
        if is_unicode(path):
            scenes.append(_scene(path, files[path], sidecars))
        else:
            missing.append(IgnoredFile(printable(path), "its name is not UTF-8; rename it"))
    for path in chosen:
        if not _is_scene(path) and path not in belonging:
            ignored.append(IgnoredFile(printable(path), _why_ignored(path)))
    return _sorted(scenes, ignored, missing)


def _from_entries(entries: Iterable[str], folder: str) -> Listing:
    """Look the entries of a list up, each folder by one listing. folder: what relative entries count from."""
    scenes: dict[str, Scene] = {}
    ignored: list[IgnoredFile] = []
    missing: list[IgnoredFile] = []
    places: dict[str, str] = {}
    for entry in entries:
        try:
            place, name = _place(entry, folder)
        except ConfigError as error:
            missing.append(IgnoredFile(printable(entry), str(error)))
            continue
        if _is_scene(place):
            places.setdefault(place, name)
        else:
            ignored.append(IgnoredFile(printable(entry), _why_ignored(entry)))
    for place, name, file, sidecars in _look_up(places):
        if file is None or isinstance(file, IgnoredFile):
            reason = file.reason if file else f"there is no file at {printable(place)}"
            missing.append(IgnoredFile(printable(name), reason))
        elif escape_scene_id(name) in scenes:
            missing.append(
                IgnoredFile(printable(name), f"another entry has the same id as {printable(place)}")
            )
        else:
            scenes[escape_scene_id(name)] = _scene(name, file, sidecars)
    return _sorted(scenes.values(), ignored, missing)


def _look_up(
    places: Mapping[str, str],
) -> Iterator[tuple[str, str, Found | None, list[ArchiveFile]]]:
    """Yield place, name, file (None where there is none) and sidecars of the entries of a list."""
    folders: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for place in places:
        folder, name = posixpath.split(place)
        folders[folder][name] = place
    for folder, here in folders.items():
        wanted = {lower for name in here for lower in (name.lower(), *_sidecar_names(name))}
        files = {file.path: file for file in list_folder(folder, tuple(here), wanted)}
        by_lower = _by_lower_name(files.values())
        for name, place in here.items():
            file: Found | None = files.get(name)
            if file is None and stores.is_local(place):
                file = local_file(Path(place), name)
            yield place, places[place], file, _sidecars(name, by_lower)


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


def _scene(name: str, file: ArchiveFile, sidecars: Sequence[ArchiveFile]) -> Scene:
    """Make a scene. Its version is a digest of what identifies the content of its files."""
    members = sorted([file, *sidecars], key=lambda member: member.path)
    identities = [[posixpath.basename(member.path), member.identity] for member in members]
    version = digest(identities)[:_VERSION_DIGITS]
    return Scene(escape_scene_id(name), file.uri, version, file.size_bytes, bool(sidecars))


def _sidecar_names(path: str) -> tuple[str, ...]:
    """Return the lower-case paths of the sidecars that a scene may have."""
    lower = path.lower()
    stem = posixpath.splitext(lower)[0]
    return (*(lower + suffix for suffix in _AFTER_NAME), *(stem + suffix for suffix in _AFTER_STEM))


def _by_lower_name(files: Iterable[ArchiveFile]) -> dict[str, list[ArchiveFile]]:
    found: defaultdict[str, list[ArchiveFile]] = defaultdict(list)
    for file in files:
        found[file.path.lower()].append(file)
    return found


def _sidecars(path: str, by_lower: Mapping[str, list[ArchiveFile]]) -> list[ArchiveFile]:
    folder = posixpath.dirname(path)
    candidates = (file for name in _sidecar_names(path) for file in by_lower.get(name, ()))
    return [file for file in candidates if posixpath.dirname(file.path) == folder]


def _is_scene(path: str) -> bool:
    return path.lower().endswith(SCENE_SUFFIXES) and not posixpath.basename(path).startswith("._")


def _why_ignored(path: str) -> str:
    lower = path.lower()
    if posixpath.basename(path).startswith("._"):
        return "it is a resource fork of macOS"
    if lower.endswith((*_AFTER_NAME, *_AFTER_STEM)):
        return "it is a sidecar of no scene"
    return "it is no .tif or .tiff file"


def _split_glob(uri: str) -> tuple[str, list[str]]:
    """Split a URI into the part before the first part with a wildcard, and the rest, part by part."""
    parts = uri.split("/")
    for number, part in enumerate(parts):
        if _WILDCARD.search(part):
            return "/".join(parts[:number]) or "/", [part for part in parts[number:] if part]
    return uri, []


def _matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match the parts of a glob."""
    # All reachable positions in the pattern at once: backtracking would take exponential time.
    positions = _past_stars({0}, pattern)
    for part in path:
        steps = {
            position if pattern[position] == "**" else position + 1
            for position in positions
            if position < len(pattern) and (pattern[position] == "**" or fnmatchcase(part, pattern[position]))
        }
        positions = _past_stars(steps, pattern)
    return len(pattern) in positions


def _past_stars(positions: set[int], pattern: Sequence[str]) -> set[int]:
    reached = set(positions)
    for position in sorted(positions):
        after = position
        while after < len(pattern) and pattern[after] == "**":
            after += 1
            reached.add(after)
    return reached


def _full(uri: str) -> str:
    return stores.open_store(uri).root if stores.is_local(uri) else uri


def _sorted(
    scenes: Iterable[Scene], ignored: Iterable[IgnoredFile], missing: Iterable[IgnoredFile]
) -> Listing:
    return Listing(
        tuple(sorted(scenes, key=lambda scene: scene.scene_id)),
        tuple(sorted(set(ignored), key=lambda file: file.path)),
        tuple(sorted(set(missing), key=lambda file: file.path)),
    )
