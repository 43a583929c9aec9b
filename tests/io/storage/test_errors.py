"""Errors of storage: whatever a client raises is one of ours, by what the caller can do about it."""

import pickle

import pytest

from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.storage.errors import (
    BucketError,
    ClosedBucketError,
    NoBucketError,
    translating,
    words_of,
)


class DeniedByClientError(Exception):
    pass


class FailedClientError(Exception):
    pass


def translate(error):
    with translating("folder/a", (DeniedByClientError,), (FailedClientError,)):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied"),
        NotADirectoryError(20, "Not a directory"),
        IsADirectoryError(21, "Is a directory"),
        FileExistsError(17, "File exists"),
        DeniedByClientError("no"),
    ],
)
def test_what_trying_again_does_not_help_is_a_mistake_of_the_config(error):
    with pytest.raises(ConfigError, match=r"^folder/a: ") as told:
        translate(error)
    assert told.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), TimeoutError(), FailedClientError("503")]
)
def test_whatever_else_fails_may_be_tried_again(error):
    with pytest.raises(RetryableError, match=r"^folder/a: ") as told:
        translate(error)
    assert told.value.__cause__ is error


@pytest.mark.parametrize("error", [FileNotFoundError(2, "gone"), ValueError("ours"), ConfigError("ours")])
def test_an_answer_and_what_is_no_failure_of_storage_pass(error):
    with pytest.raises(type(error)) as told:
        translate(error)
    assert told.value is error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device", "/a/secret name"), "No space left on device"),
        (RuntimeError("two\n  lines"), "two lines"),
        (
            RuntimeError("at http://user:password@host/x and s3://key@b"),
            "at http://***@host/x and s3://***@b",
        ),
        (RuntimeError("mail to a@b of http://host/a@b"), "mail to a@b of http://host/a@b"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_an_error_is_told_on_one_line_and_without_logins(error, words):
    assert words_of(error) == words


@pytest.mark.parametrize("kind", [BucketError, NoBucketError, ClosedBucketError])
def test_an_error_of_a_bucket_says_who_asked_for_what_and_comes_whole_out_of_another_process(kind):
    error = kind("s3://b/x", "there is no such bucket", "archive.uri: ")
    assert (error.uri, error.reason) == ("s3://b/x", "there is no such bucket")
    assert str(error) == "archive.uri: s3://b/x cannot be listed: there is no such bucket"
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (kind, str(error))
