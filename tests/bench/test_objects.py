"""The bench of objects matches what it makes: each square of a place is one object in both scenes."""

from __future__ import annotations

from sgddiff_batch.io.objects.geoparquet import decode
from sgddiff_batch.io.storage import open_store
from tests.bench.objects import measured, part_costs, write_parts


def test_a_small_bench_knows_as_many_objects_as_places_have_squares(tmp_path):
    write_parts(str(tmp_path), 4, 50)
    told = measured(str(tmp_path), 4, 50)
    assert set(told) == {"first_night", "second_night", "peak_gb"}
    store = open_store(str(tmp_path))
    files = [key for key in store.keys("_objects/generations") if "mosaics" not in key]
    rows = max((decode(store.read(key))[0] for key in files), key=len)
    assert (rows.num_rows, len(rows["id"].unique())) == (200, 100)
    assert set(rows["state"].to_pylist()) == {"seen"}


def test_the_cost_of_a_part_is_that_of_more_objects_the_less_smooth_its_map_is():
    few, many = (part_costs(smooth, side=120, rounds=1) for smooth in (14, 2))
    assert 1 < few["objects"] < many["objects"] / 4
    assert set(few) == {"objects", "cpu_ms", "simplify_ms", "topology_ms"}
