"""Names by text as columns are what a dict of them is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.labels import Labels

NAMES = st.sampled_from([None, "a", "b", "c"])


@given(st.dictionaries(st.text(max_size=2), NAMES, max_size=8), st.sets(NAMES))
def test_columns_are_a_mapping(labels, meant):
    columns = Labels.of(labels)
    assert (columns, list(columns), len(columns)) == (labels, sorted(labels), len(labels))
    assert Labels.of(columns) is columns
    assert columns.where(lambda name: name in meant).tolist() == [
        labels[one] in meant for one in sorted(labels)
    ]
    assert [columns.name_at(row) for row in range(len(labels))] == [labels[one] for one in sorted(labels)]
    with pytest.raises(KeyError):
        columns["not there"]
