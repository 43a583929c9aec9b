"""Times as catalogues and configs write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.times import TimeSpan, format_span, parse_span, parse_time

MOMENTS = st.datetimes(
    min_value=datetime(1900, 1, 1),
    max_value=datetime(2200, 1, 1),
    timezones=st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(MOMENTS)
def test_a_time_in_any_zone_is_what_pythons_own_parser_says(moment: datetime) -> None:
    span = parse_time(moment.isoformat())
    assert span.start_s == span.stop_s == pytest.approx(moment.timestamp(), abs=1e-5)


@given(MOMENTS, MOMENTS)
def test_what_is_asked_of_a_server_holds_all_that_was_asked_of_us(one: datetime, other: datetime) -> None:
    start, stop = sorted((one, other))
    span = parse_span(f"{start.isoformat()}/{stop.isoformat()}")
    asked = parse_span(format_span(span))
    assert asked.start_s <= span.start_s <= span.stop_s <= asked.stop_s
    assert asked.stop_s - asked.start_s <= span.stop_s - span.start_s + 2


def test_a_date_is_its_whole_day_and_not_the_next() -> None:
    day = parse_time("2026-01-31")
    assert day.overlaps(parse_time("2026-01-31T23:59:59Z"))
    assert not day.overlaps(parse_time("2026-02-01T00:00:00Z"))
    assert parse_span("2026-01-30/2026-01-31").stop_s == day.stop_s


def test_open_ends_are_infinite() -> None:
    assert parse_span("../2026-01-01").start_s == -math.inf
    assert parse_span("2026-01-01/").stop_s == math.inf
    assert format_span(parse_span("2026-01-01/..")) == "2026-01-01T00:00:00Z/.."
    assert format_span(parse_span("../..")) == "../.."


@pytest.mark.parametrize(
    "text",
    ["", "..", "soon", "2026-13-01", "2026-02-30", "2026-01-01T25:00:00Z", "2026-01-02/2026-01-01", "1"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_span(text)


@given(st.text(max_size=40))
def test_any_text_is_a_span_or_refused(text: str) -> None:
    try:
        span = parse_span(text)
    except ValueError:
        return
    assert span.start_s <= span.stop_s


def test_without_a_zone_it_is_utc() -> None:
    moment = datetime(2026, 1, 1, 10, tzinfo=UTC).timestamp()
    assert parse_time("2026-01-01T10:00:00") == TimeSpan(moment, moment)
