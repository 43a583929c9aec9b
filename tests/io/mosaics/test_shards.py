"""The bytes of one shard: what was written is read, nothing is no object, and damage is never pixels."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.shards import ShardSpec

CODES = ShardSpec(16, 8)
COUNTS = ShardSpec(16, 8, dtype="uint16", fill=0)


def values(spec: ShardSpec, height: int, width: int, seed: int) -> np.ndarray:
    """Return values of every chunk, some chunks of nothing but the fill value."""
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 255 if spec.dtype == "uint8" else 60_000, (height, width)).astype(spec.dtype)
    if seed % 2:
        found[:8, :8] = spec.fill
    found[-1, -1] = 7
    return found


@given(
    st.sampled_from([CODES, COUNTS, ShardSpec(16, 4, 3), ShardSpec(16, 16)]),
    *(st.integers(1, 16), st.integers(1, 16), st.integers(0, 99)),
)
def test_what_is_encoded_is_decoded(spec, height, width, seed):
    wanted = values(spec, height, width, seed)
    data = spec.encode(wanted)
    found = spec.decode(data, (height, width))
    assert found.dtype == np.dtype(spec.dtype)
    np.testing.assert_array_equal(found, wanted)
    assert spec.encode(wanted) == data, "the bytes of a block are the same whoever writes it"


@pytest.mark.parametrize("spec", [CODES, COUNTS])
def test_a_shard_of_nothing_but_the_fill_value_needs_no_object(spec):
    assert spec.encode(np.full((16, 9), spec.fill, spec.dtype)) is None
    one = np.full((16, 9), spec.fill, spec.dtype)
    one[3, 4] = 1
    assert spec.encode(one) is not None


@pytest.mark.parametrize("shape", [(17, 1), (1, 17)])
def test_more_than_a_shard_holds_is_refused(shape):
    with pytest.raises(ValueError, match="are more than a shard of 16 px holds"):
        CODES.encode(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="are more than a shard of 16 px holds"):
        CODES.decode(b"data", shape)


DATA = CODES.encode(values(CODES, 16, 16, 0)) or b""


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_a_changed_byte_never_gives_other_pixels(at, by):
    damaged = DATA[:at] + bytes([DATA[at] ^ by]) + DATA[at + 1 :]
    # zstd has a bit in its header that it does not look at.
    with suppress(ValueError, RuntimeError):
        np.testing.assert_array_equal(CODES.decode(damaged, (16, 16)), values(CODES, 16, 16, 0))


@given(st.integers(1, 255))
def test_a_changed_byte_of_pixels_or_index_is_told(by):
    for at in (len(DATA) // 4, len(DATA) - 1, len(DATA) - 10):
        damaged = DATA[:at] + bytes([DATA[at] ^ by]) + DATA[at + 1 :]
        with pytest.raises((ValueError, RuntimeError)):
            CODES.decode(damaged, (16, 16))


@given(st.integers(0, len(DATA) - 1))
def test_no_part_of_an_object_is_ever_taken_for_pixels(size):
    with pytest.raises((ValueError, RuntimeError)):
        CODES.decode(DATA[:size], (16, 16))


@pytest.mark.parametrize(
    ("window", "key"),
    [
        (Window(0, 16, 0, 16), "c/0/0"),
        (Window(16, 32, 48, 64), "c/1/3"),
        (Window(17, 18, 15, 16), "c/1/0"),
    ],
)
def test_the_key_is_that_of_the_shard_that_a_window_lies_in(window, key):
    assert CODES.key(window) == key


@pytest.mark.parametrize(("shard_px", "chunk_px"), [(16, 5), (4, 8), (0, 1), (16, 0), (-16, 8)])
def test_a_shard_is_made_of_whole_chunks(shard_px, chunk_px):
    with pytest.raises(ValueError, match="a shard needs whole chunks"):
        ShardSpec(shard_px, chunk_px)
