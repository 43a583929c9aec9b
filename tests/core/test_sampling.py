from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.sampling import WINDOW_PX, sites

SIDES = st.integers(1, 120_000)


@given(SIDES, SIDES)
def test_there_are_at_most_64_windows_each_within_the_scene_and_apart(height: int, width: int):
    found = list(sites(height, width))
    assert 1 <= len(found) <= 64
    assert len({site.window for site in found}) == len(found)
    for axis, length in (("row", height), ("col", width)):
        spans = sorted(
            {(getattr(s.window, f"{axis}_start"), getattr(s.window, f"{axis}_stop")) for s in found}
        )
        assert spans[-1][1] <= length
        assert all(start % WINDOW_PX == 0 for start, _ in spans)
        assert all(stop <= start for (_, stop), (start, _) in pairwise(spans))


@given(SIDES, SIDES)
def test_every_window_gives_samples_a_million_at_most(height: int, width: int):
    counts = []
    for site in sites(height, width):
        rows, cols = site.slices
        counts.append(len(range(site.window.height_px)[rows]) * len(range(site.window.width_px)[cols]))
    assert min(counts) >= 1
    assert sum(counts) <= 2**20 * 1.1


@given(st.integers(1, 1024), st.integers(1, 1024))
def test_all_of_a_small_scene_counts_once(height: int, width: int):
    seen = np.zeros((height, width), dtype=int)
    for site in sites(height, width):
        seen[site.window.slices][site.slices] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("side", [1025, 2100, 4096])
def test_a_scene_of_middle_size_is_covered_without_gaps(side: int):
    seen = np.zeros((side, side), dtype=int)
    for site in sites(side, side):
        seen[site.window.slices] += 1
    assert (seen == 1).all()


def test_every_row_and_column_of_a_stripe_pattern_is_met():
    """A sensor's stripes every four pixels must not be met in one of their four places alone."""
    met = {
        (int(row) % 4, int(col) % 4)
        for site in sites(10_980, 10_980)
        for row in range(site.window.row_start, site.window.row_stop)[site.slices[0]][:1]
        for col in range(site.window.col_start, site.window.col_stop)[site.slices[1]][:1]
    }
    assert len(met) == 16
