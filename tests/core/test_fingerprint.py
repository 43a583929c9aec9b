import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.fingerprint import array_digest, canonical_json, digest, run_key

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(settings, random):
    keys = list(settings)
    random.shuffle(keys)
    assert digest({key: settings[key] for key in keys}) == digest(settings)


@given(JSON)
def test_canonical_json_is_ascii_of_one_line_without_spaces_of_its_own(value):
    text = canonical_json(value)
    assert text.isascii()
    assert text.isprintable()
    assert canonical_json({"b": [1, 2], "a": None}) == '{"a":null,"b":[1,2]}'


def test_a_tuple_counts_as_a_list():
    assert digest({"bands": (1, 2, 3)}) == digest({"bands": [1, 2, 3]})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_in_json_are_refused_however_deep(bad: float):
    with pytest.raises(ValueError, match="JSON"):
        digest({"stretch": [{"low": bad}]})


def test_values_that_are_no_json_are_refused():
    for bad in ({1, 2}, b"x", np.float32(1), object()):
        with pytest.raises(TypeError):
            digest({"key": bad})


def test_any_change_of_a_setting_changes_the_run_key():
    settings = {"tile_px": 576, "overlap_px": 64, "model": "ab", "bands": [1, 2, 3], "stretch": None}
    keys = {run_key(settings)}
    for name, other in [("tile_px", 577), ("model", "ac"), ("bands", [1, 3, 2]), ("stretch", False)]:
        keys.add(run_key(settings | {name: other}))
    keys.add(run_key({name: value for name, value in settings.items() if name != "stretch"}))
    assert len(keys) == 6
    assert all(len(key) == 12 and int(key, 16) >= 0 for key in keys)


def test_an_array_digest_tells_shapes_of_the_same_bytes_apart():
    flat = np.arange(12, dtype=np.uint8)
    shapes = [(12,), (1, 12), (12, 1), (3, 4), (4, 3), (2, 6), (1, 3, 4)]
    assert len({array_digest(flat.reshape(shape)) for shape in shapes}) == len(shapes)
    assert array_digest(np.zeros((0, 3), np.uint8)) != array_digest(np.zeros((3, 0), np.uint8))


def test_an_array_digest_does_not_see_the_layout_in_memory():
    codes = np.arange(35, dtype=np.uint8).reshape(5, 7)
    assert array_digest(np.asfortranarray(codes)) == array_digest(codes)
    assert array_digest(codes[::2, 1:5]) == array_digest(codes[::2, 1:5].copy())
    assert array_digest(codes.T) == array_digest(codes.T.copy()) != array_digest(codes)


def test_one_changed_byte_changes_the_array_digest():
    codes = np.zeros((5, 7), np.uint8)
    before = array_digest(codes)
    codes[4, 6] = 1
    assert array_digest(codes) != before
