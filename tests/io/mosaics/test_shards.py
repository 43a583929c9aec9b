"""The bytes of one shard: what was written is read, nothing is no object, and damage is never pixels."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numcodecs.zstd import Zstd

from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.nodes import node_bytes
from sgddiff_batch.io.mosaics.shards import ShardSpec
from tests.io.mosaics import zarr_reference

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


@st.composite
def shards(draw: st.DrawFn) -> tuple[ShardSpec, np.ndarray]:
    """Draw codes of every kind of shard: whole ones, edges, no data in some chunks or in all of them."""
    chunk_px, side = draw(st.sampled_from([1, 2, 3, 5, 8, 16, 40])), draw(st.integers(1, 9))
    dtype = draw(st.sampled_from(["uint8", "uint16"]))
    highest = np.iinfo(dtype).max
    fill = draw(st.sampled_from([0, 7, 255, highest]))
    spec = ShardSpec(chunk_px * side, chunk_px, draw(st.integers(-3, 9)), dtype, fill)
    lengths = st.one_of(st.just(spec.shard_px), st.integers(1, spec.shard_px))
    height, width = draw(lengths), draw(lengths)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    codes = rng.integers(0, draw(st.sampled_from([1, 2, highest])) + 1, (height, width)).astype(dtype)
    holes = rng.random((side, side)) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    codes[np.kron(holes, np.ones((chunk_px, chunk_px), bool))[:height, :width]] = fill
    return spec, codes


@given(shards())
def test_the_bytes_are_those_of_zarr(shard):
    spec, codes = shard
    data = spec.encode(codes)
    assert data == zarr_reference.encode(spec, codes)
    assert data == spec.encode(np.asfortranarray(codes))
    if data is not None:
        np.testing.assert_array_equal(spec.decode(data, codes.shape), codes)
        np.testing.assert_array_equal(zarr_reference.decode(spec, data, codes.shape), codes)


@pytest.mark.parametrize(("shape", "px"), [((560, 560), 4096), ((4096, 1100), 4096), ((1024, 2048), 2048)])
def test_the_bytes_of_large_chunks_are_those_of_zarr(shape, px):
    rng = np.random.default_rng(3)
    codes = np.cumsum(rng.integers(-1, 2, shape), axis=1).clip(0, 254).astype(np.uint8)
    codes[:512, 512:700] = 255
    spec = ShardSpec(px, 512)
    assert spec.encode(codes) == zarr_reference.encode(spec, codes)


@given(shards())
def test_the_metadata_is_that_of_zarr(shard):
    spec, codes = shard
    node = node_bytes(spec.node(codes.shape, {"a": 1.0}))
    assert node == zarr_reference.array_object(spec, "0/saliency", codes.shape, {"a": 1.0})


def test_codes_are_never_changed():
    codes = values(CODES, 13, 16, 1)
    before = codes.copy()
    codes.flags.writeable = False
    CODES.encode(codes)
    np.testing.assert_array_equal(codes, before)


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


@given(st.data())
def test_damage_is_told_wherever_zarr_tells_it_and_by_no_other_error(data):
    spec, codes = data.draw(shards())
    encoded = spec.encode(codes)
    if encoded is None:
        return
    start = data.draw(st.integers(0, len(encoded)))
    stop = data.draw(st.integers(start, min(len(encoded), start + 9)))
    damaged = encoded[:start] + data.draw(st.binary(max_size=9)) + encoded[stop:]
    try:
        found = spec.decode(damaged, codes.shape)
    except (ValueError, RuntimeError):
        return
    np.testing.assert_array_equal(found, zarr_reference.decode(spec, damaged, codes.shape))


def with_index(index: np.ndarray, chunks: bytes) -> bytes:
    """Return an object whose index has a checksum of its own."""
    data = index.astype("<u8").tobytes()
    return chunks + data + google_crc32c.value(data).to_bytes(4, "little")


SIZED = [(0b001, 1), (0b010, 2), (0b100, 4), (0b110, 8)]
"""The highest three bits of a frame's descriptor, and the bytes of the size that it says."""


@pytest.mark.parametrize(("bits", "size"), SIZED)
@pytest.mark.parametrize("claimed", [0, 63, 65, 2**31, 2**40, 2**63 + 5, 2**64 - 2, 2**64 - 1])
def test_a_chunk_that_says_it_is_of_another_size_is_refused_before_there_is_room_for_it(bits, size, claimed):
    spec = ShardSpec(8, 8)
    frame = Zstd(level=1, checksum=True).encode(np.arange(64, dtype=np.uint8))
    assert frame[4] >> 5 == 0b001, "one segment, its size in one byte"
    window = b"" if bits & 1 else b"\x50"
    wrong = (claimed & (1 << 8 * size) - 1).to_bytes(size, "little")
    forged = frame[:4] + bytes([bits << 5 | frame[4] & 31]) + window + wrong + frame[6:]
    data = with_index(np.array([0, len(forged)]), forged)
    tracemalloc.start()
    with pytest.raises((ValueError, RuntimeError)):
        spec.decode(data, (8, 8))
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


@pytest.mark.parametrize("again", [b"", b"(", b"(\xb5/\xfd"])
def test_a_chunk_that_is_no_frame_is_refused(again):
    with pytest.raises((ValueError, RuntimeError)):
        ShardSpec(8, 8).decode(with_index(np.array([0, len(again)]), again), (8, 8))


def test_a_chunk_of_two_frames_is_refused():
    frame = Zstd(level=1, checksum=True).encode(np.arange(64, dtype=np.uint8))
    with pytest.raises((ValueError, RuntimeError)):
        ShardSpec(8, 8).decode(with_index(np.array([0, 2 * len(frame)]), 2 * frame), (8, 8))


@pytest.mark.parametrize("index", [(0, 10**6), (2**64 - 2, 3), (2**64 - 1, 5), (10**6, 2**64 - 1), (5, 0)])
def test_a_chunk_that_lies_outside_of_its_object_is_refused(index):
    frame = Zstd(level=1, checksum=True).encode(np.arange(64, dtype=np.uint8))
    with pytest.raises((ValueError, RuntimeError)):
        ShardSpec(8, 8).decode(with_index(np.array(index, dtype=np.uint64), frame), (8, 8))


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
