"""A file is written whole or stays as it was; a failure names it, and no temporary one."""

from __future__ import annotations

import pytest

from jobs.files import write_whole


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    for content in (b"first", b"second, longer"):
        write_whole(tmp_path / "a.png", content)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"second, longer"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("typo/a.json", FileNotFoundError), ("file/a.json", NotADirectoryError), ("folder", OSError)],
)
def test_what_cannot_be_written_is_told_by_its_own_name_and_leaves_nothing(tmp_path, name, kind):
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(kind) as told:
        write_whole(tmp_path / name, b"content")
    assert told.value.filename == str(tmp_path / name)
    assert ".part" not in str(told.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
