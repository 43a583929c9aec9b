"""What is published is had again, whole or in part; what is not what was published is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.catalogue.files import Encoded, decode, encode
from sgddiff_batch.io.catalogue.rows import table_of
from sgddiff_batch.io.catalogue.schema import LEAN, SCHEMA
from tests.io.catalogue.test_rows import row_of


def test_a_file_has_the_collection_of_its_rows_where_stac_geoparquet_wants_it():
    encoded = Encoded(encode(table_of([row_of()]), "s3://out", {"id": "saliency", "links": []}))
    assert encoded.collection == {"id": "saliency", "links": []}
    metadata = pq.read_schema(pa.BufferReader(encoded.data)).metadata
    assert json.loads(metadata[b"stac-geoparquet"]) == {
        "version": "1.0.0",
        "collections": {"saliency": {"id": "saliency", "links": []}},
    }
    assert Encoded(encode(table_of([]), "s3://out")).collection is None


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=5))
def test_what_is_written_is_read_again(ids):
    table = table_of([row_of() | {"id": one} for one in ids])
    data = encode(table, "s3://out")
    assert decode(data, "it", bytes_digest(data), LEAN.names).equals(table)
    assert decode(data, "it", bytes_digest(data), ["id"]).to_pydict() == {"id": ids}


def test_a_table_without_rows_has_all_columns_and_says_which_standard_it_follows():
    data = encode(table_of([]), "s3://out")
    schema = pq.read_schema(pa.BufferReader(data))
    assert schema.names == SCHEMA.names
    assert {b"geo", b"stac-geoparquet"} <= schema.metadata.keys()


def test_what_is_not_what_was_published_is_damaged():
    data = encode(table_of([row_of()]), "s3://out")
    with pytest.raises(FatalError, match=r"it is damaged: .*sgddiff catalogue rollback"):
        decode(data + b"x", "it", bytes_digest(data))


def test_what_lacks_a_column_or_is_no_table_is_no_catalogue_of_this_version():
    for data in (_without_store(), b"PAR1"):
        with pytest.raises(FatalError, match="it is no catalogue of this version"):
            decode(data, "it", bytes_digest(data))


def test_the_columns_that_are_there_can_be_had_of_a_file_that_lacks_another():
    data = _without_store()
    assert decode(data, "it", bytes_digest(data), ["id", "archive"]).num_rows == 0
    assert Encoded(data).table(["id"]).schema.names == ["id"]


def _without_store() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table_of([]).drop_columns(["store"]), sink)
    return sink.getvalue().to_pybytes()


_READS = """
import os, sys
from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.io.catalogue.files import decode, encode
from sgddiff_batch.io.catalogue.rows import table_of
data = encode(table_of([]), "s3://out")
before = len(os.listdir("/proc/self/task"))
decode(data, "it", bytes_digest(data))
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted by Linux's /proc")
def test_reading_starts_no_thread_that_could_end_the_process_when_it_exits():
    done = subprocess.run([sys.executable, "-c", _READS], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
