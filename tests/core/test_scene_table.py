"""Scenes as columns are what a tuple of them is, at a part of the memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.scene_table import SceneTable

SCENES = st.lists(
    st.builds(
        Scene, st.text(max_size=5), st.text(), st.text(max_size=3), st.integers(0, 2**50), st.booleans()
    ),
    max_size=8,
)


@given(SCENES)
def test_a_table_is_a_sequence_of_its_scenes(scenes):
    table = SceneTable.of(iter(scenes))
    assert (list(table), table, table) == (scenes, scenes, tuple(scenes))
    assert [table[row] for row in range(len(table))] == scenes
    assert [type(value) for scene in table for value in (scene.size_bytes, scene.has_sidecars)] == [
        int,
        bool,
    ] * len(scenes)
    assert (table[1:], (*table, "x")) == (scenes[1:], (*scenes, "x"))
    assert SceneTable.of(table) is table
    assert table != (*scenes, "x")
    assert (table == 5) is False


@given(SCENES, st.data())
def test_rows_are_taken_in_any_order(scenes, data):
    rows = data.draw(st.permutations(range(len(scenes))))
    table = SceneTable.of(scenes)
    assert table.take(np.array(rows, np.intp)) == [scenes[row] for row in rows]
    assert table.take(np.array([bool(row % 2) for row in rows], np.bool_)) == [
        scene for scene, row in zip(scenes, rows, strict=True) if row % 2
    ]


def test_a_scene_takes_less_than_300_bytes():
    def scenes():
        for number in range(10_000):
            path = f"scenes/T32ABC/2026/{number:06d}/S2A_20260101T{number:09d}_TCI.tif"
            yield Scene(path, f"s3://bucket/{path}", f"{number:016x}", number)

    given_scenes = tuple(scenes())
    tracemalloc.start()
    table = SceneTable.of(given_scenes)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) == 10_000
    assert held < 300 * 10_000
