"""What mends a place that cannot be read or written, by what it answered."""

from __future__ import annotations

import pytest

from jobs.checks.mends import RIGHTS, mend_of, words_of
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.storage import NoBucketError


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (
            RetryableError('b/o: Could not connect to the endpoint URL: "http://h/b"'),
            "the endpoint: AWS_ENDPOINT_URL",
        ),
        (RetryableError('Connect timeout on endpoint URL: "http://h/b"'), "the endpoint: AWS_ENDPOINT_URL"),
        (RetryableError("SSL validation failed for https://h"), "certificate"),
        (
            ConfigError("b/o: The AWS Access Key Id you provided does not exist in our records."),
            "correct the keys",
        ),
        (
            ConfigError("The request signature we calculated does not match the one you sent"),
            "correct the keys",
        ),
        (ConfigError("The provided token has expired."), "correct the keys"),
        (ConfigError("b/o: The config profile (nope) could not be found"), "give keys"),
        (ConfigError("Unable to locate credentials"), "give keys"),
        (ConfigError("The difference between the request time and the current time is too large"), "clock"),
        (ConfigError("b/o: The specified bucket does not exist"), "make the bucket"),
        (NoBucketError("s3://b", "it is not"), "make the bucket"),
        (ConfigError("archive.uri: there is nothing at '/typo'"), "correct the path"),
        (OSError(28, "No space left on device"), "make room"),
        (ConfigError("b/o: Access Denied"), RIGHTS),
        (ConfigError("who knows"), RIGHTS),
    ],
)
def test_each_cause_has_its_mend(error, mend):
    assert mend in mend_of(error)


def test_the_words_of_an_error_are_one_line_without_secrets():
    assert words_of(OSError("a\n https://u:p@h/?key=1 b")) == "a https://h/ b"
    assert words_of(KeyboardInterrupt()) == "KeyboardInterrupt"
