"""Records as a table are what a dict of them is."""

from __future__ import annotations

import pytest
from hypothesis import given

from sgddiff_batch.io.ledger.record_table import RecordTable, record_table
from sgddiff_batch.protocols import SceneRecord
from tests.core.test_record_columns import RECORDS


@given(RECORDS, RECORDS)
def test_a_table_is_a_mapping(records, others):
    by_id = {record.scene_id: record for record in records}
    table = record_table(by_id)
    assert (table, dict(table), len(table)) == (by_id, by_id, len(by_id))
    assert record_table(table) is table
    assert list(table) == sorted(by_id)
    assert list(table.values()) == [by_id[one] for one in sorted(by_id)] == [table[one] for one in table]
    assert list(table.items()) == sorted(by_id.items(), key=lambda item: item[0])
    assert table.keys() - {"x"} == by_id.keys() - {"x"}
    ids = [record.scene_id for record in others]
    assert [table.get(one) for one in ids] == [by_id.get(one) for one in ids]
    merged = table | {record.scene_id: record for record in others}
    assert isinstance(merged, RecordTable)
    assert merged == by_id | {record.scene_id: record for record in others}


def test_a_scene_without_a_record_is_not_there():
    table = record_table({"b": SceneRecord("b", "v", "k", None)})
    assert "a" not in table
    for name in "ac":
        with pytest.raises(KeyError):
            table[name]
