"""The columns are a format: what former versions wrote keeps its name and type."""

from __future__ import annotations

import pyarrow as pa
import pytest

from sgddiff_batch.io.catalogue.schema import LEAN, SCHEMA, schema_of
from tests.io.catalogue.former_examples import FORMER


@pytest.mark.parametrize("name", [name for name in FORMER.names if name != "assets"])
def test_a_column_that_there_was_is_still_there(name):
    assert SCHEMA.field(name).type == FORMER.field(name).type


def test_the_asset_has_all_that_it_had():
    of, was = (schema.field("assets").type.field("saliency").type for schema in (SCHEMA, FORMER))
    assert [of.field(n).type for n in range(was.num_fields)] == [was.field(n).type for n in range(4)]


def test_lean_rows_have_what_no_other_column_tells():
    assert set(LEAN.names) < set(SCHEMA.names)
    assert {"id", "store", "scene_uri", "geometry", "sgddiff:item"} <= set(LEAN.names)


def test_some_columns_are_had_in_their_order():
    assert schema_of(["state", "id"]) == pa.schema([("state", pa.string()), ("id", pa.string())])
