"""What GDAL says becomes one of our errors: the scene is blamed only for what is its own fault."""

from __future__ import annotations

import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.errors import RasterioIOError

from sgddiff_batch.errors import AbsentSceneError, RetryableError, UnreadableSceneError
from sgddiff_batch.io.scenes.gdal_errors import (
    GDAL_FAILURES,
    overhearing,
    raise_on_damage,
    raise_on_silence,
    translated,
    without_secrets,
)

GDAL_LOG = logging.getLogger("rasterio._env")
NETWORK_WORDS = [
    "CURL error: Could not resolve host",
    "HTTP error code : 503",
    "HTTP response code on http://host/a.tif: 429",
    "HTTP response code: 0",
    "Operation timed out",
    "SlowDown: Please reduce your request rate",
    "The provided token has expired",
    "InvalidAccessKeyId",
]


def translation(words: str, heard: tuple[str, ...] = (), *, remote: bool = True) -> Exception:
    return translated(RasterioIOError(words), heard, "opening it", remote=remote)


@pytest.mark.parametrize("words", NETWORK_WORDS)
def test_trouble_on_the_way_to_a_store_is_to_be_tried_again(words):
    error = translation(words)
    assert type(error) is RetryableError
    assert str(error).startswith("opening it failed: the storage did not answer properly or in time")
    assert type(translation("it failed", (words,))) is RetryableError


@pytest.mark.parametrize("words", NETWORK_WORDS)
def test_a_local_scene_has_no_network_to_blame(words):
    assert type(translation(words, remote=False)) is UnreadableSceneError


@pytest.mark.parametrize("words", ["AccessDenied", "Access Denied", "HTTP response code: 403", "code: 401"])
def test_denied_access_names_credentials(words):
    error = translation(words)
    assert type(error) is UnreadableSceneError
    assert "access is denied (HTTP 403); check the credentials" in str(error)


@pytest.mark.parametrize(
    ("words", "remote", "kind"),
    [
        ("NoSuchKey", True, "object (HTTP 404)"),
        ("HTTP response code: 404", True, "object (HTTP 404)"),
        ("/a/b.tif: No such file or directory", False, "file"),
        ("'/a/b.tif' does not exist in the file system", False, "file"),
    ],
)
def test_what_is_not_there_is_absent(words, remote, kind):
    error = translation(words, remote=remote)
    assert type(error) is AbsentSceneError
    assert f"there is no such {kind}; was it removed since the listing?" in str(error)


def test_a_code_that_only_resembles_one_of_the_network_is_none():
    assert type(translation("HTTP error code: 50")) is UnreadableSceneError
    assert type(translation("tile 5030 is corrupt: 4040")) is UnreadableSceneError


def test_of_a_chain_the_oldest_words_are_told():
    def fail():
        try:
            raise ValueError("TIFFReadEncodedTile: bad code word")
        except ValueError as error:
            raise RasterioIOError("Read failed. See previous exception for details.") from error

    with pytest.raises(RasterioIOError) as seen:
        fail()
    told = translated(seen.value, (), "reading rows 0 to 8", remote=False)
    assert str(told) == "reading rows 0 to 8 failed: TIFFReadEncodedTile: bad code word"


def test_an_error_without_words_is_told_by_its_type():
    assert str(translation("", remote=False)) == "opening it failed: RasterioIOError"


def test_errors_that_are_each_other_s_context_come_to_an_end():
    one, other = RasterioIOError("one"), RasterioIOError("other")
    one.__cause__, other.__cause__ = other, one
    assert type(translated(one, (), "opening it", remote=False)) is UnreadableSceneError


def test_mistakes_of_our_own_code_are_no_failures_of_gdal():
    assert not issubclass(ValueError, GDAL_FAILURES)
    assert not issubclass(TypeError, GDAL_FAILURES)
    assert issubclass(RasterioIOError, GDAL_FAILURES)


@pytest.mark.parametrize(
    "words", ["JPEGLib:Premature end of JPEG file", "JPEGLib: Corrupt JPEG data: 17 extraneous bytes"]
)
def test_a_warning_of_a_damaged_jpeg_is_damage(words):
    with pytest.raises(UnreadableSceneError, match=r"reading it failed: .*; the file is damaged"):
        raise_on_damage(["a harmless warning", words], "reading it")
    raise_on_damage(["a harmless warning"], "reading it")


def test_a_warning_of_a_store_that_was_silent_is_to_be_tried_again():
    with pytest.raises(RetryableError, match=r"looking failed: .*HTTP error code : 503"):
        raise_on_silence(["a harmless warning", "HTTP error code : 503"], "looking")
    raise_on_silence(["HTTP response code: 404"], "looking")


class Handler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(record.getMessage())


@pytest.fixture
def handler():
    handler = Handler()
    GDAL_LOG.addHandler(handler)
    yield handler
    GDAL_LOG.removeHandler(handler)


def test_what_gdal_logs_is_overheard_and_not_passed_on(handler):
    with overhearing() as heard:
        GDAL_LOG.warning("tile %d is grey", 3)
    GDAL_LOG.warning("later")
    assert heard == ["tile 3 is grey"]
    assert handler.words == ["later"]


def test_within_each_other_the_inner_one_hears(handler):
    with overhearing() as outer:
        with overhearing() as inner:
            GDAL_LOG.warning("in")
        GDAL_LOG.warning("out")
    assert (inner, outer, handler.words) == (["in"], ["out"], [])


def test_another_thread_is_not_overheard(handler):
    with overhearing() as heard:
        thread = threading.Thread(target=GDAL_LOG.warning, args=("of the other",))
        thread.start()
        thread.join()
    assert heard == []
    assert handler.words == ["of the other"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("s3://user:secret@host/a.tif", "s3://***@host/a.tif"),
        ("http://host/a.tif?X-Amz-Signature=abc failed", "http://host/a.tif?*** failed"),
        ("http://host/a.tif?sv=1&sig=abc%3D", "http://host/a.tif?***"),
        ("the key AKIAABCDEFGHIJKLMNOP is none", "the key *** is none"),
        ("a?b is no secret", "a?b is no secret"),
    ],
)
def test_secrets_are_taken_out_and_nothing_else(words, told):
    assert without_secrets(words) == told


@given(st.text(max_size=900))
def test_any_words_become_one_printable_line_that_is_not_long(words):
    told = without_secrets(words)
    assert told.isprintable()
    assert len(told) <= 304


def test_secrets_do_not_reach_a_message():
    key = "AKIAABCDEFGHIJKLMNOP"
    words = f"GET https://me:pw@host/k?X-Amz-Signature=abc&X-Amz-Credential={key} failed\nfor {key}"
    shown = without_secrets(words)
    for secret in ("pw", "abc", "AKIA", "\n"):
        assert secret not in shown
    assert shown.startswith("GET https://***@host/k?***")
