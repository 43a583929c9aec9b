"""Columns of texts go to pyarrow and come back as they were."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.texts import Texts
from sgddiff_batch.io.arrow import (
    are_there,
    arrow_of,
    numbers_of,
    parquet_bytes,
    parquet_of,
    release,
    texts_of,
)

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


@given(st.lists(st.lists(st.none() | st.integers(-9, 9), max_size=20), max_size=3))
def test_numbers_in_many_pieces_become_one_array_and_nulls_what_is_asked(pieces):
    flat = [number for numbers in pieces for number in numbers]
    for kind, as_numpy in ((pa.float64(), np.float64), (pa.int32(), np.int32)):
        column = pa.chunked_array([pa.array(numbers, kind) for numbers in pieces], kind)
        for rows, wanted in ((column, flat), (column[3:], flat[3:]), (pa.array(flat, kind)[1:], flat[1:])):
            found = numbers_of(rows, as_numpy, null=-50)
            assert found.dtype == as_numpy
            assert found.tolist() == [-50 if number is None else number for number in wanted]
            assert are_there(rows).tolist() == [number is not None for number in wanted]


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


def test_a_parquet_file_comes_back_and_damage_is_told():
    table = pa.table({"a": list(range(1000)), "b": ["x"] * 1000})
    data = parquet_bytes(table)
    assert parquet_of(data, bytes_digest(data)).equals(table)
    assert parquet_of(data, columns=["b"]).column_names == ["b"]
    assert parquet_bytes(table) == data
    for harmed in (b"", b"PAR1", data[:-9], data[:50] + bytes([data[50] ^ 1]) + data[51:]):
        with pytest.raises((ValueError, OSError)):
            parquet_of(harmed)
    with pytest.raises(ValueError, match="not what was written"):
        parquet_of(data, "another")
