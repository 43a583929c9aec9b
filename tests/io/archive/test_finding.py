"""Listing archives: every file is a scene, a sidecar, or told of with a reason."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive import files as archive_files
from sgddiff_batch.io.archive import walk as archive_walk
from sgddiff_batch.io.sources.listing import Listing, list_archive
from tests.kit.listings import ids, put


def list_scenes(uri: str, output_uri: str | None = None) -> Listing:
    return list_archive(ArchiveQuery((Source(uri),)), output_uri)


def reasons(files: tuple[archive_files.IgnoredFile, ...]) -> dict[str, str]:
    return {file.path: file.reason for file in files}


def only(listing: Listing) -> Scene:
    (scene,) = listing.scenes
    return scene


class TestFolders:
    def test_scenes_are_found_at_any_depth_and_sorted(self, tmp_path: Path) -> None:
        put(tmp_path, "b.tif", "a/c.TIFF", "a/b/d.Tif")
        listing = list_scenes(str(tmp_path))
        assert ids(listing) == ["a/b/d.Tif", "a/c.TIFF", "b.tif"]
        assert listing.ignored == listing.missing == ()
        assert listing.scenes[2].uri == str(tmp_path / "b.tif")
        assert listing.scenes[2].size_bytes == 1

    def test_other_files_are_ignored_with_a_reason(self, tmp_path: Path) -> None:
        put(tmp_path, "a.tif", "a.tif.txt", "._a.tif", "gone.tif.msk", "x/readme", "old.zarr/0/c/0.tif")
        listing = list_scenes(str(tmp_path))
        assert ids(listing) == ["a.tif"]
        assert reasons(listing.ignored) == {
            "a.tif.txt": "it is no .tif or .tiff file",
            "x/readme": "it is no .tif or .tiff file",
            "._a.tif": "it is a resource fork of macOS",
            "gone.tif.msk": "it is a sidecar of no scene",
            "old.zarr": "it is a Zarr store",
        }

    @pytest.mark.parametrize(
        "sidecar", ["a.tif.msk", "a.tif.ovr", "a.tif.aux.xml", "a.tfw", "A.TFW", "a.aux.xml"]
    )
    def test_a_sidecar_belongs_to_its_scene_and_to_its_version(self, tmp_path: Path, sidecar: str) -> None:
        put(tmp_path, "d/a.tif", "a.tif", sidecar)
        here, below = list_scenes(str(tmp_path)).scenes
        assert (here.has_sidecars, below.has_sidecars) == (True, False)
        assert list_scenes(str(tmp_path)).ignored == ()
        put(tmp_path, sidecar, content=b"other")
        changed, same = list_scenes(str(tmp_path)).scenes
        assert changed.version != here.version
        assert same == below

    def test_the_version_follows_size_and_time(self, tmp_path: Path) -> None:
        put(tmp_path, "a.tif")
        first = only(list_scenes(str(tmp_path)))
        assert only(list_scenes(str(tmp_path))) == first
        assert len(first.version) == 16
        status = (tmp_path / "a.tif").stat()
        os.utime(tmp_path / "a.tif", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
        assert only(list_scenes(str(tmp_path))).version != first.version

    def test_links_out_of_the_archive_are_not_followed(self, tmp_path: Path) -> None:
        put(tmp_path, "secret/a.tif", "archive/b.tif", "archive/d/e.tif")
        archive = tmp_path / "archive"
        (archive / "out.tif").symlink_to(tmp_path / "secret" / "a.tif")
        (archive / "folder").symlink_to(tmp_path / "secret")
        (archive / "in.tif").symlink_to("b.tif")
        (archive / "loop").symlink_to(archive)
        (archive / "d" / "up").symlink_to(archive / "d")
        (archive / "broken.tif").symlink_to("nowhere")
        listing = list_scenes(str(archive))
        assert ids(listing) == ["b.tif", "d/e.tif", "in.tif"]
        told = reasons(listing.ignored)
        assert set(told) == {"out.tif", "folder", "loop", "d/up", "broken.tif"}
        assert told["out.tif"] == told["folder"]
        assert told["out.tif"].startswith(
            "it is a link that leads out of the archive, to where archive.allow"
        )
        assert told["loop"] == "it leads to a folder that is listed as ."
        assert told["d/up"] == "it leads to a folder that is listed as d"
        assert told["broken.tif"] == "it is a broken link"

    def test_an_archive_that_is_a_link_is_followed(self, tmp_path: Path) -> None:
        put(tmp_path, "real/a.tif")
        (tmp_path / "archive").symlink_to("real")
        assert only(list_scenes(str(tmp_path / "archive"))).uri == str(tmp_path / "archive" / "a.tif")

    def test_what_is_no_regular_file_is_ignored(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.tif")
        (tmp_path / "folder.tif").mkdir()
        put(tmp_path, "folder.tif/a.tif")
        listing = list_scenes(str(tmp_path))
        assert ids(listing) == ["folder.tif/a.tif"]
        assert reasons(listing.ignored) == {"pipe.tif": "it is no regular file"}

    def test_a_folder_that_cannot_be_listed_is_told_of_and_no_scene(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(tmp_path, "a.tif", "closed/b.tif")
        scandir = os.scandir

        def closed(path: Path) -> object:
            if Path(path).name == "closed":
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(archive_walk.os, "scandir", closed)
        listing = list_scenes(str(tmp_path))
        assert ids(listing) == ["a.tif"]
        assert reasons(listing.not_listed) == {"closed": "this folder cannot be listed: Permission denied"}
        assert listing.missing == ()

    def test_an_empty_archive_is_empty_and_a_missing_one_an_error(self, tmp_path: Path) -> None:
        assert list_scenes(str(tmp_path)) == Listing()
        with pytest.raises(ConfigError, match=r"archive\.uri: there is nothing at"):
            list_scenes(str(tmp_path / "nowhere"))

    @pytest.mark.parametrize("uri", ["gs://bucket/x", "http://host/x.tif", "https://host/list.txt"])
    def test_schemes_that_are_not_spoken_are_refused(self, uri: str) -> None:
        with pytest.raises(ConfigError, match="allowed are local paths and s3://"):
            list_scenes(uri)

    @pytest.mark.parametrize(
        "name", ["a\nb.tif", "é ü.tif", "%2e%2e.tif", "..tif", "_x.tif", "a b&c=?#.tif", "ß" * 120 + ".tif"]
    )
    def test_hostile_names_make_safe_ids(self, tmp_path: Path, name: str) -> None:
        put(tmp_path, name)
        scene = only(list_scenes(str(tmp_path)))
        assert scene.scene_id.isascii()
        assert scene.scene_id.isprintable()
        assert not scene.scene_id.startswith("_")
        assert scene.scene_id not in (".", "..")
        assert len(scene.scene_id) <= 160
        assert Path(scene.uri).is_file()

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
    def test_a_name_that_is_not_unicode_is_told_of(self, tmp_path: Path) -> None:
        (tmp_path / os.fsdecode(b"a\xff.tif")).write_bytes(b"x")
        listing = list_scenes(str(tmp_path))
        assert reasons(listing.missing) == {"a\\xff.tif": "its name is not UTF-8; rename it"}


class TestSingleFilesAndGlobs:
    def test_one_scene_is_a_list_of_one(self, tmp_path: Path) -> None:
        put(tmp_path, "a.tif", "b.tif", "a.tif.msk")
        scene = only(list_scenes(str(tmp_path / "a.tif")))
        assert (scene.scene_id, scene.has_sidecars) == ("a.tif", True)
        assert scene.version == list_scenes(str(tmp_path)).scenes[0].version

    def test_another_file_is_refused(self, tmp_path: Path) -> None:
        put(tmp_path, "a.png")
        with pytest.raises(ConfigError, match=r"no folder and no \.tif"):
            list_scenes(str(tmp_path / "a.png"))

    @pytest.mark.parametrize(
        ("pattern", "found"),
        [
            ("*.tif", ["a.tif"]),
            ("**/*.tif", ["a.tif", "x/b.tif", "x/y/c.tif"]),
            ("x/**", ["b.tif", "y/c.tif"]),
            ("*/*.tif", ["x/b.tif"]),
            ("x/[bc].tif", ["b.tif"]),
            ("?.tif", ["a.tif"]),
            ("**/y/*", ["x/y/c.tif"]),
            ("none*", []),
        ],
    )
    def test_ids_count_from_the_fixed_part(self, tmp_path: Path, pattern: str, found: list[str]) -> None:
        put(tmp_path, "a.tif", "a.tif.msk", "x/b.tif", "x/y/c.tif")
        listing = list_scenes(f"{tmp_path}/{pattern}")
        assert ids(listing) == found
        assert listing.ignored == ()
        assert all(scene.has_sidecars == (scene.scene_id == "a.tif") for scene in listing.scenes)

    def test_a_name_with_brackets_that_exists_is_taken_as_it_is(self, tmp_path: Path) -> None:
        put(tmp_path, "[x]/a.tif", "x/b.tif")
        assert ids(list_scenes(str(tmp_path / "[x]"))) == ["a.tif"]

    @pytest.mark.parametrize("pattern", ["none*/*.tif", "none*/**/*.tif", "f*/*.tif", "none/*.tif"])
    def test_a_glob_over_a_folder_that_is_not_there_is_an_error(self, tmp_path: Path, pattern: str) -> None:
        put(tmp_path, "x/b.tif", "file.txt")
        with pytest.raises(ConfigError, match="there is nothing at"):
            list_scenes(f"{tmp_path}/{pattern}")
        assert ids(list_scenes(f"{tmp_path}/*.tif")) == ids(list_scenes(f"{tmp_path}/x*/c*.tif")) == []


class TestLists:
    @pytest.mark.parametrize("kind", ["txt", "csv", "bare.csv", "path.csv", "parquet"])
    def test_every_kind_of_list_is_read(self, tmp_path: Path, kind: str) -> None:
        put(tmp_path, "s/a.tif", "s/b.tif", "s/b.tif.msk", "s/unlisted.tif")
        entries = ["s/a.tif", f"{tmp_path}/s/b.tif", "s/a.tif", "./s/a.tif"]
        path = tmp_path / f"list.{kind}"
        if kind == "parquet":
            pq.write_table(pa.table({"id": [1, 2, 3, 4], "uri": entries}), path)
        else:
            head = {"txt": "# comment\n\n", "csv": "when,uri\n", "path.csv": "path\n"}.get(kind, "")
            rows = [f"2020,{entry}" if kind == "csv" else entry for entry in entries]
            path.write_bytes(b"\xef\xbb\xbf" + (head + "\r\n".join(rows)).encode())
        listing = list_scenes(str(path))
        absolute = f"{tmp_path}/s/b.tif".lstrip("/")
        assert ids(listing) == sorted(["s/a.tif", absolute])
        assert {scene.uri: scene.has_sidecars for scene in listing.scenes} == {
            f"{tmp_path}/s/a.tif": False,
            f"{tmp_path}/s/b.tif": True,
        }
        assert listing.missing == ()

    def test_what_is_not_there_is_missing_and_what_is_no_scene_ignored(self, tmp_path: Path) -> None:
        put(tmp_path, "a.tif", "b.png")
        (tmp_path / "d.tif").mkdir()
        (tmp_path / "list.txt").write_text(
            "a.tif\ngone.tif\nno/where.tif\nd.tif\nb.png\ngs://b/c.tif\n\0.tif\n"
        )
        listing = list_scenes(str(tmp_path / "list.txt"))
        assert ids(listing) == ["a.tif"]
        assert set(reasons(listing.missing)) == {
            "gone.tif",
            "no/where.tif",
            "d.tif",
            "gs://b/c.tif",
            "\\x00.tif",
        }
        assert reasons(listing.missing)["d.tif"] == "it is a folder"
        assert "there is no file at" in reasons(listing.missing)["gone.tif"]
        assert reasons(listing.ignored) == {"b.png": "it is no .tif or .tiff file"}

    def test_entries_above_the_list_make_safe_ids(self, tmp_path: Path) -> None:
        put(tmp_path, "a.tif", "lists/x")
        (tmp_path / "lists" / "l.txt").write_text("../a.tif\n")
        assert ids(list_scenes(str(tmp_path / "lists" / "l.txt"))) == ["%2E%2E/a.tif"]

    def test_two_entries_with_one_id_are_not_mixed_up(self, tmp_path: Path) -> None:
        inner = Path(str(tmp_path).lstrip("/")) / "a.tif"
        put(tmp_path, "a.tif", str(inner))
        (tmp_path / "l.txt").write_text(f"{tmp_path}/a.tif\n{inner}\n")
        listing = list_scenes(str(tmp_path / "l.txt"))
        assert only(listing).uri == f"{tmp_path}/a.tif"
        assert "has the same id" in listing.ignored[0].reason
        assert listing.missing == ()

    def test_a_missing_entry_with_the_id_of_a_scene_is_not_that_scene(self, tmp_path: Path) -> None:
        inner = Path(str(tmp_path).lstrip("/")) / "a.tif"
        put(tmp_path, "a.tif")
        (tmp_path / "l.txt").write_text(f"{tmp_path}/a.tif\n{inner}\n")
        listing = list_scenes(str(tmp_path / "l.txt"))
        assert only(listing).uri == f"{tmp_path}/a.tif"
        assert listing.missing == ()
        assert "another scene has its id" in listing.ignored[0].reason
