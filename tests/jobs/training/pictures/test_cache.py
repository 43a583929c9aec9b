"""Training data from object storage, against a real server, and the cache of a node."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from jobs.training import retries
from jobs.training.pictures.cache import FileCache, StoredFile
from jobs.training.pictures.data import DataSet, load_training_data
from models.data import DataError
from sgddiff_batch.core.retrying import RetryBudget
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.storage.s3 import S3Backend
from sgddiff_batch.io.storage.store import Store, open_store
from tests.kit.counting import counted_s3_requests
from tests.kit.data_sets import write_set
from tests.kit.faulty import StoreFault
from tests.kit.s3 import new_bucket
from tests.kit.scripted import scripted, scripted_uri

BUCKET = "training-bucket"


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """A new bucket, and an environment in which this process reaches it."""
    with new_bucket(s3_server, BUCKET, monkeypatch) as filesystem:
        yield filesystem


@pytest.fixture
def local(tmp_path):
    return write_set(tmp_path / "SET", range(8), ("Train/Image", "Train/gt"))


@pytest.fixture
def remote(bucket, local):
    """The same set in the bucket."""
    bucket.put(f"{local}/", f"{BUCKET}/data/SET/", recursive=True)
    return f"s3://{BUCKET}/data/SET"


@pytest.fixture
def told(local):
    """The same set on this disk, in storage that does as a script says."""
    return scripted_uri(local)


@pytest.fixture
def impatient(monkeypatch):
    """Retry without pauses."""
    monkeypatch.setattr(retries, "BUDGET", RetryBudget(attempts=3, first_s=0.0))


def load(uri, cache, held_out=2):
    return load_training_data([DataSet(uri)], held_out, 0, cache)


def same(first, second):
    return all(
        one.name == other.name
        and np.array_equal(one.pixels, other.pixels)
        and np.array_equal(one.mask, other.mask)
        for one, other in zip(first, second, strict=True)
    )


def test_a_set_on_s3_is_the_set_on_disk_and_a_second_start_fetches_nothing(remote, local, tmp_path):
    wanted = load(str(local), tmp_path / "unused")
    assert not (tmp_path / "unused").exists()
    with counted_s3_requests() as requests:
        first = load(remote, tmp_path / "cache")
    assert fetched(requests) == 16
    with counted_s3_requests() as requests:
        again = load(f"{remote}/", tmp_path / "cache")
    assert fetched(requests) == 0
    for found in (first, again):
        assert same(found.sets[0], wanted.sets[0])
        assert same(found.validation, wanted.validation)
        assert found.facts["sets"][0]["uri"] == remote


def fetched(requests):
    return sum(count for (kind, _), count in requests.by_kind.items() if kind == "GetObject")


def test_a_changed_object_is_fetched_again_and_no_other(told, local, tmp_path):
    with scripted() as script:
        before = load(told, tmp_path / "cache", held_out=0).sets[0]
    assert len(script.keys("read", "*")) == 16
    other = local / "Train/Image/0003.png"
    other.write_bytes((local / "Train/Image/0005.png").read_bytes())
    with scripted() as script:
        after = load(told, tmp_path / "cache", held_out=0).sets[0]
    assert script.keys("read", "*") == [str(other)[1:]]
    assert not same(before[3:4], after[3:4])
    assert np.array_equal(after[3].pixels, after[5].pixels)


def test_two_workers_may_fetch_into_one_cache_at_once(remote, tmp_path):
    store = open_store(remote)
    files = [
        StoredFile(store, f"Train/Image/{name}", version)
        for name, version in store.entries("Train/Image").items()
    ]
    cache = FileCache(tmp_path / "cache")
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(cache.local_path, files * 4))
    assert len(set(paths)) == len(files) == 8
    for file, path in zip(files, paths, strict=False):
        assert path.read_bytes() == store.read(file.key)
    assert sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file()) == sorted(set(paths))


def test_the_mistakes_of_a_remote_set_name_its_objects_and_not_the_cache(remote, bucket, tmp_path):
    images = f"{BUCKET}/data/SET/Train/Image"
    cut = bucket.cat_file(f"{images}/0001.png")[:300]
    bucket.pipe_file(f"{images}/0001.png", cut)
    bucket.pipe_file(f"{images}/line\nbreak.png", cut)
    bucket.pipe_file(f"{images}/0002.jpg", cut)
    with pytest.raises(DataError) as caught:
        load(remote, tmp_path / "cache")
    lines = caught.value.mistakes
    assert len(lines) == 4
    for line, words in zip(
        lines, ("0002.png: has the stem", "line\\nbreak.png: no label", "0001", "0002"), strict=True
    ):
        assert f"s3://{images}/" in line
        assert words in line
        assert str(tmp_path) not in line
        assert "\n" not in line


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(told, tmp_path):
    with scripted():
        wanted = load(told, tmp_path / "cache")
        damaged = next(path for path in (tmp_path / "cache").rglob("*") if path.is_file())
        damaged.write_bytes(b"")
        with pytest.raises(DataError, match="1 mistake in"):
            load(told, tmp_path / "cache")
    with scripted() as script:
        assert same(load(told, tmp_path / "cache").sets[0], wanted.sets[0])
    assert len(script.keys("read", "*")) == 1


def test_a_bucket_that_is_not_there_and_an_empty_prefix_are_a_line_each(bucket, tmp_path):
    sets = [DataSet("s3://no-such-bucket/x"), DataSet(f"s3://{BUCKET}/nothing")]
    with pytest.raises(DataError) as caught:
        load_training_data(sets, 0, 0, tmp_path / "cache")
    first, second = caught.value.mistakes
    assert "s3://no-such-bucket/x: cannot be listed: The specified bucket does not exist; check" in first
    assert f"s3://{BUCKET}/nothing: no such folder" in second


def test_wrong_credentials_are_one_line_without_them(remote, tmp_path, monkeypatch, s3_server):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    code = (
        "import sys; from pathlib import Path; from jobs.training.pictures.data import *\n"
        "load_training_data([DataSet(sys.argv[1])], 0, 0, Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, remote, str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[4])
    assert done.returncode == 1
    tail = done.stderr[done.stderr.index("models.data.DataError: ") :].splitlines()
    assert len(tail) == 2
    assert f"{remote}: cannot be listed: The request signature" in tail[1]
    assert "not-the-secret" not in done.stderr


def test_objects_that_may_be_listed_and_not_read_are_one_line(told, tmp_path):
    denied = StoreFault("read", "*", None, ConfigError("Access Denied."))
    with scripted(denied), pytest.raises(DataError) as caught:
        load(told, tmp_path / "cache")
    (line,) = caught.value.mistakes
    assert "Access Denied. (and so for 7 more of this set's files)" in line


def test_an_object_that_vanishes_after_the_listing_is_a_mistake_with_its_name(told, tmp_path):
    vanish = StoreFault("read", "*", None, FileNotFoundError())
    with scripted(vanish), pytest.raises(DataError, match="16 mistakes") as caught:
        load(told, tmp_path / "cache")
    assert caught.value.mistakes[0] == f"{told}/Train/Image/0000.png: was listed, and is gone"


def test_a_store_that_fails_for_a_while_is_asked_again(told, local, tmp_path, impatient):
    files = list(local.rglob("*.png"))
    with scripted(*(StoreFault("read", str(path)[1:]) for path in files)) as script:
        assert len(load(told, tmp_path / "cache", held_out=0).sets[0]) == 8
    assert len(script.failed) == len(files) == 16


def test_a_store_that_goes_on_failing_is_no_mistake_in_the_data(told, tmp_path, impatient):
    slow = StoreFault("read", "*", None, RetryableError("slow down"))
    with scripted(slow) as script, pytest.raises(RetryableError, match="slow down"):
        load(told, tmp_path / "cache")
    assert set(script.failed.values()) == {3}


class Everything(Store):
    """Has an object of every name."""

    def read(self, key):
        return b"x"


@pytest.mark.parametrize(
    "key", ["../../x.png", "/etc/x.png", "a\nb.png", "é" * 500, "a/../../../x.png", "\udcff"]
)
def test_no_remote_name_leads_out_of_the_cache(tmp_path, key):
    cache = tmp_path / "deep" / "cache"
    file = StoredFile(Everything("bucket/data", S3Backend(None)), key, "v1")
    path = FileCache(cache).local_path(file)
    assert path.read_bytes() == b"x"
    assert cache in path.resolve().parents
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]
    assert "\n" not in file.uri


def test_a_cache_that_cannot_be_written_is_one_line(remote, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError) as caught:
        load(remote, tmp_path / "file")
    (line,) = caught.value.mistakes
    assert str(tmp_path / "file") in line
