"""What is known of objects comes back as it was written, and other files are told."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sgddiff_batch.io.objects.id_state import IdState, SceneKey, decode_state, empty_state


def test_a_state_comes_back_as_it_was():
    numbers = [np.array(values, np.int64) for values in ([0, 2], [0, 1], [1, 0], [1, 1])]
    state = IdState(
        (SceneKey(None, "a", "a/x.zarr"), SceneKey("2026-01-01T00:00:00+00:00", "b", "b/x.zarr")),
        np.array([b"0" * 20, b"f" * 20]),
        *numbers,
        into=np.array([b"", b"0" * 20], "S20"),
        shapes=np.array([shapely.box(0, 0, 1, 1), None], dtype=object),
    )
    found = decode_state(state.encode())
    assert found.scenes == state.scenes
    for name in ("ids", "state", "seen_in", "told_by", "last_by", "into", "shapes"):
        assert getattr(found, name).tolist() == getattr(state, name).tolist()
    assert state.encode() == found.encode()


def test_an_empty_state_comes_back():
    found = decode_state(empty_state().encode())
    assert (len(found.ids), found.scenes) == (0, ())


def test_scenes_of_no_known_time_are_first():
    keys = [SceneKey("2026", "b", "1"), SceneKey(None, "z", "1"), SceneKey("2026", "a", "2")]
    assert [key.scene_id for key in sorted(keys, key=lambda key: key.order)] == ["z", "a", "b"]


@pytest.mark.parametrize("data", [b"", b"PAR1"])
def test_what_is_no_state_is_told(data):
    with pytest.raises((ValueError, OSError)):
        decode_state(data)
