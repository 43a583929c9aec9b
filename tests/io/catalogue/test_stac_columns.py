"""Columns that follow from others are, row by row, what a row says by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.catalogue.rows import table_of
from sgddiff_batch.io.catalogue.schema import SCHEMA
from sgddiff_batch.io.catalogue.stac_columns import with_stac
from sgddiff_batch.io.catalogue.stac_fields import stac_fields
from tests.io.catalogue.test_rows import row_of

NAMES = st.text(st.characters(codec="utf-8"), min_size=1)
ROWS = st.lists(st.tuples(NAMES, st.none() | NAMES, st.none() | st.just("d" * 64)), max_size=6)


@pytest.mark.parametrize("uri", ["s3://out", "/data/out", "s3://out/_areas/monthly"])
@given(parts=ROWS)
def test_rows_made_of_columns_are_those_made_one_by_one(uri, parts):
    lean = row_of()
    rows = [
        lean | {"id": name, "store": f"{name}/v.zarr", "scene_uri": scene, "model_digest": model}
        for name, scene, model in parts
    ]
    found = with_stac(table_of(rows), uri)
    assert found.schema == SCHEMA
    found.validate(full=True)
    for got, row in zip(found.to_pylist(), rows, strict=True):
        fields = stac_fields(row, uri)
        assert {name: got[name] for name in fields} == fields
        assert {name: got[name] for name in ("id", "store", "scene_uri")} == {
            name: row[name] for name in ("id", "store", "scene_uri")
        }
