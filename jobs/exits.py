"""How commands end: one list of exit codes, and the one place where an error becomes a line and a code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Sequence
from enum import IntEnum

from sgddiff_batch.core.words import on_one_line, printable
from sgddiff_batch.errors import ConfigError, LeaseHeldError, SgddiffBatchError

log = logging.getLogger(__name__)

Kinds = tuple[type[Exception], ...]

MISTAKES: Kinds = (FileNotFoundError, ValueError)
"""What besides ConfigError means that a command is wrong, unless its verb says otherwise."""


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


class MistakesError(ConfigError):
    """A list of mistakes, a line each, of which none is cut or joined with others."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


_GRAVITY = (Exit.FAILED, Exit.HELD, Exit.QUARANTINED, Exit.DONE)


def gravest(codes: Collection[Exit]) -> Exit:
    """Return the code of a verb whose parts have ended with these."""
    return next(code for code in _GRAVITY if code in codes)


def guarded(verb: str, work: Callable[[], Exit], mistakes: Kinds = MISTAKES) -> Exit:
    """Call what returns the exit code of a verb; an error that stops it is told, and becomes its code.

    mistakes: what besides ConfigError says that the command is wrong. In a job of hours they are none.
    """
    try:
        return work()
    except KeyboardInterrupt:
        print(f"sgddiff {verb}: interrupted; run the same command again to go on", file=sys.stderr)
        return Exit.INTERRUPTED
    except Exception as error:
        return tell(verb, error, code_of(error, mistakes), mistakes)


def guarded_apart(verb: str, name: str, work: Callable[[], Exit]) -> Exit:
    """Call what returns the exit code of one part of a verb; what stops it does not stop the others.

    Raises:
        ConfigError: which is a matter of them all.
        Exception: that nobody foresaw.
    """
    try:
        return work()
    except ConfigError:
        raise
    except SgddiffBatchError as error:
        return tell(f"{verb}: {name}", error, code_of(error, ()))


def code_of(error: Exception, mistakes: Kinds) -> Exit:
    """Return the exit code of a verb that an error stops."""
    if isinstance(error, LeaseHeldError):
        return Exit.HELD
    return Exit.WRONG if isinstance(error, (ConfigError, *mistakes)) else Exit.FAILED


def tell(verb: str, error: Exception, code: Exit, mistakes: Kinds = MISTAKES) -> Exit:
    """Print an error of a verb to standard error, as one printable line; return the exit code.

    One that nobody foresaw is told with its name, and by ``-v`` with the place where it stopped.
    """
    lines = error.lines if isinstance(error, MistakesError) else (on_one_line(error),)
    words = "\n".join(map(printable, lines)) or type(error).__name__
    if not isinstance(error, (SgddiffBatchError, OSError, *mistakes)):
        log.debug("where it stopped:", exc_info=error)
        words = f"{type(error).__name__}: {words}" if str(error) else words
    print(f"sgddiff {verb}: {words}", file=sys.stderr)
    return code
