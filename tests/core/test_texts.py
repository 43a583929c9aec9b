"""Many texts as one column are what a list of them is, at a part of the memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core import texts as columns
from sgddiff_batch.core.texts import Texts, TextsBuilder, TextSet, is_sorted, joined, same

TEXT = st.text(st.characters(exclude_categories=[]), max_size=12)
"""Any, halves of surrogate pairs too."""
LISTS = st.lists(TEXT, max_size=30)


@pytest.fixture(params=[3, 8192], ids=["in small parts", "in one part"], autouse=True)
def _parts(request, monkeypatch):
    monkeypatch.setattr(columns, "_PART", request.param)


@given(LISTS)
def test_a_column_is_a_sequence_of_its_texts(texts):
    column = Texts.of(texts)
    assert list(column) == [column[row] for row in range(len(column))] == texts
    assert (column, list(column.encoded())) == (texts, [t.encode("utf-8", "surrogatepass") for t in texts])
    assert [column[-row - 1] for row in range(len(texts))] == texts[::-1]
    assert (list(column[1:7:2]), column[::-1]) == (texts[1:7:2], texts[::-1])
    assert Texts.of(column) is column
    with pytest.raises(IndexError, match="none of number"):
        column[len(texts)]


@given(LISTS, LISTS)
def test_columns_are_equal_where_their_texts_are(one, other):
    assert (Texts.of(one) == Texts.of(other)) is (Texts.of(one) == tuple(other)) is (one == other)
    assert Texts.of(one) != "text"


@given(LISTS, st.data())
def test_rows_are_taken_in_any_order(texts, data):
    rows = data.draw(st.lists(st.sampled_from(range(len(texts))) if texts else st.nothing()))
    column = Texts.of(texts)
    assert column.take(np.array(rows, np.intp)) == [texts[row] for row in rows]
    mask = np.array([row in rows for row in range(len(texts))], np.bool_)
    assert column.take(mask) == [text for row, text in enumerate(texts) if row in rows]
    assert column.take(np.ones(len(texts), np.bool_)) is column


@given(st.lists(LISTS, max_size=4))
def test_columns_are_joined(lists):
    assert joined([Texts.of(texts) for texts in lists]) == [text for texts in lists for text in texts]
    assert joined([Texts.of(texts)[1:] for texts in lists]) == [text for texts in lists for text in texts[1:]]


@given(LISTS)
def test_the_order_is_that_of_python(texts):
    column = Texts.of(texts)
    assert column.take(column.order()) == sorted(texts)
    assert is_sorted(column) is (texts == sorted(texts))


@given(st.lists(st.tuples(TEXT, TEXT) | TEXT.map(lambda text: (text, text)), max_size=30))
def test_rows_that_are_the_same_are_found(pairs):
    one, other = (Texts.of(pair[side] for pair in pairs) for side in (0, 1))
    assert same(one, other).tolist() == [left == right for left, right in pairs]
    assert same(one[1:], other[1:]).tolist() == [left == right for left, right in pairs[1:]]


@pytest.mark.parametrize("collide", [False, True], ids=["", "all of one hash"])
@given(st.lists(TEXT, max_size=20, unique=True), LISTS)
def test_a_set_says_where_texts_are(collide, texts, others):
    with pytest.MonkeyPatch.context() as patch:
        if collide:
            patch.setattr(columns, "hash", len, raising=False)
        found = TextSet(texts)
        wanted = [*others, *texts[::2]]
        rows = {text: row for row, text in enumerate(texts)}
        assert found.rows(Texts.of(wanted)).tolist() == [rows.get(text, -1) for text in wanted]
        assert found.has(Texts.of(wanted)).tolist() == [text in found for text in wanted]
        assert [text in found for text in wanted] == [text in rows for text in wanted]
        assert (found, len(found), set(found)) == (set(texts), len(texts), set(texts))
        assert found & set(others) == set(texts) & set(others)
        assert (5 in found) is False


@given(LISTS, TEXT)
def test_a_text_is_found_in_a_column_that_is_sorted(texts, other):
    column = Texts.of(sorted({*texts}))
    assert [column.find(text) for text in column] == list(range(len(column)))
    if other not in texts:
        with pytest.raises(KeyError):
            column.find(other)


def test_a_builder_takes_texts_one_by_one():
    builder = TextsBuilder()
    for number in range(20):
        builder.append(f"text {number}")
    assert builder.texts() == [f"text {number}" for number in range(20)]


def test_a_column_takes_its_bytes_and_eight_more_a_text():
    assert Texts.of(["a" * 60] * 1000).size_bytes == 60 * 1000 + 8 * 1001
    assert repr(Texts.of("abcdefg")) == "Texts(['a', 'b', 'c', 'd', 'e'], ...)"
