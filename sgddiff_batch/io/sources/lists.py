"""ListSource: a text, CSV or Parquet file that names scenes one by one."""

from __future__ import annotations

import posixpath

from sgddiff_batch.core.query import Source
from sgddiff_batch.io.archive import Places, full_uri, is_list, places_of, read_list
from sgddiff_batch.io.sources.kinds import Question
from sgddiff_batch.io.sources.stac_sources import StacSource
from sgddiff_batch.io.stac import is_stac_geoparquet


class ListSource:
    """Implements :class:`sgddiff_batch.io.sources.kinds.ArchiveSource`."""

    def fits(self, uri: str) -> bool:
        """Whether its name is that of a list."""
        return is_list(uri)

    def places(self, source: Source, question: Question) -> Places:
        """Return what the entries name; a Parquet file may hold STAC items instead."""
        access = question.query.access
        if is_stac_geoparquet(source.uri, access):
            return StacSource().places(source, question)
        return places_of(read_list(source.uri, access), posixpath.split(full_uri(source.uri))[0])
