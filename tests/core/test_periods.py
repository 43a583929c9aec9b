from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.periods import period_of, span_in_name, span_of_digits
from sgddiff_batch.core.times import parse_span, parse_time

KINDS = ["day", "month", "quarter", "year"]
TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59), timezones=st.just(UTC))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds(time: datetime) -> float:
    return (time - EPOCH).total_seconds()


@given(TIMES, st.sampled_from(KINDS))
def test_a_period_is_the_one_of_the_calendar(time, kind):
    period = period_of(seconds(time), kind)
    name = {
        "day": f"{time.year:04}-{time.month:02}-{time.day:02}",
        "month": f"{time.year:04}-{time.month:02}",
        "quarter": f"{time.year:04}-Q{(time.month + 2) // 3}",
        "year": f"{time.year:04}",
    }[kind]
    assert period.name == name
    assert period.span.start_s <= seconds(time) <= period.span.stop_s + 1e-5


@given(
    st.datetimes(datetime(1700, 1, 1), datetime(2240, 1, 1), timezones=st.just(UTC)), st.sampled_from(KINDS)
)
def test_periods_have_no_gap_between_them_and_share_no_second(time, kind):
    # As long as seconds in float64 tell microseconds apart.
    period = period_of(seconds(time), kind)
    following = period_of(round(period.span.stop_s), kind)
    assert following.name > period.name
    assert period.span.stop_s < following.span.start_s <= period.span.stop_s + 1e-4
    assert period_of(following.span.start_s - 1, kind) == period


@given(st.lists(TIMES, min_size=2, max_size=6), st.sampled_from(KINDS))
def test_names_sort_by_time(times, kind):
    names = [period_of(seconds(time), kind).name for time in sorted(times)]
    assert names == sorted(names)


@pytest.mark.parametrize("time_s", [float("nan"), float("inf"), -float("inf"), 1e15, -1e12, 253402300800.0])
def test_a_time_of_no_year_is_refused(time_s):
    with pytest.raises(ValueError, match="1 to 9999"):
        period_of(time_s, "day")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2026", "2026-01-01/2026-12-31"),
        ("202602", "2026-02-01/2026-02-28"),
        ("20260131", "2026-01-31"),
        ("2026_01-31T12:00", "2026-01-31T12:00:00Z"),
        ("20260131T120059", "2026-01-31T12:00:59Z"),
    ],
)
def test_the_digits_of_a_name_are_a_time(text, span):
    found, wanted = span_of_digits(text), parse_span(span)
    assert found is not None
    assert (found.start_s, found.stop_s) == pytest.approx((wanted.start_s, wanted.stop_s), abs=1e-5)


@pytest.mark.parametrize(
    "text", ["", "20", "20261301", "20260230", "202601312500", "2026013", "0000", "\u0661" * 4]
)
def test_digits_that_write_no_time_are_none(text):
    assert span_of_digits(text) is None


def test_a_day_of_a_period_ends_where_a_day_of_a_catalogue_does():
    day = parse_time("2026-01-31")
    assert period_of(day.start_s + timedelta(hours=5).total_seconds(), "day").span == day


@pytest.mark.parametrize(
    ("name", "pattern", "span"),
    [
        ("b/S2_20260131_x.tif", r"_(\d{8})_", "2026-01-31"),
        ("2026/01/31/x.tif", r"(\d{4})/(\d\d)/(\d\d)", "2026-01-31"),
        ("x_20260131T120059.tif", r"_(\d{8})T(\d{6})", "2026-01-31T12:00:59Z"),
        ("x_20260131.tif", r"_(\d{8})(T\d{6})?", "2026-01-31"),
        ("x_20269931.tif", r"_(\d{8})", None),
        ("x.tif", r"_(\d{8})", None),
    ],
)
def test_a_pattern_finds_the_digits_in_its_groups(name, pattern, span):
    assert span_in_name(name, re.compile(pattern)) == (span and parse_span(span))
