"""ArchiveSource: one kind of what names the scenes of an archive.

A new kind is a module with such a class, and a row of :data:`sgddiff_batch.core.source_kinds.SOURCE_KINDS`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.schemes import spoken
from sgddiff_batch.core.source_kinds import SOURCE_KINDS, is_web
from sgddiff_batch.core.words import shown
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive import FoundScenes, Places, is_list, is_scene
from sgddiff_batch.io.stac import AllowedLinks, Web


@dataclass(frozen=True, slots=True)
class Question:
    """What sources are asked with: the query, where links may lead, how the web is asked.

    ``root``: what the names of scenes count from.
    """

    query: ArchiveQuery
    allowed: AllowedLinks
    web: Web
    root: str


class ArchiveSource(Protocol):
    """One kind of source."""

    def fits(self, uri: str) -> bool:
        """Whether a source of this URI is taken for one of this kind, where the config does not say."""
        ...

    def places(self, source: Source, question: Question) -> FoundScenes | Places:
        """Return what a source names: files that it has listed itself, or places that are to be looked up.

        Raises:
            ConfigError: if it is not there, or says no, or cannot be understood.
            RetryableError: if storage or a server fails: a part is never taken for the whole.
        """
        ...


def source_for(source: Source) -> ArchiveSource:
    """Return what asks a source: of the kind that it is said to be, or else that it looks like.

    Raises:
        ConfigError: if scenes or a list are asked of the web.
    """
    if source.kind != "auto":
        return _loaded(source.kind)
    uri = source.uri
    if is_web(uri) and (is_scene(uri) or is_list(posixpath.basename(uri))):
        raise ConfigError(
            f"archive.uri: {shown(uri)} is on the web, which is for STAC alone; for scenes and lists "
            f"allowed are {spoken()}"
        )
    return next(one for one in _newest_first() if one.fits(uri))


def _newest_first() -> Iterator[ArchiveSource]:
    return map(_loaded, reversed(SOURCE_KINDS))


def _loaded(kind: str) -> ArchiveSource:
    module, _, name = SOURCE_KINDS[kind].served_by.partition(":")
    source: ArchiveSource = getattr(import_module(module), name)()
    return source
