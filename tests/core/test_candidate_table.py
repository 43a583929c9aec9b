"""Candidates as columns are what a tuple of them is."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.candidate_table import CandidateTable, as_columns, taken
from sgddiff_batch.core.scene import Scene, escape_scene_id
from sgddiff_batch.core.scene_table import SceneTable
from sgddiff_batch.core.selection import Candidate, Facts
from sgddiff_batch.core.texts import Texts
from tests.core.candidate_examples import NAMES, candidates

TIMES = st.none() | st.floats(0, 1e9)


@st.composite
def tables(draw: st.DrawFn) -> CandidateTable:
    names = sorted(draw(st.lists(NAMES | st.text(max_size=3), unique=True, max_size=8)), key=escape_scene_id)
    scenes = [
        Scene(escape_scene_id(name), f"s3://b/{name}", "v", draw(st.integers(0, 9)), draw(st.booleans()))
        for name in names
    ]
    times = np.array([math.nan if (at := draw(TIMES)) is None else at for _ in names], np.float64)
    return CandidateTable(SceneTable.of(scenes), Texts.of(names), times)


@given(tables(), st.data())
def test_a_table_is_a_sequence_of_its_candidates(table, data):
    objects = tuple(table)
    assert all(isinstance(one, Candidate) and one.sources == {0} for one in objects)
    assert (table, table[1:]) == (objects, objects[1:])
    assert [table[row] for row in range(len(table))] == list(objects)
    assert table != [*objects, "x"]
    assert table != "x" or not objects
    rows = np.array(data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table))), np.bool_)
    assert taken(table, rows) == taken(objects, rows) == tuple(np.array(objects, object)[rows])


@given(tables())
def test_columns_of_a_table_and_of_its_candidates_are_equal(table):
    assert as_columns(table) == as_columns(tuple(table))


@given(candidates())
def test_columns_hold_all_that_is_known(found):
    unique = sorted({one.scene.scene_id: one for one in found}.values(), key=lambda one: one.scene.scene_id)
    scenes, facts = as_columns(unique)
    assert scenes == tuple(one.scene for one in unique)
    assert facts == {one.scene.scene_id: one.facts for one in unique}
    told = {one.scene.scene_id for one in unique if one.facts != Facts(modified_s=one.facts.modified_s)}
    assert set(facts.more) == told, "a time alone is no object"
