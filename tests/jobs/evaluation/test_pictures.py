"""Pictures, labels and maps from disk: matched by stem, mistakes in one list, each read as it is meant."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jobs.evaluation.pictures import (
    DataMistakesError,
    by_stem,
    match_pictures,
    read_label,
    read_map,
    read_picture,
    reason_of,
    size_mistake,
    size_of,
    unpartnered,
)
from tests.kit.pictures import write, write_pictures

STEMS = st.lists(st.sampled_from("abcdef"), unique=True, min_size=1)


def test_folders_are_matched_by_stem_whatever_the_suffix(tmp_path):
    images, labels = write_pictures(tmp_path)
    (images / "a.png").rename(images / "a.PNG")
    entries = match_pictures(images, labels, None)
    assert [entry.name for entry in entries] == ["a", "b.large", "thin"]
    assert (entries[0].picture, entries[0].label) == (images / "a.PNG", labels / "a.png")
    assert {entry.map for entry in entries} == {None}


def test_what_is_no_picture_by_its_name_is_passed_over(tmp_path):
    images, _ = write_pictures(tmp_path, {"a": (9, 9)})
    for name in ("._a.png", "notes.txt", "b.PDF"):
        (images / name).write_text("something else")
    (images / "below.png").mkdir()
    assert [entry.name for entry in match_pictures(images, None, None)] == ["a"]


def test_all_mistakes_come_in_one_list(tmp_path):
    images, labels = write_pictures(tmp_path, {"a": (9, 9), "b": (9, 9), "c": (9, 9)})
    (labels / "a.png").unlink()
    write(labels / "b.png", np.zeros((9, 10), np.uint8))
    (images / "c.png").write_bytes(b"no picture")
    with pytest.raises(DataMistakesError) as raised:
        match_pictures(images, labels, tmp_path / "typo")
    first, *lines = str(raised.value).splitlines()
    assert first == "4 mistakes in the data:"
    assert lines[0] == f"  {tmp_path / 'typo'}: no such folder"
    assert lines[1] == f"  {images / 'a.png'}: no label of that stem in {labels}"
    assert lines[2] == f"  {labels / 'b.png'}: 10 x 9 px, its picture is 9 x 9 px"
    assert lines[3].startswith(f"  {images / 'c.png'}: cannot identify image file")


@given(pictures=STEMS, labels=STEMS)
def test_each_file_without_a_partner_is_told_once_and_by_its_own_folder(pictures, labels):
    found = {"picture": {s: f"{s}.jpg" for s in pictures}, "label": {s: f"{s}.png" for s in labels}}
    lines = unpartnered(found, {"picture": "P", "label": "L"})
    alone = [f"P/{s}.jpg: no label" for s in {*pictures} - {*labels}]
    alone += [f"L/{s}.png: no picture" for s in {*labels} - {*pictures}]
    assert sorted(line.partition(" of that stem")[0] for line in lines) == sorted(alone)


def test_two_files_of_a_stem_and_a_folder_without_pictures_are_mistakes():
    mistakes = []
    assert by_stem(["a.png", "a.jpg", "b.tif"], "map", "M", mistakes) == {"a": "a.jpg", "b": "b.tif"}
    assert by_stem(["notes.txt"], "map", "M", mistakes) == {}
    assert mistakes == [
        "M/a.png: has the stem of a.jpg",
        "M: no maps (.png, .jpg, .jpeg, .bmp, .tif, .tiff)",
    ]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1"])
def test_a_picture_of_any_8_bits_is_three_bands(tmp_path, mode):
    base = Image.fromarray(np.random.default_rng(2).integers(0, 256, (7, 5, 3), dtype=np.uint8)).convert(mode)
    base.save(tmp_path / "a.png")
    pixels = read_picture(tmp_path / "a.png")
    assert (pixels.shape, pixels.dtype) == ((3, 7, 5), np.uint8)
    np.testing.assert_array_equal(pixels, np.asarray(base.convert("RGB")).transpose(2, 0, 1))


def test_a_label_is_salient_above_127_also_where_it_is_deep(tmp_path):
    values = np.array([[0, 127, 128, 255]])
    for name, dtype in (("grey", np.uint8), ("deep", np.uint16)):
        path = write(tmp_path / f"{name}.png", values.astype(dtype))
        np.testing.assert_array_equal(read_label(path), [[False, False, True, True]])


@pytest.mark.parametrize(
    ("array", "words"),
    [(np.eye(4, dtype=np.uint8), "only 0 and 1"), (np.zeros((1, 1), np.uint8), "of one pixel")],
)
def test_a_label_that_cannot_be_scored_is_refused(tmp_path, array, words):
    with pytest.raises(ValueError, match=words):
        read_label(write(tmp_path / "a.png", array))


def test_a_map_is_brought_to_its_labels_size_and_left_alone_where_it_has_it(tmp_path):
    saliency = np.random.default_rng(3).integers(0, 256, (6, 8), dtype=np.uint8)
    path = write(tmp_path / "a.png", saliency)
    assert size_of(path) == (6, 8)
    np.testing.assert_array_equal(read_map(path, (6, 8)), saliency)
    assert read_map(path, (12, 20)).shape == (12, 20)


@pytest.mark.parametrize("read", [read_picture, lambda path: read_map(path, (4, 4))])
def test_16_bits_are_no_picture_and_no_map(tmp_path, read):
    path = write(tmp_path / "deep.png", np.full((4, 4), 4000, np.uint16))
    with pytest.raises(ValueError, match="no 8-bit"):
        read(path)


def test_what_pillow_would_only_warn_of_is_refused_where_it_is_too_large(tmp_path, monkeypatch):
    path = write(tmp_path / "a.png", np.zeros((30, 40), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    before = list(warnings.filters)
    with pytest.raises(ValueError, match="too large for a picture; give it to `sgddiff run`"):
        size_of(path)
    assert warnings.filters == before


def test_a_reason_is_one_line_without_the_path_that_stands_before_it():
    path = Path("/data/a.png")
    assert reason_of(OSError(f"cannot identify image file {str(path)!r}\n at all"), path) == (
        "cannot identify image file at all"
    )
    assert reason_of(KeyError(), path) == "KeyError"


def test_only_another_size_is_a_mistake():
    assert size_mistake("a.png", (4, 5), (4, 5)) == []
    assert size_mistake("a.png", (5, 4), (4, 5)) == ["a.png: 4 x 5 px, its picture is 5 x 4 px"]
