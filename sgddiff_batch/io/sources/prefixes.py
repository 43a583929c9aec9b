"""PrefixSource: a folder or prefix with all below it, a glob, or one scene by itself."""

from __future__ import annotations

from sgddiff_batch.core.query import Source
from sgddiff_batch.io.archive import FoundScenes, find_scenes
from sgddiff_batch.io.sources.kinds import Question


class PrefixSource:
    """Implements :class:`sgddiff_batch.io.sources.kinds.ArchiveSource`."""

    def fits(self, uri: str) -> bool:
        """Whatever is nothing else."""
        return True

    def places(self, source: Source, question: Question) -> FoundScenes:
        """Return the files, listed."""
        return find_scenes(source.uri, question.query.access, question.query.folders)
