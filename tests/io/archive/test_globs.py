"""Globs: what matches, what may match farther below, and in how much time."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.archive.globs import leads_to_match, matches, reached, split_glob

PATHS = st.lists(st.sampled_from(["a", "b", "ab", "**"]), max_size=5)
GLOBS = st.lists(st.sampled_from(["a", "b", "a*", "?", "*", "[ab]", "[!a]*", "**"]), max_size=5)


def matches_by_definition(path: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(matches_by_definition(path[at:], pattern[1:]) for at in range(len(path) + 1))
    is_first = bool(path) and fnmatchcase(path[0], pattern[0])
    return is_first and matches_by_definition(path[1:], pattern[1:])


@given(PATHS, GLOBS)
def test_a_glob_matches_as_it_is_defined(path: list[str], pattern: list[str]) -> None:
    assert matches(path, pattern) == matches_by_definition(path, pattern)


@given(PATHS, st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=3), GLOBS)
def test_a_folder_above_a_match_is_never_passed_by(
    path: list[str], below: list[str], pattern: list[str]
) -> None:
    if matches([*path, *below], pattern):
        assert leads_to_match(path, pattern)


@pytest.mark.parametrize(
    ("path", "pattern", "leads"),
    [
        ("x", "x/*.tif", True),
        ("y", "x/*.tif", False),
        ("x/a.tif", "x/*.tif", False),
        ("x/y", "x/*.tif", False),
        ("x/y/z", "x/**", True),
        ("y/z", "**/a.tif", True),
    ],
)
def test_a_folder_is_looked_into_only_where_something_below_it_can_match(
    path: str, pattern: str, leads: bool
) -> None:
    assert leads_to_match(path.split("/"), pattern.split("/")) is leads


@given(PATHS, PATHS, PATHS, GLOBS)
def test_from_where_two_paths_have_arrived_alike_the_same_matches(
    one: list[str], other: list[str], below: list[str], pattern: list[str]
) -> None:
    if reached(one, pattern) == reached(other, pattern):
        assert matches([*one, *below], pattern) == matches([*other, *below], pattern)


@pytest.mark.parametrize(
    ("name", "counts"), [("A.tif", False), ("a.TIF", False), (".a.tif", True), ("a/b.tif", False)]
)
def test_a_part_is_matched_in_its_case_and_alone(name: str, counts: bool) -> None:
    assert matches(name.split("/"), ["*a.tif"]) is counts


@pytest.mark.parametrize(
    ("uri", "root", "pattern"),
    [
        ("/data/x", "/data/x", []),
        ("/data/x/*.tif", "/data/x", ["*.tif"]),
        ("/data/20[12]?/x/**/a.tif", "/data", ["20[12]?", "x", "**", "a.tif"]),
        ("/data/*//a.tif", "/data", ["*", "a.tif"]),
        ("/*.tif", "/", ["*.tif"]),
        ("s3://bucket/x/*", "s3://bucket/x", ["*"]),
        ("s3://bucket/*.tif", "s3://bucket", ["*.tif"]),
    ],
)
def test_a_uri_is_split_before_its_first_part_with_a_wildcard(
    uri: str, root: str, pattern: list[str]
) -> None:
    assert split_glob(uri) == (root, pattern)


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    assert not matches(["a"] * 60, ["**", "a"] * 25 + ["b"])
