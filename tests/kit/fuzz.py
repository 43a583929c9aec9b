"""A seeded mutator of TIFF files: small sound ones of many kinds in, broken ones out.

Mutant ``number`` of a seed is always the same, whatever was made before it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.shutil import copy as rasterio_copy

from tests.kit.scenes import noise, write_scene

_TYPE_BYTES = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8,
}  # fmt: skip
_ODD_VALUES = (0, 1, 2, 3, 4, 7, 8, 15, 16, 32, 33, 64, 127, 255, 256, 32767, 32768, 65535, 65536, 200_000)
_HUGE_VALUES = (2**24, 2**28 + 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
_STRUCTURE = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339, 347)


@dataclass(frozen=True, slots=True)
class Field:
    """A tag of a directory: where its entry lies, and where the values are that it tells of."""

    tag: int
    kind: int
    count: int
    entry: int
    values: int


@dataclass(frozen=True, slots=True)
class Directory:
    """The fields of a TIFF directory, and where the link to the next one lies."""

    fields: tuple[Field, ...]
    link: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The directories of a TIFF, and how its numbers are written."""

    order: str
    is_big: bool
    directories: tuple[Directory, ...]

    @property
    def offset_bytes(self) -> int:
        return 8 if self.is_big else 4


def parse(data: bytes) -> Layout:
    """Return the layout of a sound TIFF."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    word, count_word, entry_bytes = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    directories = []
    (offset,) = struct.unpack_from(order + word, data, 8 if is_big else 4)
    while offset:
        (count,) = struct.unpack_from(order + count_word, data, offset)
        first = offset + struct.calcsize(count_word)
        link = first + count * entry_bytes
        fields = tuple(_field(data, first + i * entry_bytes, order, is_big) for i in range(count))
        directories.append(Directory(fields, link))
        (offset,) = struct.unpack_from(order + word, data, link)
    return Layout(order, is_big, tuple(directories))


def _field(data: bytes, entry: int, order: str, is_big: bool) -> Field:
    tag, kind, count = struct.unpack_from(f"{order}HH{'Q' if is_big else 'I'}", data, entry)
    values = entry + (12 if is_big else 8)
    if count * _TYPE_BYTES[kind] > (8 if is_big else 4):
        (values,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, values)
    return Field(tag, kind, count, entry, values)


class Mutator:
    """Makes mutants of sound files; the same seed and files, the same mutants."""

    def __init__(self, sound: Sequence[bytes], seed: int) -> None:
        self._sound, self._seed = tuple(sound), seed
        self._layouts = tuple(parse(data) for data in self._sound)

    def mutant(self, number: int) -> bytes:
        """Return mutant ``number``: one sound file with one to four things changed."""
        rng = np.random.default_rng((self._seed, number))
        which = int(rng.integers(len(self._sound)))
        data, layout = bytearray(self._sound[which]), self._layouts[which]
        for _ in range(int(rng.choice([1, 1, 1, 2, 2, 3, 4]))):
            change = _CHANGES[int(rng.choice(len(_CHANGES), p=_SHARES))]
            change(data, layout, rng, self._sound)
        return bytes(data)


def _number(rng: np.random.Generator, old: int, size_bytes: int) -> int:
    """Return a number near the old one, an odd one, or any."""
    draws: tuple[Callable[[], int], ...] = (
        lambda: old + int(rng.integers(-3, 4)),
        lambda: old * int(rng.choice([2, 3, 16, 1000])),
        lambda: int(rng.choice(_ODD_VALUES)),
        lambda: int(rng.choice(_HUGE_VALUES)),
        lambda: int(rng.integers(0, 2**31)),
    )
    return draws[int(rng.integers(len(draws)))]() % 2 ** (8 * size_bytes)


def _put(data: bytearray, at: int, order: str, size_bytes: int, rng: np.random.Generator) -> None:
    if at + size_bytes > len(data):
        return
    byte_order = "little" if order == "<" else "big"
    old = int.from_bytes(data[at : at + size_bytes], byte_order)
    data[at : at + size_bytes] = _number(rng, old, size_bytes).to_bytes(size_bytes, byte_order)


def _pick_field(layout: Layout, rng: np.random.Generator) -> Field:
    directories = layout.directories
    directory = directories[0 if rng.random() < 0.7 else int(rng.integers(len(directories)))]
    fields = [f for f in directory.fields if f.tag in _STRUCTURE] if rng.random() < 0.7 else []
    fields = fields or list(directory.fields)
    return fields[int(rng.integers(len(fields)))]


def _change_header(data: bytearray, layout: Layout, rng: np.random.Generator, sound: Any) -> None:
    if rng.random() < 0.5:
        data[int(rng.integers(min(16, len(data))))] = int(rng.integers(256))
    else:
        _put(data, 8 if layout.is_big else 4, layout.order, layout.offset_bytes, rng)


def _change_tag(data: bytearray, layout: Layout, rng: np.random.Generator, sound: Any) -> None:
    """Change the name, the type, the count or the value (or its offset) of an entry."""
    field, wide = _pick_field(layout, rng), layout.offset_bytes
    parts = ((0, 2), (2, 2), (4, wide), (4 + wide, 2), (4 + wide, wide), (4 + wide, wide))
    at, size = parts[int(rng.integers(len(parts)))]
    _put(data, field.entry + at, layout.order, size, rng)


def _change_value(data: bytearray, layout: Layout, rng: np.random.Generator, sound: Any) -> None:
    """Change one value of a field: a width, an offset of a tile, a count of bytes."""
    field = _pick_field(layout, rng)
    size = _TYPE_BYTES[field.kind]
    _put(data, field.values + int(rng.integers(field.count)) * size, layout.order, size, rng)


def _change_link(data: bytearray, layout: Layout, rng: np.random.Generator, sound: Any) -> None:
    """Let a directory be followed by itself, the first one, or anything."""
    directory = layout.directories[int(rng.integers(len(layout.directories)))]
    _put(data, directory.link, layout.order, layout.offset_bytes, rng)
    start = directory.fields[0].entry - (8 if layout.is_big else 2)
    if rng.random() < 0.5 and directory.link + layout.offset_bytes <= len(data):
        struct.pack_into(layout.order + ("Q" if layout.is_big else "I"), data, directory.link, start)


def _change_bytes(data: bytearray, layout: Layout, rng: np.random.Generator, sound: Any) -> None:
    for _ in range(int(rng.choice([1, 4, 16, 64, 400]))):
        data[int(rng.integers(len(data)))] = int(rng.integers(256))


def _truncate(data: bytearray, layout: Layout, rng: np.random.Generator, sound: Any) -> None:
    del data[max(1, int(rng.integers(len(data)))) :]


def _splice(data: bytearray, layout: Layout, rng: np.random.Generator, sound: Sequence[bytes]) -> None:
    """Overwrite a part with a part of some file, or insert it, or cut one out."""
    other = sound[int(rng.integers(len(sound)))]
    length = int(rng.choice([1, 2, 12, 100, 1000]))
    start, at = int(rng.integers(len(other))), int(rng.integers(len(data)))
    part = other[start : start + length]
    stop = at + len(part) * int(rng.integers(2))
    data[at:stop] = part if rng.random() < 0.8 else b""
    if not data:
        data += b"I"


_CHANGES = (_change_header, _change_tag, _change_value, _change_link, _change_bytes, _truncate, _splice)
_SHARES = (0.05, 0.3, 0.3, 0.05, 0.15, 0.05, 0.1)


def sound_files(folder: Path) -> list[bytes]:
    """Write small TIFFs of many kinds below ``folder`` and return their bytes."""
    tiled = {"tiled": True, "blockxsize": 32, "blockysize": 32}
    rgb = {"photometric": "RGB"}
    kinds: list[dict[str, Any]] = [
        {"samples": noise(3, 70, 90), **tiled, **rgb, "compress": "deflate"},
        {"samples": noise(3, 70, 90), **tiled, "photometric": "YCBCR", "compress": "jpeg"},
        {"samples": noise(3, 40, 50), **rgb, "compress": "lzw", "predictor": 2},
        {"samples": noise(1, 64, 48), "compress": "packbits"},
        {"samples": noise(4, 60, 60, "uint16"), **tiled, "compress": "deflate", "predictor": 2, "nodata": 7},
        {"samples": noise(8, 40, 64, "uint16"), **tiled, "interleave": "band", "compress": "zstd"},
        {"samples": noise(3, 50, 60, "float32"), "compress": "deflate", "predictor": 3, "nodata": 3.5},
        {"samples": noise(3, 96, 64), **tiled, **rgb, "mask": noise(1, 96, 64)[0] > 90, "compress": "lzw"},
        {"samples": noise(3, 130, 130), **tiled, **rgb, "overviews": [2, 4], "compress": "deflate"},
        {"samples": noise(1, 48, 48), "colormap": {i: (i, 255 - i, 7, 255) for i in range(256)}},
        {"samples": noise(3, 33, 65, "uint16"), "BIGTIFF": "YES", **tiled, "compress": "lerc"},
        {"samples": noise(3, 64, 64), **rgb, "ENDIANNESS": "BIG", "compress": "lzma"},
        {"samples": noise(4, 64, 64), **tiled, "photometric": "RGB", "ALPHA": "YES", "compress": "webp"},
        {"samples": noise(1, 64, 64) // 128, "NBITS": 1, "compress": "ccittfax4"},
        {"samples": noise(3, 64, 64, "uint16"), "NBITS": 12, **tiled, "compress": "deflate"},
    ]
    plain = [write_scene(folder / f"{i}.tif", **kind).read_bytes() for i, kind in enumerate(kinds)]
    with rasterio.Env():
        cog = {"driver": "COG", "blocksize": 64, "overviews": "AUTO"}
        rasterio_copy(str(folder / "8.tif"), str(folder / "cog.tif"), compress="deflate", **cog)
        rasterio_copy(str(folder / "7.tif"), str(folder / "jpeg.tif"), compress="jpeg", **cog)
    return [*plain, (folder / "cog.tif").read_bytes(), (folder / "jpeg.tif").read_bytes()]
