"""Found: the files that one source shows, sorted into scenes, their sidecars, and others."""

from __future__ import annotations

import json
import posixpath
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii

import numpy as np

from sgddiff_batch.core.candidate_table import CandidateTable, taken
from sgddiff_batch.core.fingerprint import bytes_digest, canonical_json, digest
from sgddiff_batch.core.scene import Scene, escape_scene_id, is_plain
from sgddiff_batch.core.scene_table import SceneTable
from sgddiff_batch.core.selection import Candidate, Facts
from sgddiff_batch.core.texts import Rows, Texts, TextsBuilder, joined
from sgddiff_batch.core.words import printable
from sgddiff_batch.io.archive.file_names import is_scene
from sgddiff_batch.io.archive.files import LEADS_OUT, ArchiveFile, Found, IgnoredFile, is_unicode
from sgddiff_batch.io.archive.globs import leads_to_match, matches
from sgddiff_batch.io.archive.ignored import IgnoredBuilder, IgnoredFiles, merged_ignored
from sgddiff_batch.io.archive.sidecars import (
    by_lower_name,
    is_called_sidecar,
    scenes_with_sidecars,
    sidecars_of,
    why_ignored,
    why_refused,
)

_VERSION_DIGITS = 16
_UNKNOWN = float("nan")


@dataclass(frozen=True, slots=True)
class FoundScenes:
    """What one source holds: scenes, files that are no scenes, and scenes that cannot be had.

    ``missing`` are entries of a list without a file, and scenes whose names cannot be used: to be put into
    quarantine with their reasons.
    """

    scenes: Sequence[Candidate] = ()
    ignored: Sequence[IgnoredFile] = ()
    missing: tuple[IgnoredFile, ...] = ()

    def outside(self, root: str, output: str) -> FoundScenes:
        """Leave out what lies below ``output``. Both are full; paths of ignored files count from ``root``."""
        below = output.removeprefix(f"{root}/")

        def is_outside(file: IgnoredFile) -> bool:
            return below == output or (file.path != below and not file.path.startswith(f"{below}/"))

        return FoundScenes(
            _outside(self.scenes, f"{output}/"),
            IgnoredFiles.of(filter(is_outside, self.ignored)),
            tuple(filter(is_outside, self.missing)),
        )


def _outside(scenes: Sequence[Candidate], below: str) -> Sequence[Candidate]:
    uris = scenes.scenes.uris if isinstance(scenes, CandidateTable) else [c.scene.uri for c in scenes]
    kept = np.fromiter((not uri.startswith(below) for uri in uris), np.bool_, len(uris))
    return taken(scenes, kept)


def sorted_files(found: Iterable[Found], pattern: Sequence[str] = ()) -> FoundScenes:
    """Sort the files below a root into scenes, their sidecars, and others.

    A scene that nothing lies beside is a row of columns, and so is a file that can be no sidecar; of all
    others, objects are held.
    """
    columns, ignored, others = _Columns(), IgnoredBuilder(), list[Found]()
    for entry in found:
        if not isinstance(entry, ArchiveFile):
            others.append(entry)
            continue
        is_one = is_scene(entry.path)
        if not is_unicode(entry.path) if is_one else is_called_sidecar(entry.path):
            others.append(entry)
        elif not pattern or matches(entry.path.split("/"), pattern):
            if is_one:
                columns.append(entry)
            else:
                ignored.append(printable(entry.path), why_ignored(entry.path))
    table, beside = columns.split(others)
    odd = _sorted_by_object([*beside, *others], pattern)
    return FoundScenes(
        _merged(table, odd.scenes), merged_ignored([ignored.files(), odd.ignored]), odd.missing
    )


class _Columns:
    """Collects scenes without sidecars, file by file."""

    def __init__(self) -> None:
        self._paths, self._uris, self._versions, self._identities = (TextsBuilder() for _ in range(4))
        self._sizes_bytes, self._modified_s = array("q"), array("d")
        self._are_plain = True

    def append(self, file: ArchiveFile) -> None:
        """Add a file."""
        identity = identity_text(file)
        self._are_plain &= is_plain(file.path)
        self._paths.append(file.path)
        self._uris.append(file.uri)
        self._identities.append(identity)
        self._versions.append(version_of_one(file.path, identity))
        self._sizes_bytes.append(file.size_bytes)
        self._modified_s.append(_UNKNOWN if file.modified_s is None else file.modified_s)

    def split(self, others: Iterable[Found]) -> tuple[CandidateTable, list[ArchiveFile]]:
        """Return the scenes, and as files those that may have sidecars among ``others``."""
        names, identities = self._paths.texts(), self._identities.texts()
        ids = names if self._are_plain else Texts.of(map(escape_scene_id, names))
        sizes_bytes = np.frombuffer(self._sizes_bytes, np.int64)
        bare = np.zeros(len(names), np.bool_)
        scenes = SceneTable(ids, self._uris.texts(), self._versions.texts(), sizes_bytes, bare)
        table = CandidateTable(scenes, names, np.frombuffer(self._modified_s, np.float64))
        beside = scenes_with_sidecars(names, filter(_may_lie_beside, others))
        files = [
            ArchiveFile(
                one.name,
                one.scene.uri,
                one.scene.size_bytes,
                json.loads(identities[row]),
                one.facts.modified_s,
            )
            for row in np.flatnonzero(beside).tolist()
            if (one := table[row])
        ]
        return table.take(~beside), files


def _may_lie_beside(file: Found) -> bool:
    return isinstance(file, ArchiveFile) or file.reason == LEADS_OUT


def _merged(table: CandidateTable, others: Sequence[Candidate]) -> CandidateTable:
    """Return the scenes of both, sorted by id."""
    if others:
        more = SceneTable.of([one.scene for one in others])
        times = [_UNKNOWN if one.facts.modified_s is None else one.facts.modified_s for one in others]
        scenes = SceneTable(
            joined([table.scenes.ids, more.ids]),
            joined([table.scenes.uris, more.uris]),
            joined([table.scenes.versions, more.versions]),
            np.concatenate([table.scenes.sizes_bytes, more.sizes_bytes]),
            np.concatenate([table.scenes.has_sidecars, more.has_sidecars]),
        )
        names = joined([table.names, Texts.of(one.name for one in others)])
        table = CandidateTable(scenes, names, np.concatenate([table.modified_s, times]))
    order: Rows = table.scenes.ids.order()
    return table.take(order)


def _sorted_by_object(found: Sequence[Found], pattern: Sequence[str]) -> FoundScenes:
    others = [entry for entry in found if isinstance(entry, IgnoredFile)]
    missing = [entry for entry in others if entry.lost]
    ignored = [e for e in others if not e.lost and _is_asked_for(e.path, pattern)]
    files = {entry.path: entry for entry in found if isinstance(entry, ArchiveFile)}
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
            scenes.append(candidate_of(path, files[path], sidecars))
        else:
            missing.append(IgnoredFile(printable(path), refusal))
    for path in chosen:
        if not is_scene(path) and path not in belonging:
            ignored.append(IgnoredFile(printable(path), why_ignored(path)))
    return sorted_found(scenes, ignored, missing)


def _is_asked_for(path: str, pattern: Sequence[str]) -> bool:
    """Whether a glob matches what is at a path, or may match what is below it."""
    parts = path.split("/")
    return not pattern or matches(parts, pattern) or leads_to_match(parts, pattern)


def candidate_of(name: str, file: ArchiveFile, sidecars: Sequence[ArchiveFile]) -> Candidate:
    """Return a scene; ``name`` is what its id is made of."""
    version = version_of([file, *sidecars])
    scene = Scene(escape_scene_id(name), file.uri, version, file.size_bytes, bool(sidecars))
    return Candidate(scene, name, Facts(modified_s=file.modified_s))


def version_of(files: Iterable[ArchiveFile]) -> str:
    """Return a scene's version: a digest of what identifies the content of its files."""
    members = sorted(files, key=lambda member: member.path)
    identities = [[posixpath.basename(member.path), member.identity] for member in members]
    return digest(identities)[:_VERSION_DIGITS]


def identity_text(file: ArchiveFile) -> str:
    """Return what tells a file's versions apart, as canonical JSON."""
    identity = file.identity
    return encode_basestring_ascii(identity) if type(identity) is str else canonical_json(identity)


def version_of_one(path: str, identity: str) -> str:
    """Return the version of a scene without sidecars, as :func:`version_of` does, at a part of its time."""
    name = encode_basestring_ascii(path[path.rfind("/") + 1 :])
    return bytes_digest(f"[[{name},{identity}]]".encode())[:_VERSION_DIGITS]


def sorted_found(
    scenes: Iterable[Candidate], ignored: Iterable[IgnoredFile], missing: Iterable[IgnoredFile]
) -> FoundScenes:
    """Return what was found, each in the order of ids and paths."""
    return FoundScenes(
        tuple(sorted(scenes, key=lambda one: one.scene.scene_id)),
        tuple(sorted(set(ignored), key=lambda file: (file.path, file.reason))),
        tuple(sorted(set(missing), key=lambda file: (file.path, file.reason))),
    )
