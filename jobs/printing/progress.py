"""Progress of a long run: a bar on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Task as ProgressTask
from rich.text import Text

log = logging.getLogger(__name__)

_LOG_EVERY_S = 30.0


class RunProgress:
    """Counts scenes and tiles of a run; tiles per second and time left come from tiles alone.

    tiles: how many there are, or an estimate: once there were more, nobody knows how long it takes.
    """

    def __init__(
        self,
        scenes: int,
        tiles: int,
        *,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scenes, self._tiles, self._clock = scenes, tiles, clock
        self._scenes_done = self._tiles_done = 0
        self._start = self._last = clock()
        self._bar = _bar(console or Console(stderr=True)) if sys.stderr.isatty() else None
        self._bar_task = self._bar.add_task("", total=tiles, text="") if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def tiles(self, count: int) -> None:
        """Count tiles of a task that has ended."""
        self._tiles_done += count
        self._show()

    def scene(self) -> None:
        """Count a scene that is settled."""
        self._scenes_done += 1
        self._show()

    def line(self) -> str:
        """Return the state of the run in one line."""
        elapsed_s = max(self._clock() - self._start, 1e-9)
        rate = self._tiles_done / elapsed_s
        waiting = self._tiles - self._tiles_done
        left = f"{waiting / rate:.0f} s left" if rate and waiting >= 0 else "time left unknown"
        return (
            f"{self._scenes_done}/{self._scenes} scenes, {self._tiles_done}/{self._tiles} tiles, "
            f"{rate:.1f} tiles/s, {left}"
        )

    def _show(self) -> None:
        if self._bar and self._bar_task is not None:
            text = f"{self._scenes_done}/{self._scenes} scenes"
            self._bar.update(self._bar_task, completed=self._tiles_done, text=text)
        elif self._clock() - self._last >= _LOG_EVERY_S:
            self._last = self._clock()
            log.info("%s", self.line())


class _Rate(ProgressColumn):
    """Tiles per second so far."""

    def render(self, task: ProgressTask) -> Text:
        return Text(f"{task.speed:.1f} tiles/s" if task.speed else "", style="cyan")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.fields[text]}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} tiles"),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
