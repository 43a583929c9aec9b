"""Records as columns are the records, sorted by scene, at a part of the memory."""

from __future__ import annotations

import struct
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.record_columns import RecordColumns, RecordsBuilder, changed, collected
from sgddiff_batch.protocols import SceneRecord

RECORDS = st.lists(
    st.builds(
        SceneRecord,
        st.text(max_size=2),
        st.sampled_from(["v1", "v2"]),
        st.sampled_from(["k1", "k2"]),
        st.none() | st.text(max_size=3),
        st.none() | st.text(max_size=3),
        *[st.integers(-(2**63), 2**63 - 1)] * 4,
        finished_at=st.text(max_size=3),
        mask_rule=st.text(max_size=3),
    ),
    unique_by=lambda record: record.scene_id,
    max_size=8,
)


def rows_of(table):
    """Return the rows of columns as tuples, by scene id."""
    stores = [text if has else None for text, has in zip(table.stores, table.has_store, strict=True)]
    reasons = [text if has else None for text, has in zip(table.reasons, table.has_reason, strict=True)]
    columns = (table.ids, table.versions, table.run_keys, stores, reasons, table.numbers.tolist())
    rest = (table.finished_at, table.mask_rules)
    return {
        row[0]: SceneRecord(*row[:5], *row[5], finished_at=row[6], mask_rule=row[7])
        for row in zip(*columns, *rest, strict=True)
    }


@given(RECORDS)
def test_columns_are_the_records_sorted_by_scene(records):
    by_id = {record.scene_id: record for record in records}
    table = RecordColumns.of(by_id)
    assert (rows_of(table), list(table.ids), len(table)) == (by_id, sorted(by_id), len(by_id))
    assert table.valid_px.tolist() == [by_id[one].valid_px for one in sorted(by_id)]
    assert table.salient_px.tolist() == [by_id[one].salient_px for one in sorted(by_id)]


@given(RECORDS, st.data())
def test_some_records_are_taken(records, data):
    table = collected(records)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table))), np.bool_)
    ids = {scene_id for scene_id, is_taken in zip(table.ids, mask, strict=True) if is_taken}
    assert rows_of(table.take(mask)) == {r.scene_id: r for r in records if r.scene_id in ids}


@given(RECORDS, RECORDS)
def test_what_changed_takes_the_place_of_what_was(before, after):
    merged = {r.scene_id: r for r in (*before, *after)}
    table = changed(collected(before), collected(after))
    assert (rows_of(table), list(table.ids)) == (merged, sorted(merged))


def test_of_two_records_of_one_scene_the_last_counts():
    one = SceneRecord("a", "v1", "k", None)
    table = collected([one, replace(one, scene_id="b"), replace(one, version="v2")])
    assert (list(table.ids), list(table.versions)) == (["a", "b"], ["v2", "v1"])


def test_a_number_that_takes_more_than_64_bits_adds_nothing():
    builder = RecordsBuilder()
    with pytest.raises(struct.error):
        builder.append("a", "v", "k", None, None, 1, 2**63, 1, 1, "", "")
    assert len(builder.columns()) == 0


def test_a_record_takes_less_than_500_bytes():
    one = SceneRecord(
        "", "0" * 16, "0" * 12, "", None, 10**8, 10**5, 10980, 10980, "2026-01-01T00:00:00+00:00"
    )

    def records():
        for number in range(10_000):
            path = f"scenes/T32ABC/2026/{number:06d}/S2A_20260101T{number:09d}_TCI.tif"
            yield replace(one, scene_id=path, store=f"{path}/{number:016x}-0123456789ab.zarr")

    tracemalloc.start()
    table = collected(records())
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) == 10_000
    assert held < 500 * 10_000
