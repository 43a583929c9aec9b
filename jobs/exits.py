"""How commands end: one list of exit codes, and the one place where an error becomes a line and a code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection
from enum import IntEnum

from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError, LeaseHeldError, SgddiffBatchError

log = logging.getLogger(__name__)


class Exit(IntEnum):
    """The exit codes of all verbs."""

    DONE = 0
    FAILED = 1
    """Anything else; run the same command again and it goes on where it stopped."""
    WRONG = 2
    """The config or the command is wrong; the message names the key or the flag."""
    QUARANTINED = 3
    """Done, and something is newly in quarantine or left out."""
    HELD = 4
    """Another run is at work there; nothing was done."""
    DAMAGED = 5
    """Stored objects are damaged."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C; run the same command again and it goes on where it stopped."""


_GRAVITY = (Exit.FAILED, Exit.HELD, Exit.QUARANTINED, Exit.DONE)


def gravest(codes: Collection[Exit]) -> Exit:
    """Return the code of a verb whose parts have ended with these."""
    return next(code for code in _GRAVITY if code in codes)


def guarded(verb: str, work: Callable[[], Exit]) -> Exit:
    """Call what returns the exit code of a verb; an error that stops it is one line on stderr, and its code.

    A verb whose errors mean something else to its users catches them itself.
    """
    try:
        return work()
    except LeaseHeldError as error:
        return tell(verb, error, Exit.HELD)
    except (ConfigError, FileNotFoundError, ValueError) as error:
        return tell(verb, error, Exit.WRONG)
    except (SgddiffBatchError, OSError) as error:
        return tell(verb, error, Exit.FAILED)
    except KeyboardInterrupt:
        print(f"{verb}: interrupted; run the same command again to go on", file=sys.stderr)
        return Exit.INTERRUPTED
    except Exception as error:
        log.debug("where it stopped:", exc_info=True)
        return tell(verb, error, Exit.FAILED)


def logged(work: Callable[[], Exit]) -> Exit:
    """Call what returns the exit code of a nightly verb; an error that stops it is in its log, with a time.

    A run that something unforeseen stops has failed: the same command goes on with it.
    """
    try:
        return work()
    except LeaseHeldError as error:
        return _log(str(error), Exit.HELD)
    except ConfigError as error:
        return _log(str(error), Exit.WRONG)
    except SgddiffBatchError as error:
        return _log(f"the run stopped: {error}", Exit.FAILED)
    except KeyboardInterrupt:
        return _log("interrupted; run the same command again to go on", Exit.INTERRUPTED)
    except Exception as error:
        log.debug("where it stopped:", exc_info=True)
        return _log(f"the run stopped: {type(error).__name__}: {' '.join(str(error).split())}", Exit.FAILED)


def logged_apart(name: str, work: Callable[[], Exit]) -> Exit:
    """Call what returns the exit code of one part of a nightly verb; what stops it does not stop the others.

    Raises:
        ConfigError: which is a matter of them all.
    """
    try:
        return work()
    except LeaseHeldError as error:
        return _log(f"{name}: {error}", Exit.HELD)
    except ConfigError:
        raise
    except SgddiffBatchError as error:
        return _log(f"{name}: the run stopped: {error}", Exit.FAILED)


def _log(words: str, code: Exit) -> Exit:
    log.error("%s", words)
    return code


def tell(verb: str, error: BaseException, code: Exit) -> Exit:
    """Print an error as one printable line of a verb to standard error; return the exit code."""
    words = printable(" ".join(str(error).split())) or type(error).__name__
    print(f"{verb}: {words}", file=sys.stderr)
    return code
