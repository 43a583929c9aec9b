"""A scene of the archive, and what has to be known of it before it can be planned."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote

from sgddiff_batch.core.fingerprint import digest
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.masks import Mask
from sgddiff_batch.core.radiometry import Stretch

_LONGEST_SEGMENT = 160
_LONGEST_ID = 640
"""S3 keys end at 1024 bytes, and the ledger and the mosaic put more before and behind an id."""
_EMPTY = "empty~"
_PLAIN = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]*(?:/[A-Za-z0-9-][A-Za-z0-9._-]*)*")
"""What :func:`escape_scene_id` leaves as it is, but for what is very long."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One raster of the archive at one version.

    ``scene_id`` is the escaped path relative to the archive; ``version`` changes whenever the file or one of
    its sidecars does; ``size_bytes`` counts the file alone.
    """

    scene_id: str
    uri: str
    version: str
    size_bytes: int
    has_sidecars: bool = False


@dataclass(frozen=True, slots=True)
class SceneProfile:
    """How a scene is read: its grid, the 1-based bands that become red, green and blue, and their stretch.

    ``stretch`` is None where samples pass as they are (uint8). ``sample_bytes`` is the size of one sample in
    the file. ``notes`` say in plain words what a reader of the mosaic should know (no CRS, GCPs only).
    ``inverted`` is a scene whose greatest sample is black (WhiteIsZero). ``mask`` says where it has data.
    """

    grid: Grid
    bands: tuple[int, ...]
    dtype: str
    sample_bytes: int
    stretch: Stretch | None = None
    palette: bool = False
    notes: tuple[str, ...] = field(default=())
    inverted: bool = False
    mask: Mask = field(default=Mask())


def escape_scene_id(path: str) -> str:
    """Return a relative archive path as a scene id: safe as a key of any store and as a local path.

    Everything but ASCII letters, digits, ``.``, ``-``, ``_`` and ``/`` is percent-encoded; empty, ``.`` and
    ``..`` segments and a leading ``_`` are encoded too; what is very long, a segment or the whole, ends in
    ``~`` and a digest of itself. No two paths share an id: a ``~`` of the path's own is always encoded.
    """
    if is_plain(path):
        return path
    return _shorten("/".join(_escape_segment(segment) for segment in path.split("/")), _LONGEST_ID)


def is_plain(path: str) -> bool:
    """Whether a path is surely its own id: of nearly all scenes it is told so at once."""
    if not _PLAIN.fullmatch(path):
        return False
    return len(path) <= _LONGEST_SEGMENT or (
        len(path) <= _LONGEST_ID and max(map(len, path.split("/"))) <= _LONGEST_SEGMENT
    )


def _escape_segment(segment: str) -> str:
    escaped = quote(segment, safe="", errors="surrogatepass").replace("~", "%7E")
    if segment.strip(".") == "":
        escaped = escaped.replace(".", "%2E") or _EMPTY
    if escaped.startswith("_"):
        escaped = "%5F" + escaped[1:]
    return _shorten(escaped, _LONGEST_SEGMENT)


def _shorten(escaped: str, longest: int) -> str:
    if len(escaped) <= longest:
        return escaped
    mark = f"~{digest(escaped)[:32]}"
    return escaped[: longest - len(mark)] + mark
