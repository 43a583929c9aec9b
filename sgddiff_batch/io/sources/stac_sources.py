"""StacSource and ApiSource: STAC as documents that link to each other, as Parquet, and as a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sgddiff_batch.core.query import Source
from sgddiff_batch.core.source_kinds import SOURCE_KINDS, is_web
from sgddiff_batch.core.words import shown
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io import stac
from sgddiff_batch.io.archive import Places, full_uri
from sgddiff_batch.io.sources.kinds import Question
from sgddiff_batch.io.stac import BadDocumentError, ItemSorter, Web, is_parquet


class StacSource:
    """A static catalogue; on the web, a document tells whether it is an API instead."""

    def fits(self, uri: str) -> bool:
        """Whether its name is that of a document, or a web address."""
        return is_web(uri) or uri.lower().endswith(SOURCE_KINDS["stac"].suffixes)

    def places(self, source: Source, question: Question) -> Places:
        """Return what all items name."""
        sorter = _sorter(source, question)
        if is_parquet(source.uri):
            stac.read_items(source.uri, sorter, full_uri(source.uri))
            return sorter.places()
        place, document = _root_document(source.uri, question.web)
        if source.kind == "auto" and stac.is_api(document):
            return _searched(place, document, sorter, question)
        stac.walk(place, document, sorter, question.web)
        return sorter.places()


class ApiSource:
    """A server with item search."""

    def fits(self, uri: str) -> bool:
        """Never by its name: what is at a web address, :class:`StacSource` finds out."""
        return False

    def places(self, source: Source, question: Question) -> Places:
        """Return what the items name that the server has within the filters."""
        place, document = _root_document(source.uri, question.web)
        return _searched(place, document, _sorter(source, question), question)


def _sorter(source: Source, question: Question) -> ItemSorter:
    return ItemSorter(source, question.allowed, question.root)


def _searched(place: str, document: object, sorter: ItemSorter, question: Question) -> Places:
    if not isinstance(document, Mapping):
        raise ConfigError(f"archive: {shown(place)} is no landing page of a STAC API")
    filters = question.query.filters
    sent_all = stac.search(place, document, sorter, filters, question.web)
    return replace(sorter.places(), is_whole=sent_all and (filters.time, filters.box) == (None, None))


def _root_document(uri: str, web: Web) -> tuple[str, object]:
    if not is_web(uri):
        uri = full_uri(uri)
    try:
        return stac.read_document(uri, web)
    except FileNotFoundError:
        raise ConfigError(f"archive: there is no STAC document at {shown(uri)}") from None
    except BadDocumentError as error:
        raise ConfigError(f"archive: {error}") from None
