from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from jobs.checks.access import check_archive, check_credentials, check_output, judge_clock
from sgddiff_batch.config import load_config
from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.storage import Store, open_store
from tests.kit import jobs
from tests.kit.s3 import new_bucket


@pytest.fixture
def bucket(s3_server, monkeypatch):
    with new_bucket(s3_server, "doctor-bucket", monkeypatch) as filesystem:
        yield filesystem


def config_of(tmp_path, archive, output="out", more=""):
    path = tmp_path / "a.yaml"
    path.write_text(f"archive: {{uri: '{archive}'}}\noutput: {{uri: '{output}'}}\n{more}")
    return load_config(str(path))


def states(checks):
    return [(check.what, check.state) for check in checks]


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


SOUND = [("output", "ok"), ("clock", "ok")]


def test_a_local_output_that_is_not_there_yet_is_sound_and_is_not_there_afterwards(tmp_path):
    assert states(check_output(open_store(str(tmp_path / "new" / "deep" / "out")))) == SOUND
    assert everything(tmp_path) == []


def test_a_local_output_that_is_there_keeps_what_it_has_and_nothing_more(tmp_path):
    (tmp_path / "_ledger").mkdir()
    (tmp_path / "_ledger" / "a.json").write_text("{}")
    assert states(check_output(open_store(str(tmp_path)))) == SOUND
    assert everything(tmp_path) == ["_ledger", "_ledger/a.json"]


def test_a_bucket_is_sound_and_empty_afterwards(bucket):
    assert states(check_output(open_store("s3://doctor-bucket/out"))) == SOUND
    assert bucket.find("doctor-bucket") == []


def test_an_output_below_a_file_fails_and_the_file_stays(tmp_path):
    (tmp_path / "file").write_text("mine")
    [check] = check_output(open_store(str(tmp_path / "file" / "out")))
    assert (check.state, check.mend != "") == ("failed", True)
    assert (tmp_path / "file").read_text() == "mine"


def test_wrong_credentials_fail_and_are_not_shown(bucket, monkeypatch):
    # By another name of the server: fsspec keeps a client, with its credentials, for each endpoint.
    monkeypatch.setenv("AWS_ENDPOINT_URL", os.environ["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    [check] = check_output(open_store("s3://doctor-bucket/other"))
    assert check.state == "failed"
    assert "another-secret" not in f"{check.found} {check.mend}"
    assert "correct the keys" in check.mend


def test_a_bucket_that_is_not_there_is_to_be_made(bucket, tmp_path):
    ([check], _) = check_archive(config_of(tmp_path, "s3://no-such-doctor-bucket/scenes"))
    assert (check.state, "make the bucket" in check.mend) == ("failed", True)


def test_an_endpoint_that_does_not_answer_is_no_matter_of_rights(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    [check] = check_output(open_store("s3://doctor-bucket/out"))
    assert check.state == "failed"
    assert "AWS_ENDPOINT_URL" in check.mend


@dataclass(frozen=True, slots=True)
class Careless(Store):
    """Takes every write, as stores do that do not know conditions."""

    def create(self, key, data):
        self.write(key, data)
        return "new"

    def replace(self, key, data, version):
        return self.create(key, data)


@dataclass(frozen=True, slots=True)
class Keeping(Store):
    """Lets nobody remove anything."""

    def delete(self, key):
        raise RetryableError(f"{key}: removing is denied")


def like(kind, folder):
    store = open_store(str(folder))
    return kind(**{name: getattr(store, name) for name in store.__dataclass_fields__})


def test_a_store_that_minds_no_conditions_fails(tmp_path):
    checks = check_output(like(Careless, tmp_path / "out"))
    assert states(checks) == [("output", "failed"), ("clock", "ok")]
    assert "If-Match" in checks[0].mend
    assert everything(tmp_path) == []


def test_a_store_that_nothing_can_be_removed_from_fails(tmp_path):
    [check] = check_output(like(Keeping, tmp_path))
    assert check.state == "failed"
    assert "delete" in check.mend


@pytest.mark.parametrize(
    ("stored", "state"),
    [
        (100.0, "ok"),
        (99.2, "ok"),
        (102.0, "ok"),
        (80.0, "note"),
        (130.0, "note"),
        (-900, "failed"),
        (1e4, "failed"),
    ],
)
def test_a_clock_is_judged_by_how_far_it_is_from_the_store_s(stored, state):
    assert judge_clock(stored, 100.0, 100.5).state == state


def test_an_archive_is_listed_and_one_scene_of_it_read(tmp_path):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 40, 50, 1)
    checks, listing = check_archive(config_of(tmp_path, "scenes"))
    assert states(checks) == [("archive", "ok"), ("read", "ok")]
    assert "a.tif: 40 x 50 px of uint8" in checks[1].found
    assert len(listing.scenes) == 1
    assert everything(tmp_path) == ["a.yaml", "scenes", "scenes/a.tif"]


def test_an_archive_in_a_bucket_is_read_too(bucket, tmp_path):
    path = jobs.write_scene(tmp_path / "a.tif", 40, 50, 1)
    bucket.put(str(path), "doctor-bucket/scenes/a.tif")
    checks, _ = check_archive(config_of(tmp_path, "s3://doctor-bucket/scenes"))
    assert states(checks) == [("archive", "ok"), ("read", "ok")]


def test_a_damaged_scene_says_nothing_of_the_archive(tmp_path):
    jobs.write_scene(tmp_path / "scenes" / "b.tif", 400, 500, 1)
    (tmp_path / "scenes" / "a.tif").write_bytes(b"no raster")
    checks, _ = check_archive(config_of(tmp_path, "scenes"))
    assert states(checks) == [("archive", "ok"), ("read", "ok")]


def test_an_archive_of_damaged_scenes_is_a_note(tmp_path):
    (tmp_path / "scenes").mkdir()
    for name in "abcd":
        (tmp_path / "scenes" / f"{name}.tif").write_bytes(b"no raster")
    checks, _ = check_archive(config_of(tmp_path, "scenes"))
    assert states(checks) == [("archive", "ok"), ("read", "note")]


def test_an_archive_that_is_empty_is_a_note_and_one_that_is_not_there_fails(tmp_path):
    (tmp_path / "scenes").mkdir()
    assert states(check_archive(config_of(tmp_path, "scenes"))[0]) == [("archive", "note")]
    checks, listing = check_archive(config_of(tmp_path, "typo"))
    assert states(checks) == [("archive", "failed")]
    assert "correct the path" in checks[0].mend
    assert listing is None


def test_what_a_list_names_and_is_not_there_is_told(tmp_path):
    jobs.write_scene(tmp_path / "a.tif", 40, 50, 1)
    (tmp_path / "scenes.txt").write_text("a.tif\ngone.tif\n")
    checks, _ = check_archive(config_of(tmp_path, "scenes.txt"))
    assert states(checks) == [("archive", "ok"), ("read", "ok"), ("archive", "note")]
    assert "gone.tif" in checks[2].found


KEYS = {"AWS_ACCESS_KEY_ID": "AKIASHOWN", "AWS_SECRET_ACCESS_KEY": "hidden"}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "this machine or its role"),
        (KEYS, "AWS_ACCESS_KEY_ID of the environment"),
        (KEYS | {"AWS_SESSION_TOKEN": "hidden"}, "end with their session"),
        (KEYS | {"AWS_PROFILE": "nightly"}, "profile nightly"),
        (
            KEYS | {"AWS_ENDPOINT_URL": "https://user:hidden@store.example.com"},
            "endpoint https://store.example.com",
        ),
    ],
)
def test_credentials_are_named_and_never_shown(tmp_path, environment, words):
    [check] = check_credentials(config_of(tmp_path, "s3://bucket/scenes"), environment)
    assert words in check.found
    assert "hidden" not in check.found
    assert "AKIASHOWN" not in check.found


def test_local_folders_need_no_credentials(tmp_path):
    assert list(check_credentials(config_of(tmp_path, "scenes"), KEYS)) == []


@pytest.mark.parametrize(
    ("pattern", "state", "found"),
    [(r"_(\d{8})", "ok", "known of 2 of 2 scenes"), (r"_(\d{8})_", "note", "known of 0 of 2 scenes")],
)
def test_a_pattern_that_finds_no_time_is_told_with_a_name_in_which_it_finds_none(
    tmp_path, pattern, state, found
):
    for number, name in enumerate(("a_20260101.tif", "b_20260102.tif")):
        jobs.write_scene(tmp_path / "scenes" / name, 30, 40, number)
    checks, _ = check_archive(config_of(tmp_path, "scenes"))
    assert "times" not in [check.what for check in checks]
    config = load_config(str(tmp_path / "a.yaml"), [f"archive.time_pattern='{pattern}'"])
    (check,) = [check for check in check_archive(config)[0] if check.what == "times"]
    assert (check.state, check.found) == (state, found)
    assert ("'a_20260101.tif'" in check.mend) == (state == "note")
