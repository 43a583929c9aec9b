"""Conditional writes of local files: one of many wins, and nothing is left beside the object."""

import errno
import fcntl
from concurrent.futures import ThreadPoolExecutor

import pytest

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage.errors import RefusedError
from sgddiff_batch.io.storage.local_locks import put_local, read_local


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made" / "object"


def names(path):
    return sorted(file.name for file in path.parent.iterdir())


def test_a_file_and_its_folder_are_made_where_there_is_none(path):
    assert put_local(path, b"1", None) == bytes_digest(b"1")
    assert read_local(path).data == b"1"


def test_the_version_of_a_file_is_that_of_its_content(path):
    version = put_local(path, b"1", None)
    assert read_local(path).version == version
    path.write_bytes(b"by somebody else")
    assert read_local(path).version == bytes_digest(b"by somebody else")


def test_a_file_that_is_there_is_not_made(path):
    put_local(path, b"1", None)
    with pytest.raises(RefusedError):
        put_local(path, b"2", None)
    assert read_local(path).data == b"1"


def test_only_the_version_that_is_named_is_replaced(path):
    first = put_local(path, b"1", None)
    second = put_local(path, b"2", first)
    with pytest.raises(RefusedError):
        put_local(path, b"3", first)
    assert (read_local(path).data, read_local(path).version) == (b"2", second)


def test_a_file_that_is_gone_is_not_replaced(path):
    version = put_local(path, b"1", None)
    path.unlink()
    with pytest.raises(RefusedError):
        put_local(path, b"2", version)
    assert not path.exists()


def test_nothing_is_left_beside_the_object_whether_it_was_written_or_not(path):
    put_local(path, b"1", None)
    with pytest.raises(RefusedError):
        put_local(path, b"2", None)
    assert names(path) == ["object"]


def test_of_many_writers_one_wins(path):
    def put(number):
        try:
            put_local(path, b"%d" % number, None)
        except RefusedError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        (winner,) = [number for number in pool.map(put, range(16)) if number is not None]
    assert read_local(path).data == b"%d" % winner
    assert names(path) == ["object"]


def test_a_lock_that_a_killed_process_left_is_taken_like_any_other(path):
    path.parent.mkdir()
    (path.parent / "object.lock.partial").touch()
    put_local(path, b"1", None)
    assert names(path) == ["object"]


def test_a_long_name_has_a_lock_too(tmp_path):
    path = tmp_path / ("n" * 240)
    put_local(path, b"1", None)
    assert names(path) == [path.name]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_and_what_to_do(path, monkeypatch, number):
    def refuse(descriptor, operation):
        raise OSError(number, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ConfigError, match=r"has no locks .* mount it with locks, or write to another place"):
        put_local(path, b"1", None)
    assert not path.exists()


def test_another_failure_of_a_lock_is_not_taken_for_a_file_system_without_them(path, monkeypatch):
    def fail(descriptor, operation):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="Input/output error"):
        put_local(path, b"1", None)
    assert not path.exists()
