from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.mosaics.export_target import _WHOLE_BYTES, clear_up, made_whole, mark_of
from sgddiff_batch.io.storage.store import open_store
from tests.kit.outputs import KINDS, output_on


def put(target: str | Path, data: bytes, sidecar: bytes = b"", sidecar_of: Path | None = None) -> None:
    clear_up([target])
    with made_whole(target) as made:
        made.write_bytes(data)
        if sidecar_of:
            sidecar = sidecar_of.read_bytes()
        if sidecar:
            Path(f"{made}.aux.xml").write_bytes(sidecar)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_takes_its_place_with_its_sidecar_or_without(kind, request):
    with output_on(kind, "exports", request) as folder:
        store = open_store(folder)
        store.write("other", b"")
        put(f"{folder}/a.tif", b"one", sidecar=b"<PAM/>")
        assert store.read_all("") == {"a.tif": b"one", "a.tif.aux.xml": b"<PAM/>", "other": b""}
        put(f"{folder}/a.tif", b"two")
        assert store.read_all("") == {"a.tif": b"two", "other": b""}


@pytest.mark.slow
def test_a_large_file_is_put_without_being_read_whole(monkeypatch, request):
    monkeypatch.setattr(Path, "read_bytes", None)
    size = _WHOLE_BYTES + 1000
    with output_on("s3", "exports-large", request) as folder:
        with made_whole(f"{folder}/a.tif") as made, made.open("wb") as file:
            file.truncate(size - 4)
            file.seek(0, os.SEEK_END)
            file.write(b"last")
        store = open_store(folder)
        assert store.read_part("a.tif", size - 6, size + 9) == b"\0\0last"
        assert store.read_part("a.tif", 0, 2) == b"\0\0"


def test_a_body_that_fails_leaves_what_was_there_and_nothing_beside_it(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        put(tmp_path / "a.tif", b"half", sidecar_of=tmp_path / "none")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.tif", b"old")]


KILLED = """
import os, signal, sys
from sgddiff_batch.io.mosaics.export_target import made_whole
with made_whole(sys.argv[1]) as made:
    made.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_leaves_no_half_file_and_the_next_export_of_it_clears_up(tmp_path):
    target = tmp_path / "a.tif"
    done = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert done.returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".a.tif.")
    put(target, b"whole")
    assert left.exists()  # it may be somebody's who is about to lock it
    long_ago = time.time() - 3600
    os.utime(left / "lock", (long_ago, long_ago))
    put(target, b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_folder_is_listed_once_and_what_is_of_no_file_of_these_stays(tmp_path, monkeypatch):
    names = [f"{number}.tif" for number in range(9)]
    for name in (".0.tif.abc.partial", ".8.tif.abc.partial", ".8.tif.b.abc.partial", "8.tif.abc.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
        os.utime(tmp_path / name / "lock", (1, 1))
    listed, iterdir = [], Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: listed.append(path) or iterdir(path))
    clear_up([*(tmp_path / name for name in names), "s3://bucket/a.tif", tmp_path / "none" / "a.tif"])
    assert listed == [tmp_path, tmp_path / "none"]
    with made_whole(tmp_path / "a.tif") as made:
        made.write_bytes(b"")
    assert len(listed) == 2
    monkeypatch.undo()
    assert {path.name for path in tmp_path.iterdir()} == {
        "a.tif", ".8.tif.b.abc.partial", "8.tif.abc.partial",
    }  # fmt: skip


def test_what_another_export_is_at_work_on_stays(tmp_path):
    with made_whole(tmp_path / "a.tif") as made:
        made.write_bytes(b"slow")
        long_ago = time.time() - 3600
        os.utime(made.parent / "lock", (long_ago, long_ago))
        put(tmp_path / "a.tif", b"quick")
        assert made.exists()
    assert (tmp_path / "a.tif").read_bytes() == b"slow"


def test_a_file_system_without_locks_is_written_to_all_the_same(tmp_path, monkeypatch):
    def refused(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refused)
    put(tmp_path / "a.tif", b"whole")
    assert (tmp_path / "a.tif").read_bytes() == b"whole"


def test_a_place_that_no_file_can_have_is_refused_before_any_work(tmp_path):
    for folder in (str(tmp_path), f"{tmp_path}/new/", "s3://bucket/a/"):
        with pytest.raises(ConfigError, match="is a folder"):
            put(folder, b"")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="which is no file"):
        put(tmp_path / "pipe", b"")
    with pytest.raises(ConfigError, match="gs"):
        put("gs://bucket/a", b"")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        put(tmp_path / "typo" / "a.tif", b"")


def test_another_mosaic_or_another_way_to_make_it_has_another_mark():
    marks = {mark_of(f"s3://b/a.tif/{name}.zarr", made) for name in ("v-k", "w-k") for made in ("x", "y")}
    assert len(marks) == 4
