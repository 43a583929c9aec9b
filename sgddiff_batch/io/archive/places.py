"""Places: what lists and catalogues name, before anybody looked whether it is there."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sgddiff_batch.core.schemes import scheme_of, split_uri, spoken
from sgddiff_batch.core.selection import Facts
from sgddiff_batch.core.words import printable, shown
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive.file_names import is_bucket, is_scene
from sgddiff_batch.io.archive.files import IgnoredFile
from sgddiff_batch.io.archive.sidecars import why_ignored

_LONGEST_NAME = 300
_NO_SCHEME = re.compile(r"[^/]{0,20}://")


@dataclass(frozen=True, slots=True)
class Places:
    """What a list or a catalogue names: ``names`` by full path or URI of the file.

    ``facts`` are those that a catalogue gives, by the same. ``ignored`` and ``missing`` as in
    :class:`sgddiff_batch.io.archive.finding.FoundScenes`. ``written``: where else some of them may be, see
    :meth:`sgddiff_batch.io.stac.allowed_links.AllowedLinks.as_written`. ``unusable``: how many items of a
    catalogue, and documents, no scene can be had of, by reason. ``is_whole``: False where a server was asked
    for a part.
    """

    names: Mapping[str, str]
    facts: Mapping[str, Facts] = field(default_factory=dict)
    ignored: tuple[IgnoredFile, ...] = ()
    missing: tuple[IgnoredFile, ...] = ()
    written: Mapping[str, str] = field(default_factory=dict)
    unusable: Mapping[str, int] = field(default_factory=dict)
    is_whole: bool = True


def places_of(entries: Iterable[str], folder: str) -> Places:
    """Return what the entries of a list name, to the letter. folder: what relative entries count from."""
    ignored: list[IgnoredFile] = []
    missing: list[IgnoredFile] = []
    names: dict[str, str] = {}
    for entry in entries:
        try:
            place, name = _place(entry, folder)
        except ConfigError as error:
            told = _told(entry)
            missing.append(IgnoredFile(told[:_LONGEST_NAME], str(error).replace(repr(entry), repr(told))))
            continue
        if is_scene(place):
            names.setdefault(place, name)
        else:
            ignored.append(IgnoredFile(_told(entry), why_ignored(entry)))
    return Places(names, {}, tuple(ignored), tuple(missing))


def _told(entry: str) -> str:
    """Return an entry as messages show it: of what is no path, without what may be a secret."""
    return shown(entry) if "://" in entry else printable(entry)


def _place(entry: str, folder: str) -> tuple[str, str]:
    """Return the full path or URI of a list's entry, and the path that its scene id is made of.

    Raises:
        ConfigError: if the entry can be the name of nothing, or leads out of the list's bucket.
    """
    if "\0" in entry:
        raise ConfigError("it holds a NUL, which no name has")
    if scheme_of(entry):
        _, bucket, key = split_uri(entry)
        if not is_bucket(bucket) or not key:
            told = printable(bucket.rpartition("@")[2])[:80]
            raise ConfigError(f"{told!r} is no name of a bucket, or it names no object in it")
        if "" in key.split("/")[:-1]:
            raise ConfigError("its key has an empty part, which cannot be asked for by its folder; rename it")
        return entry, f"{bucket}/{key}"
    if _NO_SCHEME.match(entry):
        raise ConfigError(f"what is before its :// is no scheme; allowed are {spoken()}")
    if entry.startswith("/"):
        path = posixpath.normpath(entry).replace("//", "/")
        return path, path.lstrip("/")
    scheme, separator, base = folder.rpartition("://")
    joined = posixpath.normpath(f"{base}/{entry}")
    bucket = base.split("/")[0]
    if separator and not joined.startswith(f"{bucket}/"):
        raise ConfigError("it leads out of the bucket of its list")
    return f"{scheme}{separator}{joined}", posixpath.normpath(entry)
