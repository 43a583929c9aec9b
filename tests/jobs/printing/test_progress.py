"""Progress of a run: a line now and then in a log, a bar on a terminal; the rate is that of tiles alone."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest
from rich.console import Console

from jobs.printing.progress import RunProgress
from tests.kit.logs import enable_our_loggers


class Clock:
    """Says the time that it was set to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told(caplog):
    """What was logged so far."""
    enable_our_loggers()
    caplog.set_level("INFO")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def _no_terminal():
    with redirect_stderr(io.StringIO()):
        yield


@pytest.mark.usefixtures("_no_terminal")
def test_the_line_tells_rate_and_time_left_by_tiles(clock):
    with RunProgress(2, 40, clock=clock) as progress:
        clock.now += 5
        progress.tiles(10)
        progress.scene()
        assert progress.line() == "1/2 scenes, 10/40 tiles, 2.0 tiles/s, 15 s left"


@pytest.mark.usefixtures("_no_terminal")
def test_before_the_first_tile_nobody_knows_how_long(clock):
    clock_line = RunProgress(2, 40, clock=clock).line()
    assert clock_line == "0/2 scenes, 0/40 tiles, 0.0 tiles/s, time left unknown"


@pytest.mark.usefixtures("_no_terminal")
def test_where_there_are_more_tiles_than_estimated_nobody_knows_how_long(clock):
    with RunProgress(2, 40, clock=clock) as progress:
        clock.now += 5
        progress.tiles(50)
        assert progress.line() == "0/2 scenes, 50/40 tiles, 10.0 tiles/s, time left unknown"


@pytest.mark.usefixtures("_no_terminal")
def test_a_log_has_a_line_every_half_minute_and_no_more(clock, told):
    with RunProgress(1, 40, clock=clock) as progress:
        for _ in range(20):
            clock.now += 5
            progress.tiles(1)
    assert [line.split(", ")[1] for line in told()] == ["6/40 tiles", "12/40 tiles", "18/40 tiles"]


def test_a_terminal_has_a_bar_and_no_lines(clock, told):
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=100, _environ={"TERM": "xterm"})
    with redirect_stderr(Terminal()), RunProgress(2, 40, console=console, clock=clock) as progress:
        clock.now += 100
        progress.tiles(30)
        progress.scene()
    assert "1/2 scenes" in drawn.getvalue()
    assert "30/40 tiles" in drawn.getvalue()
    assert told() == []
