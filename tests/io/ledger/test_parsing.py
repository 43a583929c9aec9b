"""The fields of a record are read as the record is, and what is no record is refused by both."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.ledger.damage import DamagedRecordError
from sgddiff_batch.io.ledger.parsing import fields_of, parse_record
from sgddiff_batch.protocols import SceneRecord

DONE = SceneRecord(
    "a.tif", "v", "k", "a.tif/v-k.zarr", None, 9, 3, 3, 3, "2026-01-01T00:00:00+00:00", "alpha"
)
ROW = asdict(DONE)
VALUES = st.none() | st.booleans() | st.text(max_size=2) | st.integers(-(2**65), 2**65) | st.floats()


def outcome(call, *given_arguments):
    """Return what a call returns or raises."""
    try:
        return call(*given_arguments)
    except DamagedRecordError as error:
        return str(error)


@given(
    st.dictionaries(st.sampled_from([*ROW, "of a newer version"]), VALUES, max_size=3),
    st.sets(st.sampled_from(list(ROW)), max_size=2),
)
def test_fields_are_those_of_the_record(other, lacking):
    row = {
        name: value for name, value in {**ROW, **other, "scene_id": "a.tif"}.items() if name not in lacking
    }
    data = json.dumps(row).encode()
    record = outcome(parse_record, "key", data)
    assert outcome(fields_of, "key", data) == (astuple(record) if isinstance(record, SceneRecord) else record)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"5", b"[" * 100_000, b"\xff{}", json.dumps(ROW).encode()[:-1]]
)
def test_what_is_no_record_is_damaged(data):
    for call in (lambda: parse_record("key", data), lambda: fields_of("key", data)):
        with pytest.raises(DamagedRecordError, match="ledger object key is damaged"):
            call()


def test_a_record_of_a_run_is_read_whole():
    data = json.dumps(ROW, separators=(",", ":")).encode()
    assert parse_record("key", data) == DONE
    assert fields_of("key", data) == astuple(DONE)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_that_no_column_holds_is_damaged(number):
    data = json.dumps({**ROW, "salient_px": number}).encode()
    for call in (lambda: parse_record("key", data), lambda: fields_of("key", data)):
        with pytest.raises(DamagedRecordError, match=f"salient_px is {number}"):
            call()
