"""Notes of what a process is at work on: who comes after its death reads them, and nobody else is misled."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from sgddiff_batch.io.ledger.activity import FileActivity, take_left
from sgddiff_batch.protocols import Left

DYING = """
import os, signal, sys, threading
from sgddiff_batch.io.ledger.activity import FileActivity
activity = FileActivity(sys.argv[1], sys.argv[2])
{work}
"""
DIES = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Temporary files of this test apart from all others."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def run(work, label="worker", output="s3://bucket/out"):
    """Do some work in a process of its own, which may die of it."""
    return subprocess.run(
        [sys.executable, "-c", DYING.format(work=work), output, label], check=False
    ).returncode


def test_what_was_read_and_computed_when_a_process_died_is_known_once():
    work = f"with activity.reading('a.tif'), activity.computing('b.tif'): {DIES}"
    assert run(work) == -signal.SIGKILL
    assert take_left("s3://bucket/out") == Left(frozenset({"a.tif"}), frozenset({"b.tif"}), is_known=True)
    assert take_left("s3://bucket/out") == Left()


def test_what_had_ended_before_the_death_is_not_held_against_it():
    work = f"with activity.reading('a.tif'): pass\nwith activity.computing('b.tif'): {DIES}"
    run(work)
    assert take_left("s3://bucket/out") == Left(computing=frozenset({"b.tif"}), is_known=True)


def test_threads_note_apart():
    work = f"""
gate = threading.Barrier(3)
def read(name):
    with activity.reading(name):
        gate.wait()
        threading.Event().wait()
for name in ("a.tif", "b.tif"):
    threading.Thread(target=read, args=(name,), daemon=True).start()
gate.wait()
{DIES}
"""
    run(work)
    assert take_left("s3://bucket/out").reading == {"a.tif", "b.tif"}


def test_another_output_and_another_label_know_nothing_of_it():
    run(f"with activity.reading('a.tif'): {DIES}", label="actor 1")
    assert take_left("s3://bucket/other") == Left()
    assert take_left("s3://bucket/out", "actor 2") == Left()
    assert take_left("s3://bucket/out", "actor 1").reading == {"a.tif"}


def test_a_process_that_lives_is_at_work_and_left_nothing():
    activity = FileActivity("s3://bucket/out", "worker")
    with activity.reading("a.tif"):
        assert take_left("s3://bucket/out") == Left()
    activity.close()


def test_who_looks_while_a_note_is_begun_does_not_take_it_for_one_of_the_dead(monkeypatch):
    write = os.pwrite

    def looked_at(*args):
        take_left("s3://bucket/out")
        return write(*args)

    monkeypatch.setattr(os, "pwrite", looked_at)
    activity = FileActivity("s3://bucket/out", "worker")
    (note,) = [path for path in Path(tempfile.gettempdir()).rglob("*") if path.is_file()]
    assert b"worker" in note.read_bytes()
    activity.close()
    assert not note.exists()


@pytest.mark.parametrize("broken", ["pwrite", "rename"])
def test_a_note_that_cannot_be_begun_leaves_nothing(monkeypatch, folder, broken):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "pwrite") if broken == "pwrite" else (Path, "rename")), full)
    activity = FileActivity("s3://bucket/out", "worker")
    with activity.reading("a.tif"):
        assert [path for path in folder.rglob("*") if path.is_file()] == []
    activity.close()


def test_what_is_kept_outlives_the_process_and_is_gone_where_it_closes():
    run(f"activity.keep(['a.tif', 'b.tif'])\n{DIES}")
    assert take_left("s3://bucket/out") == Left(suspected=frozenset({"a.tif", "b.tif"}), is_known=True)
    run("activity.keep(['a.tif'])\nactivity.close()")
    assert take_left("s3://bucket/out") == Left()


@pytest.mark.parametrize("scene_id", ["x" * 640, "dir/é%20.tif", "a b.tif", "reading x"])
def test_any_id_is_noted_whole(scene_id):
    run(f"with activity.reading({scene_id!r}): {DIES}")
    assert take_left("s3://bucket/out").reading == {scene_id}


def test_a_slot_is_used_again():
    activity = FileActivity("s3://bucket/out", "worker")
    for number in range(1000):
        with activity.reading(f"{number}.tif"):
            pass
    (path,) = Path(tempfile.gettempdir()).rglob("*/*/*")
    assert path.stat().st_size <= 2 * 1024
    activity.close()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff" * 3000, b'{"label": 5}'])
def test_a_damaged_note_is_of_a_process_that_is_gone_and_says_nothing(data):
    activity = FileActivity("s3://bucket/out", "worker")
    (note,) = Path(tempfile.gettempdir()).rglob("*/*/*")
    (note.parent / "damaged").write_bytes(data)
    assert take_left("s3://bucket/out").reading == frozenset()
    assert list(note.parent.iterdir()) == [note]
    activity.close()


def test_nothing_is_left_on_the_disk_by_those_who_end_by_themselves(folder):
    run("with activity.reading('a.tif'): pass")
    take_left("s3://bucket/out")
    assert list(folder.rglob("*/*")) == []


def test_where_there_can_be_no_file_nothing_is_noted_and_nothing_fails(folder):
    (folder / f"sgddiff-batch-{os.getuid()}").write_text("in the way")
    activity = FileActivity("s3://bucket/out", "worker")
    with activity.reading("a.tif"), activity.computing("a.tif"):
        activity.keep(["b.tif"])
    activity.close()
    assert take_left("s3://bucket/out") == Left()


def test_a_folder_of_somebody_else_is_not_used(folder):
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (folder / f"sgddiff-batch-{os.getuid()}").symlink_to(elsewhere)
    with FileActivity("s3://bucket/out", "worker").reading("a.tif"):
        assert list(elsewhere.iterdir()) == []


def test_it_may_be_used_by_many_threads():
    activity, errors = FileActivity("s3://bucket/out", "worker"), []

    def work(name):
        try:
            for _ in range(50):
                with activity.reading(name):
                    pass
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"{n}.tif",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    activity.close()
