"""Mends: what to do about a place that cannot be read or written, by what it answered."""

from __future__ import annotations

import re

from sgddiff_batch.core.words import on_one_line, printable, redact_uri
from sgddiff_batch.io.storage import NoBucketError

RIGHTS = "the URI and the credentials; rights: list and get on the archive; list, get, put, delete on output"
_BUCKET = "make the bucket, or correct its name in the URI"
_CAUSES = (
    (
        r"could not connect|connect timeout|read timeout|timed out|connection (was )?closed|refused",
        "the endpoint: AWS_ENDPOINT_URL and the port in it, the network, a proxy or firewall between",
    ),
    (
        r"certificate|SSL validation",
        "the endpoint's certificate: AWS_CA_BUNDLE, or the host in AWS_ENDPOINT_URL",
    ),
    (r"TimeTooSkewed|time too skewed|difference between the request time", "set this machine's clock"),
    (
        r"unable to locate credentials|config profile|partial credentials",
        "give keys: AWS_PROFILE with a profile that is there, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (  # the words of AWS and the codes of others
        r"access ?key ?id|signature|token .*(expired|invalid)|(Expired|Invalid)Token",
        "correct the keys: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN if they have one",
    ),
    (r"bucket (does not|doesn't) exist|no such bucket|NoSuchBucket|no bucket can be called", _BUCKET),
    (r"there is nothing at|no such file", "correct the path; a relative one counts from the config's folder"),
    (r"no space left", "make room, or take another output.uri"),
)
"""What is looked for in an answer, and what mends it. What is in none of them may be anything."""


def mend_of(error: BaseException) -> str:
    """Return what mends it that a place cannot be read or written."""
    if isinstance(error, NoBucketError):
        return _BUCKET
    words = str(error)
    return next((mend for said, mend in _CAUSES if re.search(said, words, re.IGNORECASE)), RIGHTS)


def words_of(error: BaseException) -> str:
    """Return what an error says, on one line and without secrets."""
    return redact_uri(printable(on_one_line(error))) or type(error).__name__
