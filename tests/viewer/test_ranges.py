from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.viewer.ranges import BadRangeError, Span, span_of

DATA = bytes(range(100))


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (None, None),
        ("lines=1-2", None),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=10-19", Span(10, 20)),
        ("Bytes= 10-19 ", Span(10, 20)),
        ("bytes=90-", Span(90, 100)),
        ("bytes=90-1000", Span(90, 100)),
        ("bytes=-10", Span(90, 100)),
        ("bytes=-1000", Span(0, 100)),
    ],
)
def test_one_range_is_a_span(asked, wanted):
    assert span_of(asked, 100) == wanted


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=", "bytes=-", "bytes=a-b", "bytes=1-2,5-6", "bytes=5-4", "bytes=100-", "bytes=-0"),
        *(
            "bytes=1--2",
            "bytes=+1-2",
            "bytes=1.5-2",
            "bytes=0x1-2",
            "bytes=\u0661-2",
            f"bytes=0-{'9' * 5000}",
        ),
    ],
)
def test_a_broken_range_is_refused_and_never_the_whole(asked):
    with pytest.raises(BadRangeError):
        span_of(asked, 100)


def test_an_empty_object_has_no_range():
    for asked in ("bytes=0-", "bytes=-5", "bytes=0-0"):
        with pytest.raises(BadRangeError):
            span_of(asked, 0)


@given(st.integers(0, 120), st.integers(0, 120))
def test_a_span_holds_what_was_asked_for(first, last):
    try:
        span = span_of(f"bytes={first}-{last}", 100)
    except BadRangeError:
        assert first >= 100 or last < first
    else:
        assert DATA[span.start : span.stop] == DATA[first : last + 1]


def test_a_span_is_checked():
    with pytest.raises(ValueError, match="0 <= start <= stop"):
        Span(3, 2)
