"""The walk over a local archive: links inside allowed folders are followed, and circles are not."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.scene import escape_scene_id
from sgddiff_batch.io.archive.files import NO_ARCHIVE
from sgddiff_batch.io.sources.listing import Listing, list_archive


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def listed(archive: Path, *allowed: Path) -> Listing:
    return list_archive(ArchiveQuery((Source(str(archive)),), folders=tuple(map(str, allowed))))


def ids(listing: Listing) -> list[str]:
    return [scene.scene_id for scene in listing.scenes]


def told(listing: Listing) -> dict[str, str]:
    return {file.path: file.reason for file in listing.ignored}


class TestLinks:
    @pytest.fixture
    def archive(self, tmp_path: Path) -> Path:
        put(tmp_path, "archive/a.tif", "archive/d/b.tif", "else/c.tif", "else/deep/d.tif", "secret/e.tif")
        return tmp_path / "archive"

    def test_links_to_files_and_folders_that_are_allowed_are_followed(self, archive: Path) -> None:
        other = archive.parent / "else"
        (archive / "c.tif").symlink_to("../else/c.tif")
        (archive / "more").symlink_to(other)
        (archive / "secret").symlink_to("../secret")
        listing = listed(archive, other)
        assert ids(listing) == ["a.tif", "c.tif", "d/b.tif", "more/c.tif", "more/deep/d.tif"]
        assert listing.scenes[1].uri == str(archive / "c.tif")
        assert list(told(listing)) == ["secret"]
        assert ids(listed(archive)) == ["a.tif", "d/b.tif"]

    def test_an_allowed_folder_that_is_a_link_itself_is_allowed(self, archive: Path) -> None:
        (archive.parent / "name").symlink_to("else")
        (archive / "more").symlink_to("../name/deep")
        assert "more/d.tif" in ids(listed(archive, archive.parent / "name"))

    def test_links_lead_on_from_one_allowed_folder_to_the_next_and_no_farther(self, archive: Path) -> None:
        put(archive.parent, "third/f.tif")
        other, third = archive.parent / "else", archive.parent / "third"
        (archive / "more").symlink_to(other)
        (other / "third").symlink_to(third)
        (other / "out.tif").symlink_to("../secret/e.tif")
        assert "more/third/f.tif" in ids(listed(archive, other, third))
        listing = listed(archive, other)
        assert set(told(listing)) == {"more/third", "more/out.tif"}

    def test_circles_end_and_every_folder_is_walked_once(self, archive: Path) -> None:
        other = archive.parent / "else"
        for name in ("one", "two", "d/three"):
            (archive / name).symlink_to(other)
        (other / "back").symlink_to(archive)
        (other / "deep" / "up").symlink_to("..")
        (archive / "d" / "self").symlink_to(".")
        (archive / "twin").symlink_to("d")
        (archive / "ring").symlink_to("ring")
        listing = listed(archive, other)
        assert ids(listing) == ["a.tif", "d/b.tif", "d/three/c.tif", "d/three/deep/d.tif"]
        assert told(listing) == {
            "one": "it leads to a folder that is listed as d/three",
            "two": "it leads to a folder that is listed as d/three",
            "d/three/back": "it leads to a folder that is listed as .",
            "d/three/deep/up": "it leads to a folder that is listed as d/three",
            "d/self": "it leads to a folder that is listed as d",
            "twin": "it leads to a folder that is listed as d",
            "ring": "it is a broken link",
        }

    def test_folders_that_all_link_to_each_other_take_no_time(self, tmp_path: Path) -> None:
        folders = [tmp_path / "archive" / f"f{number}" for number in range(30)]
        for folder in folders:
            put(folder, "a.tif")
        for folder in folders:
            for other in folders:
                (folder / f"to-{other.name}").symlink_to(other)
        listing = listed(tmp_path / "archive")
        assert len(listing.scenes) == 30
        assert len(listing.ignored) == 900

    def test_the_order_of_the_file_system_decides_nothing(
        self, archive: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = archive.parent / "else"
        for at, target in enumerate((other / "deep", other, archive, other / "deep")):
            (archive / f"l{at}").symlink_to(target)
        (other / "loop").symlink_to(archive / "d")
        scandir, first = os.scandir, listed(archive, other)

        @contextmanager
        def shuffled(path: Any) -> Iterator[list[os.DirEntry[str]]]:
            with scandir(path) as found:
                entries = list(found)
            random.Random(str(path)).shuffle(entries)
            yield entries

        monkeypatch.setattr(os, "scandir", shuffled)
        assert listed(archive, other) == first
        assert ids(first) == ["a.tif", "d/b.tif", "l0/d.tif", "l1/c.tif"]

    def test_a_store_is_one_whatever_its_link_is_called(self, archive: Path) -> None:
        other = archive.parent / "else"
        put(other, "m.zarr/0/c/0.tif", ".git/x.tif")
        (archive / "scenes").symlink_to(other / "m.zarr")
        (archive / "b.zarr").symlink_to(other / "deep")
        (archive / "history").symlink_to(other / ".git")
        listing = listed(archive, other)
        assert ids(listing) == ["a.tif", "d/b.tif"]
        assert set(told(listing)) == {"scenes", "b.zarr", "history"}

    def test_a_glob_goes_as_deep_through_links(self, archive: Path) -> None:
        other = archive.parent / "else"
        (archive / "more").symlink_to(other)
        source = Source(f"{archive}/*/*.tif")
        assert ids(list_archive(ArchiveQuery((source,), folders=(str(other),)))) == ["d/b.tif", "more/c.tif"]


@pytest.mark.parametrize(
    "name",
    [
        *(".git", ".svn", ".snapshot", ".Trash", ".Trash-1000", ".Trashes", "$RECYCLE.BIN", "$Recycle.Bin"),
        *(".ipynb_checkpoints", "@eaDir", "lost+found", "__MACOSX", "System Volume Information"),
    ],
)
def test_folders_of_leavings_are_one_line_and_no_scene(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a.tif", f"d/{name}/x/b.tif", f"d/{name}/c.tif", f"{name}.tif", "trash/t.tif", "git/g.tif")
    listing = listed(tmp_path)
    assert set(ids(listing)) == {"a.tif", escape_scene_id(f"{name}.tif"), "git/g.tif", "trash/t.tif"}
    assert told(listing) == {f"d/{name}": NO_ARCHIVE}


def test_an_archive_that_lies_in_such_a_folder_is_walked(tmp_path: Path) -> None:
    put(tmp_path, ".snapshot/daily/a.tif", ".snapshot/daily/.snapshot/b.tif")
    assert ids(listed(tmp_path / ".snapshot" / "daily")) == ["a.tif"]


class TestLinksOnTheWayOfAGlob:
    @pytest.mark.parametrize(
        ("link", "glob", "wanted"),
        [
            ("2024", "20*/*.tif", "2024/a.tif"),
            ("l", "*/*/*.tif", "l/sub/x.tif"),
            ("named", "**/named/**/*.tif", "named/sub/x.tif"),
            ("deep/2024", "*/20*/*.tif", "deep/2024/a.tif"),
        ],
    )
    def test_a_link_is_followed_where_its_name_is_asked_for_and_that_of_its_folder_is_not(
        self, tmp_path: Path, link: str, glob: str, wanted: str
    ) -> None:
        put(tmp_path, "here/real/a.tif", "here/real/sub/x.tif", "deep/z.txt")
        (tmp_path / link).symlink_to(tmp_path / "here" / "real")
        assert wanted in ids(listed(tmp_path / glob))

    def test_circles_end(self, tmp_path: Path) -> None:
        put(tmp_path, "real/a.tif")
        (tmp_path / "real" / "up").symlink_to("..")
        (tmp_path / "real" / "self").symlink_to(".")
        assert ids(listed(tmp_path / "**/self/**/*.tif"))
        assert ids(listed(tmp_path / "**/*.tif")) == ["real/a.tif"]

    def test_what_is_left_out_on_its_way_is_told_and_nothing_beside_it(self, tmp_path: Path) -> None:
        put(tmp_path, "d/a.tif", ".snapshot/h/a.tif", "e/.git/a.tif")
        (tmp_path / "out").symlink_to("/etc")
        assert set(told(listed(tmp_path / "*/*.tif"))) == {".snapshot", "out"}
        assert set(told(listed(tmp_path / "e/*/*.tif"))) == {".git"}
        assert told(listed(tmp_path / "d*/*.tif")) == {}


@pytest.mark.parametrize(
    "target", [".snapshot/hourly.0", ".git/lfs/objects", "a.zarr/0", "x/.Trash-1000/files"]
)
def test_a_link_into_a_folder_that_is_left_out_is_left_out(tmp_path: Path, target: str) -> None:
    put(tmp_path, "a.tif", f"{target}/old.tif")
    (tmp_path / "latest").symlink_to(target)
    listing = listed(tmp_path)
    assert ids(listing) == ["a.tif"]
    assert "latest" in told(listing)
