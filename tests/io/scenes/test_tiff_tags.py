"""A tag is denied only where the whole first directory says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgddiff_batch.io.scenes.tiff_tags import may_have_tag
from tests.kit.fuzz import Mutator, parse, sound_files
from tests.kit.scenes import noise, write_scene

NODATA, WIDTH = 42113, 256
KINDS = [{"ENDIANNESS": order, "BIGTIFF": big} for order in ("LITTLE", "BIG") for big in ("YES", "NO")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(kind.values()))
@pytest.mark.parametrize("nodata", [None, 3])
def test_it_is_told_of_files_of_each_order_and_size(
    tmp_path: Path, kind: dict[str, str], nodata: int | None
) -> None:
    data = write_scene(tmp_path / "a.tif", noise(3, 40, 50), nodata=nodata, **kind).read_bytes()
    assert may_have_tag(NODATA, data) == (nodata is not None)
    assert may_have_tag(WIDTH, data)


def test_every_tag_of_a_sound_file_is_seen_and_no_other(tmp_path: Path) -> None:
    for data in sound_files(tmp_path):
        there = {field.tag for field in parse(data).directories[0].fields}
        assert {tag for tag in range(2**16) if may_have_tag(tag, data)} == there


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(kind.values()))
def test_a_directory_that_is_not_whole_may_have_it(tmp_path: Path, kind: dict[str, str]) -> None:
    data = write_scene(tmp_path / "a.tif", noise(3, 40, 50), **kind).read_bytes()
    end = parse(data).directories[0].link
    assert not may_have_tag(NODATA, data[:end])
    assert all(may_have_tag(NODATA, data[:length]) for length in range(end))


@pytest.mark.parametrize(
    "data", [b"", b"II", b"no TIFF at all", b"II\x2c\0\x08\0\0\0\0\0", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_tiff_may_have_any(data: bytes) -> None:
    assert may_have_tag(NODATA, data)


def test_no_bytes_make_it_fail(tmp_path: Path) -> None:
    mutator = Mutator(sound_files(tmp_path), seed=5)
    for number in range(200):
        assert may_have_tag(NODATA, mutator.mutant(number)) in {True, False}
