"""Numbers as people read them, and commands that a shell takes as they were meant."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.pages.words import at, command, duration, pixels, share, size


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (duration(4.21), "4.2 s"),
        (duration(45), "45 s"),
        (duration(900), "15 min"),
        (duration(36_000), "10.0 h"),
        (duration(400_000), "4.6 days"),
        (share(0), "0 %"),
        (share(0.000123), "0.012 %"),
        (share(0.0151), "1.5 %"),
        (share(0.42), "42 %"),
        (share(1), "100 %"),
        (size(5 * 2**20), "5 MiB"),
        (size(3 * 2**29), "1.50 GiB"),
        (pixels(340_000), "340,000 px"),
        (pixels(6.7e6), "6.7 Mpx"),
        (pixels(2.5e12), "2,500.0 Gpx"),
        (at("2026-01-02T03:04:05+00:00"), "2026-01-02 03:04 UTC"),
        (at("never"), "never"),
    ],
)
def test_a_number_is_short_and_has_its_unit(got, wanted):
    assert got == wanted


@given(st.lists(st.text(), min_size=1))
def test_a_command_is_taken_as_its_words_or_is_none(words):
    line = command(*words)
    if line is None:
        assert any(not word.isprintable() for word in words)
    else:
        assert shlex.split(line) == words
        assert line.isprintable()
