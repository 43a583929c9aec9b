"""LocalBackend: files are written whole, listed whole, and removed with care for what is not ours."""

import os
from pathlib import Path

import pytest

from sgddiff_batch.io.storage.backend import PART
from sgddiff_batch.io.storage.local import LocalBackend

BACKEND = LocalBackend()


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def let_pass():
    """The check of a caller who may go on."""


class TestWriting:
    def test_a_file_is_replaced_and_nothing_is_left_beside_it(self, tmp_path):
        path = f"{tmp_path}/a/b/{'n' * 240}"
        for data in (b"1", b"2"):
            BACKEND.write(path, data)
        assert BACKEND.read(path) == b"2"
        assert len(list(Path(path).parent.iterdir())) == 1

    def test_what_readers_have_open_stays_as_it_was(self, tmp_path):
        BACKEND.write(f"{tmp_path}/a", b"old")
        with BACKEND.open(f"{tmp_path}/a") as file:
            BACKEND.write(f"{tmp_path}/a", b"new")
            assert file.read() == b"old"

    def test_a_file_in_the_way_of_a_folder_ends_the_tries(self, tmp_path):
        put(tmp_path, "a")
        with pytest.raises((NotADirectoryError, FileExistsError)):
            BACKEND.write(f"{tmp_path}/a/b", b"1")


class TestLooking:
    def test_below_a_file_there_is_nothing(self, tmp_path):
        put(tmp_path, "a")
        with pytest.raises(FileNotFoundError):
            BACKEND.read(f"{tmp_path}/a/b")
        assert BACKEND.stat(f"{tmp_path}/a/b") is None
        assert list(BACKEND.read_many([f"{tmp_path}/a/b", f"{tmp_path}/a"])) == [(f"{tmp_path}/a", b"a")]
        assert list(BACKEND.listed(f"{tmp_path}/a/b")) == list(BACKEND.find(f"{tmp_path}/a/b")) == []

    def test_another_content_of_the_same_size_and_time_is_another_version(self, tmp_path):
        put(tmp_path, "a")
        BACKEND.write(f"{tmp_path}/a", b"1")
        os.utime(tmp_path / "a", (1000, 1000))
        ((_, before),) = BACKEND.listed(str(tmp_path))
        BACKEND.write(f"{tmp_path}/a", b"2")
        os.utime(tmp_path / "a", (1000, 1000))
        ((_, after),) = BACKEND.listed(str(tmp_path))
        assert (before.size_bytes, after.size_bytes) == (1, 1)
        assert before.version != after.version

    def test_names_are_taken_to_the_letter(self, tmp_path):
        put(tmp_path, "[ab]*.tif", "a.tif", "b*.tif")
        assert [facts.path for facts in BACKEND.find(str(tmp_path), "[ab]")] == [f"{tmp_path}/[ab]*.tif"]
        assert BACKEND.stat(f"{tmp_path}/[ab].tif") is None

    def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(self):
        # No rights keep root out, so a name that no file system takes.
        folder = "/" + "n" * 300
        with pytest.raises(OSError, match="too long"):
            list(BACKEND.listed(folder))
        with pytest.raises(OSError, match="too long"):
            list(BACKEND.find(folder))

    def test_files_in_a_folder_are_found_in_any_case_and_folders_and_pipes_are_none(self, tmp_path):
        put(tmp_path, "A.TIF", "a.Tfw", "below/a.tif", "other.tif")
        (tmp_path / "a.ovr").mkdir()
        os.mkfifo(tmp_path / "a.msk")
        found = BACKEND.files_in(str(tmp_path), {"a.tif", "a.tfw", "a.ovr", "a.msk"}, "a")
        assert sorted(facts.path for facts in found) == [f"{tmp_path}/A.TIF", f"{tmp_path}/a.Tfw"]

    @pytest.mark.parametrize("folder", ["/nowhere-at-all", "/etc/passwd", "/\0", "/" + "n" * 300])
    def test_a_folder_that_is_none_has_no_files(self, folder):
        assert BACKEND.files_in(folder, {"a.tif"}, "") == []


class TestRemoving:
    def test_folders_that_it_leaves_empty_go_up_to_the_root(self, tmp_path):
        put(tmp_path, "root/a/b/c")
        BACKEND.delete(f"{tmp_path}/root/a/b/c", f"{tmp_path}/root")
        assert [path.name for path in tmp_path.rglob("*")] == ["root"]

    def test_what_a_link_leads_to_stays(self, tmp_path):
        put(tmp_path, "else/x", "root/a/c")
        (tmp_path / "root/a/link").symlink_to(tmp_path / "else")
        (tmp_path / "root/b").symlink_to(tmp_path / "else")
        for name in ("a", "b"):
            BACKEND.delete_tree(f"{tmp_path}/root/{name}", f"{tmp_path}/root", let_pass)
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["else", "root", "x"]

    def test_who_may_not_go_on_is_stopped_between_two_parts(self, tmp_path):
        put(tmp_path, *(f"a/{number:03}" for number in range(2 * PART + 1)))
        asked = []

        def check():
            asked.append(1)
            if len(asked) == 2:
                raise PermissionError

        with pytest.raises(PermissionError):
            BACKEND.delete_tree(f"{tmp_path}/a", str(tmp_path), check)
        assert len(list((tmp_path / "a").iterdir())) == PART + 1

    def test_a_tree_that_is_not_there_is_removed_already(self, tmp_path):
        BACKEND.delete_tree(f"{tmp_path}/none", str(tmp_path), let_pass)
        assert tmp_path.is_dir()


class TestTemporaryFiles:
    def test_they_are_told_and_swept_at_any_depth(self, tmp_path):
        put(tmp_path, "a/x.partial", "b.partial", "c")
        told = list(BACKEND.temporary(str(tmp_path)))
        assert [(facts.path, facts.size_bytes) for facts in told] == [
            (f"{tmp_path}/a/x.partial", 11),
            (f"{tmp_path}/b.partial", 9),
        ]
        BACKEND.sweep(str(tmp_path))
        assert list(BACKEND.temporary(str(tmp_path))) == []
        assert (tmp_path / "c").exists()

    def test_a_folder_that_is_called_like_one_is_none(self, tmp_path):
        put(tmp_path, "download.partial/a.tif", "download.partial/b.partial")
        assert [facts.path for facts in BACKEND.temporary(str(tmp_path))] == [
            f"{tmp_path}/download.partial/b.partial"
        ]
        BACKEND.sweep(str(tmp_path))
        assert [path.name for path in (tmp_path / "download.partial").iterdir()] == ["a.tif"]


class TestInSight:
    def test_an_empty_folder_may_be_a_disk_that_is_not_mounted(self, tmp_path):
        assert not BACKEND.is_in_sight(f"{tmp_path}/a")

    def test_where_other_things_are_a_file_that_is_gone_is_gone(self, tmp_path):
        put(tmp_path, "b")
        assert BACKEND.is_in_sight(f"{tmp_path}/a")

    def test_a_folder_that_is_not_there_cannot_tell(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            BACKEND.is_in_sight(f"{tmp_path}/none/a")
