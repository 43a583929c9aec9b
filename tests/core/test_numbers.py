"""Numbers by text as columns are what a dict of them is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.numbers import Numbers
from sgddiff_batch.core.texts import Texts

NUMBERS = st.dictionaries(st.text(max_size=2), st.floats(allow_nan=False), max_size=8)


@given(NUMBERS, st.lists(st.text(max_size=2), max_size=8))
def test_columns_are_a_mapping(numbers, others):
    columns = Numbers.of(numbers)
    assert columns == numbers
    assert Numbers.of(columns) is columns
    wanted = [*numbers, *others]
    assert [columns.get(text) for text in wanted] == [numbers.get(text) for text in wanted]
    np.testing.assert_array_equal(
        columns.at(Texts.of(wanted)), [numbers.get(text, math.nan) for text in wanted]
    )
    np.testing.assert_array_equal(columns.at(columns.texts), columns.amounts)


def test_a_text_of_no_number_is_not_there():
    columns = Numbers(Texts.of("abc"), np.array([1.0, math.nan, 3.0]))
    assert (dict(columns), len(columns), "b" in columns) == ({"a": 1.0, "c": 3.0}, 2, False)
    with pytest.raises(KeyError):
        columns["d"]
