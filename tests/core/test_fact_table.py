"""Facts as columns say what each scene's own facts say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.fact_table import FactTable, facts_of, written_s
from sgddiff_batch.core.selection import Facts
from sgddiff_batch.core.texts import Texts
from sgddiff_batch.core.times import TimeSpan
from tests.core.candidate_examples import FACTS


@given(st.dictionaries(st.text(max_size=2), FACTS, max_size=8))
def test_a_table_is_a_mapping_and_knows_when_each_scene_was_written(facts):
    ids = sorted(facts)
    times = [math.nan if facts[one].modified_s is None else facts[one].modified_s for one in ids]
    more = {one: said for one, said in facts.items() if said != Facts(modified_s=said.modified_s)}
    table = FactTable(Texts.of(ids), np.array(times, np.float64), more)
    assert (table, list(table), len(table)) == (facts, ids, len(ids))
    assert [table.get(one) for one in (*facts, "not there")] == [*facts.values(), None]
    assert table.written_s() == {
        one: seconds for one, said in facts.items() if (seconds := written_s(said)) is not None
    }


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        (Facts(modified_s=1.0, updated_s=2.0, time=TimeSpan(3, 4)), 1.0),
        (Facts(updated_s=2.0, time=TimeSpan(3, 4)), 2.0),
        (Facts(time=TimeSpan(3, 4)), 4),
        (Facts(), None),
    ],
)
def test_the_file_s_own_time_is_believed_first(facts, seconds):
    assert written_s(facts) == seconds


def test_what_nobody_knows_is_none():
    assert (facts_of(math.nan), facts_of(5.0)) == (Facts(), Facts(modified_s=5.0))
