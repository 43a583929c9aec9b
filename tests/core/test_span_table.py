"""Times of scenes as columns are what a dict of them is, and what is known goes before what a name says."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.span_table import SpanTable
from sgddiff_batch.core.texts import Texts
from sgddiff_batch.core.times import TimeSpan, parse_span

SECONDS = st.floats(-1e10, 1e10)
SPANS = st.builds(lambda ends: TimeSpan(*sorted(ends)), st.tuples(SECONDS, SECONDS))
TIMES = st.dictionaries(st.text(max_size=2), SPANS, max_size=8)
DAY = re.compile(r"_(\d{8})")


@given(TIMES, st.lists(st.text(max_size=2), max_size=8))
def test_columns_are_a_mapping(times, others):
    table = SpanTable.of(times)
    assert table == times
    assert SpanTable.of(table) is table
    assert [table.get(text) for text in [*times, *others]] == [times.get(text) for text in [*times, *others]]
    spans, which = table.distinct()
    assert len(set(spans)) == len(spans)
    assert [spans[nth] for nth in which] == [times[text] for text in sorted(times)]


def test_a_name_tells_where_nobody_else_does_and_else_nothing_is_known():
    known = {"a_20260101.tif": TimeSpan(5.0, 6.0), "gone_20260101.tif": TimeSpan(1.0, 1.0)}
    ids = Texts.of(["a_20260101.tif", "b_20260131.tif", "c.tif", "d_20261399.tif"])
    table = SpanTable.named(ids, DAY, known)
    assert dict(table) == {"a_20260101.tif": TimeSpan(5.0, 6.0), "b_20260131.tif": parse_span("2026-01-31")}
    assert (len(table), "c.tif" in table, np.isnan(table.start_s).tolist()) == (
        2,
        False,
        [False, False, True, True],
    )
    with pytest.raises(KeyError):
        table["c.tif"]
    assert table.distinct()[1].tolist() == [0, 1, -1, -1]


def test_a_table_of_nothing_has_nothing():
    table = SpanTable.named(Texts.of([]), DAY, {})
    assert (len(table), dict(table), table.distinct()[0]) == (0, {}, [])
    unknown = SpanTable(Texts.of("a"), np.array([math.nan]), np.array([math.nan]))
    assert (len(unknown), unknown.distinct()[0]) == (0, [])
