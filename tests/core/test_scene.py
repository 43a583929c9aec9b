import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgddiff_batch.core.scene import escape_scene_id

HOSTILE = st.text(st.sampled_from("ab./_~%-0aAF2E5 \0\\ü"), max_size=12)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
LONG = st.builds(lambda part, times, end: part * times + end, HOSTILE, st.integers(0, 300), HOSTILE)
PATHS = HOSTILE | ANY_TEXT | LONG


def assert_safe(scene_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._%~/-]+", scene_id)
    for segment in scene_id.split("/"):
        assert segment.strip("."), "neither empty nor dots alone"
        assert not segment.startswith("_"), "that is where the ledger lives"
        assert len(segment) <= 255
    assert len(scene_id) <= 700, "an S3 key may have 1024 bytes, and more is put before and behind"


@settings(max_examples=300)
@given(PATHS)
def test_any_path_becomes_a_safe_key(path: str):
    assert_safe(escape_scene_id(path))


def unescape(scene_id: str) -> str:
    segments = ("" if segment == "empty~" else segment for segment in scene_id.split("/"))
    return "/".join(unquote_to_bytes(segment).decode("utf-8", "surrogatepass") for segment in segments)


@settings(max_examples=300)
@given(PATHS)
def test_two_paths_never_share_an_id_for_the_path_can_be_read_from_it(path: str):
    scene_id = escape_scene_id(path)
    if re.search("~[0-9a-f]{32}", scene_id) is None:
        assert unescape(scene_id) == path


@given(LONG, LONG)
def test_two_long_paths_never_share_an_id(one: str, other: str):
    assert (escape_scene_id(one) == escape_scene_id(other)) == (one == other)


@given(PATHS)
def test_an_id_taken_for_a_path_does_not_claim_the_id_of_another(path: str):
    scene_id = escape_scene_id(path)
    assert scene_id == path or escape_scene_id(scene_id) != scene_id


@pytest.mark.parametrize("path", ["a.tif", "2024/05/S2A_T33UXP.TIF", "x-1/y_2.tiff", "a..b/.hidden/c.d"])
def test_a_plain_path_is_its_own_id(path: str):
    assert escape_scene_id(path) == path


@pytest.mark.parametrize(
    ("path", "scene_id"),
    [
        ("../a.tif", "%2E%2E/a.tif"),
        ("./a.tif", "%2E/a.tif"),
        ("_ledger/a.tif", "%5Fledger/a.tif"),
        ("a b/ü+&?#.tif", "a%20b/%C3%BC%2B%26%3F%23.tif"),
        ("a~0.tif", "a%7E0.tif"),
        ("a%20b.tif", "a%2520b.tif"),
        ("..\\..\\a.tif", "..%5C..%5Ca.tif"),
    ],
)
def test_what_is_not_plain_is_percent_encoded(path: str, scene_id: str):
    assert escape_scene_id(path) == scene_id


@pytest.mark.parametrize("path", ["/a.tif", "a//b.tif", "a/", "//", ""])
@pytest.mark.parametrize("other", ["\0", "%00", "empty~", "~", " "])
def test_an_empty_segment_is_kept_apart_from_every_other(path: str, other: str):
    filled = "/".join(segment or other for segment in path.split("/"))
    assert_safe(escape_scene_id(path))
    assert escape_scene_id(path).count("/") == path.count("/")
    assert escape_scene_id(path) != escape_scene_id(filled)


def test_long_segments_that_differ_only_at_their_end_stay_apart():
    ids = {escape_scene_id(f"{'x' * 300}{number}.tif") for number in range(50)}
    assert len(ids) == 50
    for scene_id in ids:
        assert_safe(scene_id)


def test_long_names_of_other_scripts_fit_and_stay_apart():
    ids = {
        escape_scene_id(f"{'/'.join(['衛星画像' * 6] * depth)}/{number}.tif")
        for depth in (1, 4, 9)
        for number in (1, 2)
    }
    assert len(ids) == 6
    for scene_id in ids:
        assert_safe(scene_id)


def test_a_digest_suffix_cannot_be_forged():
    for forged in (escape_scene_id("x" * 300), escape_scene_id("/".join(["y" * 100] * 20))):
        assert "~" in forged
        assert escape_scene_id(forged) != forged


def test_lone_surrogates_are_not_the_character_that_they_would_make():
    start = "a" * 300
    for prefix in ("", start):
        assert escape_scene_id(prefix + "\ud83d\ude00") != escape_scene_id(prefix + "😀")
    assert escape_scene_id("\udcff.tif") not in {escape_scene_id("?.tif"), escape_scene_id("\udcfe.tif")}
    assert_safe(escape_scene_id("\udcff.tif"))
