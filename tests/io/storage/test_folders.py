"""Folders that were made for a moment go again; those that hold something, or were there, stay."""

from __future__ import annotations

import pytest

from sgddiff_batch.io.storage.folders import no_new_folders


def test_folders_that_were_made_meanwhile_and_are_empty_go(tmp_path):
    (tmp_path / "there").mkdir()
    with no_new_folders(str(tmp_path / "there" / "new" / "deep")):
        (tmp_path / "there" / "new" / "deep").mkdir(parents=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_they_go_also_after_an_error_and_what_holds_something_stays(tmp_path):
    def fail():
        (tmp_path / "new" / "deep").mkdir(parents=True)
        (tmp_path / "new" / "a.txt").touch()
        raise OSError("full")

    with pytest.raises(OSError, match="full"), no_new_folders(str(tmp_path / "new" / "deep")):
        fail()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.txt", "new"]


def test_object_storage_has_no_folders():
    with no_new_folders("s3://bucket/prefix"):
        pass
