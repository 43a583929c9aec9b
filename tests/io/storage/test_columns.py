"""Columns of a listing: a row for each object, whatever parts it came in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.storage import columns
from sgddiff_batch.io.storage.columns import ListedPart, table_of


def part(*names):
    return ListedPart(
        [f"root/{name}" for name in names],
        [None if name == "none" else f"v-{name}" for name in names],
        [len(name) for name in names],
        [len(name) / 4 for name in names],
    )


@pytest.mark.parametrize("together", [1, 2, 100])
def test_parts_of_any_size_make_one_table(monkeypatch, together):
    monkeypatch.setattr(columns, "_ROWS_TOGETHER", together)
    table = table_of(iter([part("a", "b/c"), part(), part("none")]), len("root/"), ())
    assert table.to_pylist() == [
        {"key": "a", "version": "v-a", "size_bytes": 1, "changed_s": 0.25},
        {"key": "b/c", "version": "v-b/c", "size_bytes": 3, "changed_s": 0.75},
        {"key": "none", "version": None, "size_bytes": 4, "changed_s": 1.0},
    ]
    assert [str(field.type) for field in table.schema] == ["string", "string", "int64", "double"]


def test_nothing_is_a_table_with_the_same_columns():
    empty = table_of([], 0, ())
    assert empty.num_rows == 0
    assert empty.schema == table_of([part("a")], 0, ()).schema


@given(st.lists(st.tuples(st.text(max_size=4), st.none() | st.text(max_size=4)), max_size=20))
def test_texts_of_all_kinds_and_none_are_kept(rows):
    keys, versions = [key for key, _ in rows], [version for _, version in rows]
    table = table_of([ListedPart(keys, versions, [0] * len(rows), [0.0] * len(rows))], 0, ())
    table.validate(full=True)
    assert (table["key"].to_pylist(), table["version"].to_pylist()) == (keys, versions)


def test_half_of_a_surrogate_pair_is_refused():
    with pytest.raises(UnicodeEncodeError):
        table_of([part("a\udc80")], 0, ())


def test_names_that_end_as_told_are_left_out():
    table = table_of([part("a", "b.partial", "c/", "partial")], len("root/"), (".partial", "/"))
    assert table["key"].to_pylist() == ["a", "partial"]
