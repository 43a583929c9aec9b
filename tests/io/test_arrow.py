"""Columns of texts go to pyarrow and come back as they were."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.texts import Texts
from sgddiff_batch.io.arrow import arrow_of, release, texts_of

TEXTS = st.lists(st.text(max_size=5), max_size=10)


@given(st.lists(TEXTS, max_size=3))
def test_columns_in_many_pieces_become_texts(pieces):
    flat = [text for texts in pieces for text in texts]
    for kind in (pa.string(), pa.large_string()):
        column = pa.chunked_array([pa.array(texts, kind) for texts in pieces], kind)
        assert texts_of(column) == flat
        assert texts_of(column[1:]) == flat[1:]
        assert texts_of(pa.array(flat, kind)) == flat
        assert texts_of(pa.array(flat, kind)[2:]) == flat[2:]


@given(TEXTS)
def test_texts_become_arrow_and_come_back(texts):
    for column, wanted in ((Texts.of(texts), texts), (Texts.of(texts)[1:], texts[1:])):
        array = arrow_of(column)
        array.validate(full=True)
        assert (array.type, array.to_pylist()) == (pa.large_string(), wanted)
        assert texts_of(array) == wanted


def test_what_is_null_is_empty():
    assert texts_of(pa.array(["a", None, "b"], pa.string())) == ["a", "", "b"]
    assert texts_of(pa.array([None, None], pa.string())) == ["", ""]


def test_half_of_a_surrogate_pair_is_refused():
    with pytest.raises(UnicodeEncodeError):
        arrow_of(Texts.of(["a", "\udcff"]))


def test_what_is_still_used_is_not_released():
    texts = texts_of(pa.chunked_array([pa.array(["a"] * 1000), pa.array(["b"] * 1000)]))
    release()
    assert texts == ["a"] * 1000 + ["b"] * 1000
