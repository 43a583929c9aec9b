import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.core.window import Window
from tests.core.strategies import LARGE_TILINGS, SEEDS, tilings


def codes(height_px: int, width_px: int, seed: int, no_data_share: float = 0.3) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, 255, (height_px, width_px), dtype=np.uint8)
    drawn[rng.random(drawn.shape) < no_data_share] = NO_DATA
    return drawn


def halved_by_a_loop(level: NDArray[np.uint8]) -> list[list[int]]:
    rows = range(0, level.shape[0], 2)
    return [[mean(level[r : r + 2, c : c + 2]) for c in range(0, level.shape[1], 2)] for r in rows]


def mean(four: NDArray[np.uint8]) -> int:
    valid = [int(code) for code in four.ravel() if code != NO_DATA]
    return math.floor(sum(valid) / len(valid) + 0.5) if valid else NO_DATA


@given(st.integers(1, 17), st.integers(1, 17), SEEDS, st.sampled_from([0.0, 0.3, 0.8, 1.0]))
def test_halve_is_the_mean_of_the_valid_codes_rounded_half_up(height_px, width_px, seed, share):
    level = codes(height_px, width_px, seed, share)
    assert pyramid.halve(level).tolist() == halved_by_a_loop(level)


@pytest.mark.parametrize("height_px", [127, 128, 129, 255, 256, 257])
def test_halve_is_the_same_where_it_goes_on_from_one_strip_to_the_next(height_px):
    level = codes(height_px, 5, height_px)
    assert pyramid.halve(level).tolist() == halved_by_a_loop(level)
    assert pyramid.halve(level.T).tolist() == halved_by_a_loop(level.T)


def test_every_mean_of_codes_is_rounded_half_up():
    four = np.array([[a, b, c, d] for a in (0, 1, 127, 254, 255) for b in (0, 3, 254, 255) for c in (1, 255)
                     for d in range(256)], dtype=np.uint8)  # fmt: skip
    level = four.reshape(-1, 2, 2).transpose(1, 0, 2).reshape(2, -1)
    assert pyramid.halve(level).ravel().tolist() == [mean(codes) for codes in four]


@given(st.integers(1, 17), st.integers(1, 17), SEEDS)
def test_a_code_is_no_data_only_where_all_of_its_four_are(height_px, width_px, seed):
    level = codes(height_px, width_px, seed, 0.7)
    padded = np.pad(level, [(0, height_px % 2), (0, width_px % 2)], constant_values=NO_DATA)
    four = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2)
    assert ((pyramid.halve(level) == NO_DATA) == (four == NO_DATA).all(axis=(1, 3))).all()


def test_the_largest_codes_do_not_overflow():
    assert pyramid.halve(np.full((4, 4), 254, np.uint8)).tolist() == [[254, 254], [254, 254]]


def test_the_array_that_is_halved_stays_as_it_is():
    level = codes(5, 5, 0)
    before = level.copy()
    pyramid.halve(level)
    assert (level == before).all()


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([4, 8, 16]), st.integers(1, 4), SEEDS)
def test_averaging_block_by_block_is_averaging_the_whole(height_px, width_px, side_px, levels, seed):
    whole = codes(height_px, width_px, seed)
    block_px = side_px * 2 ** (levels - 1)
    parts = {block: whole[block.slices] for block in Window(0, height_px, 0, width_px).split(block_px)}
    for level in range(1, levels):
        whole = pyramid.halve(whole)
        parts = {block: pyramid.halve(part) for block, part in parts.items()}
        for block, part in parts.items():
            row, col = block.row_start // 2**level, block.col_start // 2**level
            assert (whole[row : row + part.shape[0], col : col + part.shape[1]] == part).all()
            assert row + part.shape[0] == min(row + block_px // 2**level, whole.shape[0])


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 2048))
def test_levels_end_at_the_first_that_fits_one_chunk(height_px, width_px, chunk_px):
    count = pyramid.level_count(height_px, width_px, chunk_px)
    assert math.ceil(max(height_px, width_px) / 2 ** (count - 1)) <= chunk_px
    assert count == 1 or math.ceil(max(height_px, width_px) / 2 ** (count - 2)) > chunk_px


@pytest.mark.parametrize(
    ("sizes", "chunk_px", "shards_px"),
    [
        ((576, 64, 4096), 512, [4096, 2048, 1024, 512, None, None]),
        ((256, 32, 896), 224, [896, 448, 224, None]),
        ((576, 64, 512), 512, [512, None]),
        ((576, 64, 1536), 512, [1536, None]),
        ((96, 32, 1024), 512, [1024, 512, None]),
        ((1088, 64, 4096), 512, [4096, 2048, 1024, 512, None, None]),
    ],
)
def test_chunks_and_shards_of_the_stated_cases(sizes, chunk_px, shards_px):
    tiling = Tiling(*sizes)
    assert tiling.chunk_px == chunk_px
    found = [pyramid.level_shard_px(tiling.block_px, chunk_px, level) for level in range(len(shards_px))]
    assert found == shards_px


@given(tilings() | LARGE_TILINGS, st.integers(0, 8))
def test_a_levels_shard_is_whole_chunks_and_one_block_fills_it(tiling: Tiling, level: int):
    shard_px = pyramid.level_shard_px(tiling.block_px, tiling.chunk_px, level)
    if shard_px is None:
        assert pyramid.level_shard_px(tiling.block_px, tiling.chunk_px, level + 1) is None
    else:
        assert shard_px * 2**level == tiling.block_px
        assert shard_px % tiling.chunk_px == 0


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 9))
def test_what_the_parts_of_a_level_are_made_of_is_all_of_the_level_below_once(
    height_px: int, width_px: int, side_px: int
) -> None:
    below = Grid(height_px, width_px)
    seen = np.zeros((height_px, width_px), dtype=int)
    for part in Window(0, -(-height_px // 2), 0, -(-width_px // 2)).split(side_px):
        made_of = pyramid.doubled(part, below)
        seen[made_of.slices] += 1
        assert pyramid.halve(np.zeros((made_of.height_px, made_of.width_px), np.uint8)).shape == (
            part.height_px,
            part.width_px,
        )
    assert np.all(seen == 1)
