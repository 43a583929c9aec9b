"""What GDAL says, overheard and put into words for the report."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import AbsentSceneError, RetryableError, SgddiffBatchError, UnreadableSceneError

GDAL_FAILURES = (RasterioError, CPLE_BaseError, UnicodeError, OSError)
"""What rasterio raises when a file is not what it seems, or its name is not Unicode.

Not ValueError and its like: they would blame a scene for a mistake in our own code.
"""

_LOGGERS = ("rasterio._err", "rasterio._env")
_LONGEST_WORDS = 300
# A context variable is a thread's own: threads that read at the same time do not hear each other.
_heard: ContextVar[list[str] | None] = ContextVar("gdal_words", default=None)

_DAMAGE = re.compile(r"JPEGLib:\s*(Premature end of JPEG file|Corrupt JPEG data.*)")
_NETWORK = re.compile(
    r"CURL error|HTTP error code\s*:\s*(0|429|5\d\d)\b"
    r"|HTTP response code( on http\S*)?:\s*(0|429|5\d\d)\b"
    r"|timed out|SlowDown|ServiceUnavailable|InternalError|RequestTimeout|Too ?Many ?Requests|request rate"
    r"|ExpiredToken|token has expired|InvalidToken|RequestTimeTooSkewed"
    r"|InvalidAccessKey|SignatureDoesNotMatch",
    re.IGNORECASE,
)
"""What is no fault of the scene: the store, the way to it, or credentials that ceased to be valid."""

_DENIED = re.compile(r"AccessDenied|Access ?Denied|: 40[13]\b", re.IGNORECASE)
_ABSENT = re.compile(
    r"NoSuchKey|NoSuchBucket|ObjectNotFound|: 404\b|No such file|does not exist in the file system",
    re.IGNORECASE,
)
_SECRETS = (
    (re.compile(r"(\w+://)[^/\s@]+@"), r"\1***@"),
    (re.compile(r"\?[^\s'\"]*(?:sig|token|credential|key|expires)[^\s'\"]*", re.IGNORECASE), "?***"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), "***"),
)


@contextmanager
def overhearing() -> Iterator[list[str]]:
    """Collect what GDAL logs in this thread; it is not passed on to other log handlers.

    GDAL decodes a JPEG that ends too early, fills it up with grey and only logs a warning, and of a failed
    download the exception alone does not tell the reason.
    """
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addFilter(_overhear)
        if not logger.isEnabledFor(logging.WARNING):
            logger.setLevel(logging.WARNING)
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def _overhear(record: logging.LogRecord) -> bool:
    heard = _heard.get()
    if heard is None:
        return True
    heard.append(record.getMessage())
    return False


def raise_on_damage(heard: Sequence[str], doing: str) -> None:
    """Refuse what GDAL only warned of: pixels that a damaged JPEG does not hold.

    Raises:
        UnreadableSceneError: if there is such a warning.
    """
    for words in heard:
        if found := _DAMAGE.search(words):
            raise UnreadableSceneError(f"{doing} failed: {found[1]}; the file is damaged")


def raise_on_silence(heard: Sequence[str], doing: str) -> None:
    """Refuse to take for absent what the storage only did not send: GDAL warns of that, and goes on.

    Raises:
        RetryableError: if there is such a warning.
    """
    for words in heard:
        if _NETWORK.search(words):
            raise unanswered(doing, without_secrets(words))


def translated(error: BaseException, heard: Sequence[str], doing: str, *, remote: bool) -> SgddiffBatchError:
    """Return the error to raise for a failure of rasterio or GDAL: retry, or quarantine the scene.

    doing: what was tried, as the beginning of a sentence ("reading rows 0 to 512"); remote: whether the
    scene is on object storage, where trying again can help.
    """
    own_words = _first_words(error)
    everything = "\n".join([*heard, *_chain(error)])
    if remote and _NETWORK.search(everything):
        return unanswered(doing, own_words)
    if remote and _DENIED.search(everything):
        return UnreadableSceneError(f"{doing} failed: access is denied (HTTP 403); check the credentials")
    if _ABSENT.search(everything):
        kind = "object (HTTP 404)" if remote else "file"
        return AbsentSceneError(f"{doing} failed: there is no such {kind}; was it removed since the listing?")
    return UnreadableSceneError(f"{doing} failed: {own_words}")


def unanswered(doing: str, words: str) -> RetryableError:
    """Return the error of a storage that failed; ``words`` are without secrets."""
    return RetryableError(f"{doing} failed: the storage did not answer properly or in time ({words})")


def translated_in_memory(error: BaseException, doing: str, name: str, path: str) -> SgddiffBatchError:
    """Return the error to raise for a failure at bytes that are all there: no store has a part in it.

    name: what GDAL calls them, of which the message makes ``path``, its name of the scene.
    """
    return UnreadableSceneError(f"{doing} failed: {_first_words(error, (name, path))}")


def without_secrets(words: str) -> str:
    """Return words without user names and keys in URLs, on one line of at most 300 characters."""
    for pattern, replacement in _SECRETS:
        words = pattern.sub(replacement, words)
    words = "".join(c if c.isprintable() else " " for c in on_one_line(words))
    return words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]} ..."


def _first_words(error: BaseException, renamed: tuple[str, str] | None = None) -> str:
    """Return the oldest message of a chain: GDAL's own, before others reported that something failed."""
    words = [words for words in _chain(error) if words][-1]
    return without_secrets(words.replace(*renamed) if renamed else words)


def _chain(error: BaseException) -> list[str]:
    words: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(words) < 20:
        words.append(str(getattr(seen, "errmsg", "") or seen) or type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    return words
