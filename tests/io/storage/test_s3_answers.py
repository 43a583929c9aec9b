"""What a request of obstore failed by is told as s3fs tells it, and nothing of where it was sent."""

import botocore.exceptions as boto
import pytest
from obstore.exceptions import GenericError

from sgddiff_batch.io.storage.s3_answers import failure_of
from sgddiff_batch.io.storage.s3_client import code_of

URL = "http://host:1/bk/a"


def failed(said, details=""):
    text = f"Generic S3 error: Error performing GET http://user:word@host:1/bk/a in 43ms - {said}"
    return failure_of(GenericError(f"{text}\n\nDebug source:\n{details}"), "GetObject", URL)


def refused(status, body=""):
    return failed(f"Server returned non-2xx status code: {status}: {body}")


def xml(code, message="words"):
    return f"<?xml version='1.0'?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "words"),
    [
        ("403 Forbidden", xml("AccessDenied", "a &amp; b"), PermissionError, "AccessDenied", "a & b"),
        ("404 Not Found", xml("NoSuchBucket"), FileNotFoundError, "NoSuchBucket", "words"),
        ("403 Forbidden", "", PermissionError, "403", "Forbidden"),
        ("404 Not Found", "", FileNotFoundError, "404", "Not Found"),
        ("400 Bad Request", xml("ExpiredToken"), PermissionError, "ExpiredToken", "words"),
        ("502 Bad Gateway", "<html>at: 10.0.0.1</html>", OSError, "502", "Bad Gateway"),
        ("418 I'm a teapot", xml("Unheard"), OSError, "Unheard", "words"),
    ],
)
def test_a_reply_is_told_by_its_code_and_its_words(status, body, kind, code, words):
    error = refused(status, body).error
    assert isinstance(error, kind)
    assert code_of(error) == code
    assert words in str(error)
    assert "word@" not in str(error)


@pytest.mark.parametrize(
    ("status", "body", "may_pass"),
    [
        ("500 x", xml("InternalError"), True),
        ("503 x", xml("SlowDown"), True),
        ("504 x", "", True),
        ("400 x", xml("RequestTimeout"), True),
        ("429 x", xml("ThrottlingException"), True),
        ("429 x", xml("TooManyRequests"), False),
        ("409 x", xml("OperationAborted"), False),
        ("403 x", xml("ExpiredToken"), False),
        ("404 x", "", False),
    ],
)
def test_what_botocore_asks_again_for_may_pass(status, body, may_pass):
    assert refused(status, body).may_pass is may_pass


@pytest.mark.parametrize(
    ("failure", "is_elsewhere"),
    [
        (refused("301 Moved", xml("PermanentRedirect")), True),
        (refused("400 Bad Request", xml("AuthorizationHeaderMalformed")), True),
        (refused("400 Bad Request", ""), True),
        (failed("Received redirect without LOCATION, this normally indicates"), True),
        (refused("400 Bad Request", xml("InvalidArgument")), False),
        (refused("403 Forbidden", ""), False),
    ],
)
def test_a_bucket_of_another_region_is_known(failure, is_elsewhere):
    assert failure.is_elsewhere is is_elsewhere


def http(kind, *words):
    return f"source: HttpError {{\n    kind: {kind},\n    source: {' '.join(words)}"


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        (http("Connect", "Os { kind: ConnectionRefused }"), boto.EndpointConnectionError),
        (http("Connect", "TimedOut"), boto.ConnectTimeoutError),
        (http("Connect", "Custom { InvalidCertificate(UnknownIssuer) }"), boto.SSLError),
        (http("Timeout", "TimedOut"), boto.ReadTimeoutError),
        (http("Interrupted", "kind: Body, IncompleteBody"), boto.ResponseStreamingError),
        (http("Interrupted", "Os { kind: ConnectionReset }"), boto.ConnectionClosedError),
    ],
)
def test_the_network_is_told_by_what_botocore_raises(details, kind):
    failure = failed("HTTP error: error sending request", details)
    assert type(failure.error) is kind
    assert failure.may_pass
    assert "word@" not in str(failure.error)


def test_what_says_nothing_is_no_failure_that_can_be_told():
    assert failed("Content-Length Header missing from response") is None
