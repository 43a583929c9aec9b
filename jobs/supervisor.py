"""Supervisor: has a command's work done by another process, and begins it again where that one is killed.

What decodes scenes may crash, and the kernel kills what takes too much memory. So the work is done by a fork;
this process, which has loaded nothing heavy yet, waits for it, forwards signals, and forks once more. It
knows nothing of scenes: what a process was reading it left in its notes, what else the next one is to know
it left in the :class:`Journal`.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

from jobs.exits import Exit
from sgddiff_batch.errors import FatalError

if TYPE_CHECKING:
    from sgddiff_batch.config import ArchiveJobConfig

MOST_IN_VAIN = 3
"""So many processes in a row may die of which none got anything done."""

_CRASHES = frozenset(getattr(signal, f"SIG{name}") for name in ("KILL", "SEGV", "BUS", "ABRT", "ILL", "FPE"))
"""What ends a process that nobody asked to end. SIGKILL is the kernel's where memory is short."""
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SAME_CTRL_C_S = 1.0
"""A Ctrl-C at a terminal reaches all its processes, and the worker once more by its supervisor."""
_SET_PARENT_DEATH_SIGNAL = 1
_END = "the end"

log = logging.getLogger(__name__)

_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class Journal:
    """What outlives the processes of a command: in memory, and gone with the command.

    ``deaths`` are those of the processes before this one: the name of the ``signal`` of each, and when
    (``at``).
    """

    def __init__(self) -> None:
        self.deaths: list[dict[str, str]] = []
        self._facts, self._steps = (os.memfd_create(f"sgddiff-{name}") for name in ("facts", "steps"))

    @property
    def steps(self) -> int:
        """How much was done so far."""
        return os.fstat(self._steps).st_size

    def progressed(self) -> None:
        """Note that something was done for good."""
        os.write(self._steps, b".")

    def keep(self, key: str, facts: dict[str, Any]) -> None:
        """Keep facts for the process that takes this one's place, instead of what was kept by this key."""
        # The line begins with its end, lest one that a kill cut off takes it along.
        os.write(self._facts, b"\n" + json.dumps({key: facts}).encode())

    def kept(self, key: str) -> dict[str, Any] | None:
        """Return what was kept by a key, by this process or one before it."""
        found: dict[str, Any] | None = None
        for line in os.pread(self._facts, os.fstat(self._facts).st_size, 0).splitlines():
            try:
                found = json.loads(line).get(key, found)
            except ValueError:
                continue
        return found

    def end(self, code: int) -> None:
        """Note with which code the command has ended, all printed: no death after that has it begin again."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        self.keep(_END, {"code": code})

    @property
    def code(self) -> int | None:
        """That which was noted by :meth:`end`."""
        end = self.kept(_END)
        return None if end is None else int(end["code"])


def supervised(options: argparse.Namespace, config: ArchiveJobConfig) -> Journal | None:
    """Return, in the process that is to do the work, its journal; None where nobody watches it.

    ``options.journal`` is it, too, for the end of the command.

    Only the process of a command is watched, and not a call of ``main``: that one's process is somebody
    else's, and may have threads. On a cluster it is the workers that may die.
    """
    is_watched = options.is_process and config.engine.kind == "local" and sys.platform == "linux"
    journal = supervise() if is_watched else None
    options.journal = journal
    return journal


def supervise() -> Journal:
    """Fork, and return in the fork only. This process ends as that one does, by SystemExit or a signal.

    Raises:
        FatalError: if one process after the other dies, and nothing gets done.
    """
    journal, family = Journal(), _Family()
    in_vain = 0
    while True:
        steps = journal.steps
        if family.fork() == 0:
            return journal
        code = family.wait()
        if code < 0 and journal.code is not None:
            log.warning("its process died (signal %d) when all was done", -code)
            code = journal.code
        if code >= 0:
            raise SystemExit(code)
        died_of = -code  # a number: not each signal has a name
        if family.asked or died_of not in _CRASHES:
            _end_by(family.asked or died_of)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        name = signal.Signals(died_of).name
        journal.deaths.append({"signal": name, "at": now})
        in_vain = 0 if journal.steps > steps else in_vain + 1
        if in_vain >= MOST_IN_VAIN:
            names = ", ".join(death["signal"] for death in journal.deaths[-in_vain:])
            raise FatalError(
                f"its process died {in_vain} times in a row ({names}), with no scene to blame and nothing "
                "done in between: out of memory, or a crash in a library; lower tiling.task_memory_gib or "
                "engine.workers, or give it more memory"
            )
        log.warning("the process of this run died (%s) and is begun again", name)


def told_once(journal: Journal | None, name: str, facts: dict[str, Any], work: Callable[[], Exit]) -> Exit:
    """Do a part of a verb, unless a process did that died of another one; return the exit code of the part.

    facts: what the part tells, which its work fills.
    """
    kept = None if journal is None else journal.kept(f"told: {name}")
    if kept is not None:
        facts |= kept["facts"]
        return Exit(kept["code"])
    code = work()
    if journal is not None:
        journal.keep(f"told: {name}", {"facts": facts, "code": int(code)})
    return code


class _Family:
    """This process and the fork that does the work. ``asked``: the signal by which somebody wants the end."""

    def __init__(self) -> None:
        self.asked: signal.Signals | None = None
        self._child = 0
        # What is ignored (nohup, a shell's background job) stays so, and what is not Python's.
        not_ours = (signal.SIG_IGN, None)
        heard = [number for number in _FORWARDED if signal.getsignal(number) not in not_ours]
        self._before: dict[signal.Signals, _Handler] = {
            number: signal.signal(number, self._forward) for number in heard
        }
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        # A handler is not run where its signal comes just before a call that waits: so it is told by a pipe.
        self._told, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)

    def fork(self) -> int:
        """Fork; return 0 in the child. A signal meanwhile is the parent's, who then has somebody to tell."""
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._before)
        if (child := os.fork()) == 0:
            _die_with(parent)
            signal.set_wakeup_fd(-1)
            for number, before in self._before.items():
                signal.signal(number, _once(before) if number == signal.SIGINT else before)
        self._child = child
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if child and self.asked:  # another thread, a library's, heard it in between
            os.kill(child, self.asked)
        return child

    def wait(self) -> int:
        """Wait for the child's end and return its code, negative for a signal."""
        child = self._child
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            select.select([self._told], [], [])
            os.read(self._told, 512)
        self._child = 0  # before its number may be another's
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def _forward(self, number: int, frame: FrameType | None) -> None:
        self.asked = signal.Signals(number)
        if self._child:
            os.kill(self._child, number)


def _once(before: _Handler) -> _Handler:
    """Return a handler that takes several of a signal in a moment for one."""
    if not callable(before):
        return before
    last_s = -_SAME_CTRL_C_S

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s > _SAME_CTRL_C_S:
            last_s = now_s  # of one that is passed on: who goes on pressing is heard each second
            before(number, frame)

    return handle


def _die_with(parent: int) -> None:
    """Have the kernel end this process when its parent dies: whoever killed that one means both."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(Exit.FAILED)


def _end_by(number: int) -> None:
    """End this process as the signal would have done, had there been no other."""
    if number == signal.SIGINT:
        raise SystemExit(Exit.INTERRUPTED)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)  # the first process of a container does not die of it
