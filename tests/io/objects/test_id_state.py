"""What is known of objects comes back as it was written, and other files are told."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sgddiff_batch.io.arrow import parquet_of
from sgddiff_batch.io.objects.id_state import IdState, SceneKey, both, decode_state, empty_state, outlines_of

SHAPES = np.array([shapely.box(0, 0, 1, 1), None], dtype=object)


def state_of_two() -> IdState:
    numbers = [np.array(values, np.int64) for values in ([0, 2], [0, 1], [1, 0], [1, 1])]
    return IdState(
        (SceneKey(None, "a", "a/x.zarr", "c" * 12), SceneKey("2026-01-01T00:00:00+00:00", "b", "b/x.zarr")),
        np.array([b"0" * 20, b"f" * 20]),
        *numbers,
        into=np.array([b"", b"0" * 20], "S20"),
        outlines=outlines_of(SHAPES),
        bounds=shapely.bounds(SHAPES),
    )


def test_a_state_comes_back_as_it_was():
    state = state_of_two()
    found = decode_state(parquet_of(state.encode()))
    assert found.scenes == state.scenes
    for name in ("ids", "state", "seen_in", "told_by", "last_by", "into"):
        assert getattr(found, name).tolist() == getattr(state, name).tolist()
    np.testing.assert_array_equal(found.bounds, state.bounds)
    assert found.shapes().tolist() == SHAPES.tolist()
    assert state.encode() == found.encode()


def test_an_empty_state_comes_back():
    found = decode_state(parquet_of(empty_state().encode()))
    assert (len(found.ids), found.scenes) == (0, ())


def test_scenes_of_no_known_time_are_first():
    keys = [SceneKey("2026", "b", "1"), SceneKey(None, "z", "1"), SceneKey("2026", "a", "2")]
    assert [key.scene_id for key in sorted(keys, key=lambda key: key.order)] == ["z", "a", "b"]


@pytest.mark.parametrize("data", [b"", b"PAR1"])
def test_what_is_no_state_is_told(data):
    with pytest.raises((ValueError, OSError)):
        decode_state(parquet_of(data))


def test_parts_of_a_state_put_together_are_the_state_whichever_is_first():
    state = state_of_two()
    parts = [state.chosen(np.array(rows)) for rows in ([True, False], [False, True])]
    for one, other in (parts, parts[::-1]):
        assert both(one, other).in_order().encode() == state.encode()
