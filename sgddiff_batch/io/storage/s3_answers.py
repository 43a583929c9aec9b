"""What went wrong with a request of obstore, as s3fs tells it: one cause has one error, whoever asked.

obstore gives status and body of a reply only in its message. Nothing else of the message goes on: it quotes
the URL, which may have a login.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import botocore.exceptions as boto
from s3fs.errors import translate_boto_error

_DEBUGGING = "\n\nDebug source:"
_STATUS = re.compile(r"status code: (\d{3}) ?([^:]*):?(.*)", re.DOTALL)
_CODE, _MESSAGE = (re.compile(f"<{name}>([^<]*)</{name}>") for name in ("Code", "Message"))
_TRANSPORT = re.compile(r"HttpError \{\s*kind: (\w+)")
_CERTIFICATE = re.compile(r"InvalidCertificate\(\s*(\w+)")
_BARE_REDIRECT = "Received redirect without LOCATION"
_ELSEWHERE = (
    "301",
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
)
_PASSING_STATUS = (500, 502, 503, 504)
_PASSING_CODES = ("RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete", "SlowDown")
"""What botocore asks again for, and only that."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that failed: what s3fs would raise, and whether it, or botocore, would ask again.

    ``is_elsewhere``: the reply is that of a bucket of another region, as far as it tells.
    """

    error: Exception
    may_pass: bool = False
    is_elsewhere: bool = False


def failure_of(error: Exception, operation: str, url: str) -> Failure | None:
    """Return what an error of obstore means, None where it says nothing of a reply or of the network.

    operation: S3's name of the request ("GetObject"); url: what was asked, for words about the network.
    """
    told, _, details = str(error).partition(_DEBUGGING)
    status = _STATUS.search(told)
    if status:
        return _refusal(int(status[1]), status[2].strip(), status[3], operation)
    if _BARE_REDIRECT in told:
        return _refusal(301, "Moved Permanently", "", operation)
    transport = _TRANSPORT.search(details)
    return Failure(_of_network(transport[1], details, url), may_pass=True) if transport else None


def _refusal(status: int, reason: str, body: str, operation: str) -> Failure:
    code, message = _CODE.search(body), _MESSAGE.search(body)
    told = {"Code": unescape(code[1]) if code else str(status)}
    told["Message"] = unescape(message[1]) if message else reason
    reply = {"Error": told, "ResponseMetadata": {"HTTPStatusCode": status}}
    return Failure(
        translate_boto_error(boto.ClientError(reply, operation)),
        may_pass=status in _PASSING_STATUS or told["Code"] in _PASSING_CODES or "Throttl" in told["Code"],
        # The reply to a HEAD has no body, and so no code.
        is_elsewhere=told["Code"] in _ELSEWHERE or (status == 400 and not code),
    )


def _of_network(kind: str, details: str, url: str) -> Any:  # noqa: ANN401 - botocore has no types
    certificate = _CERTIFICATE.search(details)
    if certificate:
        return boto.SSLError(endpoint_url=url, error=f"its certificate is not valid: {certificate[1]}")
    if kind == "Connect":
        late = "TimedOut" in details
        return (boto.ConnectTimeoutError if late else boto.EndpointConnectionError)(endpoint_url=url)
    if kind == "Timeout":
        return boto.ReadTimeoutError(endpoint_url=url)
    if "IncompleteBody" in details or "kind: Body" in details:
        return boto.ResponseStreamingError(error="it ended early")
    return boto.ConnectionClosedError(endpoint_url=url)
