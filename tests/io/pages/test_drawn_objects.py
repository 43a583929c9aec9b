"""Objects are counted from the file that readers have, as far as it can be read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sgddiff_batch.core.object_ids import region_id
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.io.objects import find_objects
from sgddiff_batch.io.pages import drawn_objects
from sgddiff_batch.io.pages.drawn_objects import object_counts
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.runs import report_page
from tests.io.pages.page_examples import made_output
from tests.kit import jobs
from tests.kit.pages import seen

NAMES = ("id", "run", "state", "store", "row", "col")


def write(folder, *rows, names=NAMES):
    kinds = [pa.int32() if name in ("row", "col") else pa.string() for name in names]
    columns = [pa.array([row[n] for row in rows], kinds[n]) for n in range(len(names))]
    pq.write_table(pa.table(columns, names=list(names)), folder / "objects.parquet")
    return open_store(str(folder))


def test_an_object_is_new_where_the_run_s_mosaic_was_first_to_show_it(tmp_path):
    known, new, other = region_id("gone.zarr", 0, 0), region_id("b.zarr", 3, 4), region_id("c.zarr", 3, 4)
    store = write(
        tmp_path,
        (known, "2", "seen", "b.zarr", 0, 0), (new, "2", "vanished", "b.zarr", 3, 4),
        (new, "2", "vanished", "d.zarr", 3, 4), (other, "1", None, "c.zarr", 3, 4),
        ("d", None, "merged", None, None, None),
    )  # fmt: skip
    assert [(one["count"], one["words"]) for one in object_counts(store, "2")] == [
        ("4", "objects"), ("1", "objects that no run before has shown"), ("1", "objects that have vanished"),
    ]  # fmt: skip
    assert object_counts(store, "none")[1]["count"] == "0"


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_damaged_file_costs_the_counts(tmp_path, data, caplog):
    (tmp_path / "objects.parquet").write_bytes(data)
    assert object_counts(open_store(str(tmp_path)), "1") == []
    assert "the objects could not be read" in caplog.text


def test_a_file_without_the_columns_and_an_output_without_objects_have_no_counts(tmp_path):
    assert object_counts(open_store(str(tmp_path)), "1") == []
    assert object_counts(write(tmp_path, ("a",), names=("id",)), "1") == []
    assert [one["count"] for one in object_counts(write(tmp_path), "1")] == ["0", "0", "0"]


def test_of_very_many_only_their_number_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(drawn_objects, "_MOST_ROWS", 1)
    store = write(tmp_path, ("a", "1", "seen", "s", 0, 0), ("b", "1", "seen", "s", 0, 1))
    assert object_counts(store, "1") == [{"count": "2", "words": "sightings of objects"}]


def test_the_page_counts_what_the_command_has_drawn(tmp_path):
    output = made_output(tmp_path)
    found = find_objects(str(output), ObjectSettings())
    (report,) = jobs.reports(output)
    counts = object_counts(open_store(str(output)), report["run_id"])
    ids = np.unique(pq.read_table(output / "objects.parquet")["id"].to_numpy())
    assert sum(one.objects for one in found.mosaics) >= len(ids) > 0
    assert [one["count"] for one in counts] == [f"{len(ids):,}", f"{len(ids):,}", "0"]
    assert "objects that no run before has shown" in seen(report_page(str(output)).html).text
