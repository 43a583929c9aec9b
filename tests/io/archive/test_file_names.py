"""Names: of scenes, of buckets, and of folders that hold no archive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.archive.file_names import is_bucket, is_no_archive, is_scene, no_archive_above

PARTS = st.sampled_from(["a", "b.tif", ".git", ".Trash-0", "x.git", "lost+found"])


@pytest.mark.parametrize("name", ["a.tif", "A.TIF", "d/a.Tiff", "s3://b/x/a.tif", "a.jp2.tif", ".tif"])
def test_a_scene_is_told_by_its_suffix_in_any_case(name: str) -> None:
    assert is_scene(name)


@pytest.mark.parametrize("name", ["a.tif.msk", "a.png", "tif", "a.tif/", "d.tif/x", "", "a.gtif"])
def test_other_names_are_those_of_no_scene(name: str) -> None:
    assert not is_scene(name)


@pytest.mark.parametrize(("name", "counts"), [("._a.tif", False), ("d/._a.tif", False), ("._d/a.tif", True)])
def test_a_resource_fork_of_macos_is_no_scene(name: str, counts: bool) -> None:
    assert is_scene(name) is counts


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("my-bucket.1", True),
        ("Old_Bucket", True),
        ("b" * 255, True),
        ("b" * 256, False),
        ("", False),
        ("_x", False),
        ("a b", False),
        ("a/b", False),
        ("user:password@host", False),
        ("a\n", False),
        ("bücket", False),
    ],
)
def test_a_bucket_is_called_as_some_store_allows(name: str, counts: bool) -> None:
    assert is_bucket(name) is counts


@pytest.mark.parametrize(
    "name", [".git", ".SVN", "$RECYCLE.BIN", ".trash", ".Trashes", ".Trash-1000", "@eaDir"]
)
def test_a_folder_of_leavings_is_told_in_any_case(name: str) -> None:
    assert is_no_archive(name)


@pytest.mark.parametrize("name", ["git", "trash", ".hidden", "snapshot", "lost", "recycle", "2024.git", ""])
def test_other_folders_may_hold_scenes(name: str) -> None:
    assert not is_no_archive(name)
    assert no_archive_above(f"{name}/{name}/.git") is None


@given(st.lists(PARTS, min_size=1, max_size=5))
def test_the_first_folder_of_leavings_above_a_file_is_found_and_the_file_itself_is_none(
    parts: list[str],
) -> None:
    folders = ["/".join(parts[:stop]) for stop in range(1, len(parts)) if is_no_archive(parts[stop - 1])]
    assert no_archive_above("/".join(parts)) == next(iter(folders), None)
