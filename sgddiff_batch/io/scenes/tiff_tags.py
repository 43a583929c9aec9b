"""Which tags the first directory of a TIFF has: what GDAL shows only by an answer that takes it long."""

from __future__ import annotations

import struct

_ORDERS = {b"II": "<", b"MM": ">"}
_CLASSIC, _BIG = 42, 43


def may_have_tag(tag: int, data: bytes) -> bool:
    """Whether a file may have a tag in the directory that GDAL takes for the scene's.

    data: the file, or how it begins. False only where the directory is whole in it and has no such tag.
    """
    try:
        return tag in _first_tags(data)
    except (KeyError, ValueError, struct.error):
        return True


def _first_tags(data: bytes) -> set[int]:
    order = _ORDERS[data[:2]]
    (version,) = struct.unpack_from(f"{order}H", data, 2)
    if version not in (_CLASSIC, _BIG):
        raise ValueError(f"TIFF has no version {version}")
    is_big = version == _BIG
    (start,) = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", data, 8 if is_big else 4)
    (count,) = struct.unpack_from(f"{order}{'Q' if is_big else 'H'}", data, start)
    entry, first = f"{order}H{18 if is_big else 10}x", start + (8 if is_big else 2)
    size = struct.calcsize(entry)
    if len(data) < first + count * size:
        raise ValueError("the directory is not whole")
    return {tag for (tag,) in struct.iter_unpack(entry, data[first : first + count * size])}
