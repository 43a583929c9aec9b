"""Kinds of sources: what may name the scenes of an archive, how it is told by its name, where it may be."""

from __future__ import annotations

from dataclasses import dataclass

WEB = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A row: the class that asks such a source, named and not imported, as in the table of schemes.

    ``suffixes``: how such files end; scenes' names count from the folder of such a file. ``in_storage``,
    ``on_web``: whether it may be a local path or in a bucket, and whether a web address.
    """

    served_by: str
    suffixes: tuple[str, ...] = ()
    in_storage: bool = True
    on_web: bool = False


_ROOM = "sgddiff_batch.io.sources"

SOURCE_KINDS: dict[str, SourceKind] = {
    "prefix": SourceKind(f"{_ROOM}.prefixes:PrefixSource"),
    "list": SourceKind(f"{_ROOM}.lists:ListSource", (".txt", ".csv", ".parquet")),
    "stac-api": SourceKind(f"{_ROOM}.stac_sources:ApiSource", in_storage=False, on_web=True),
    "stac": SourceKind(
        "sgddiff_batch.io.sources.stac_sources:StacSource", (".json", ".geojson"), on_web=True
    ),
}
"""A row for each kind. Where a config says ``auto``, the last row is asked first; the first one fits all."""


def is_web(uri: str) -> bool:
    """Whether a URI is a web address."""
    return uri.startswith(WEB)


def file_suffixes() -> tuple[str, ...]:
    """Return how files end that are sources."""
    return tuple(suffix for row in SOURCE_KINDS.values() for suffix in row.suffixes)
