"""A check says what was found and what mends it; its words for many names and for bytes are short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.checks.check import Check, failed, gib, note, ok, some


def test_a_check_is_sound_a_note_or_failed():
    assert ok("disk", "there is room") == Check("disk", "ok", "there is room", "")
    assert note("disk", "little", "make room") == Check("disk", "note", "little", "make room")
    assert failed("disk", "none", "make room") == Check("disk", "failed", "none", "make room")


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, ""), (1, "0"), (3, "0, 1, 2"), (4, "0, 1, 2 and 1 more"), (9, "0, 1, 2 and 6 more")],
)
def test_the_first_of_many_names_are_told_and_the_others_counted(count, words):
    assert some(map(str, range(count)), most=3) == words


@given(st.integers(0, 2**50))
def test_bytes_are_told_in_gibibytes(size):
    number, unit = gib(size).split()
    assert unit == "GiB"
    assert abs(float(number) * 2**30 - size) <= 0.006 * 2**30
