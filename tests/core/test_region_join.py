"""Joined over any blocks, regions are those of the whole picture, and only what is open is kept."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.region_join import NAMES, RegionJoin, chosen, joined, split
from sgddiff_batch.core.regions import block_regions
from sgddiff_batch.core.window import Window
from tests.core.region_examples import (
    MASKS,
    code_pictures,
    normal,
    polygons_by_blocks,
    polygons_by_gdal,
    regions_by_blocks,
)


def facts(regions):
    return sorted(zip(*(regions.sums[name].tolist() for name in NAMES), strict=True))


@given(code_pictures(), st.integers(1, 17), st.sampled_from([(1, 1), (50, 50), (50, 100), (50, 254)]))
def test_parts_joined_are_the_regions_of_the_whole_picture(codes, block_px, levels):
    whole, parts = (regions_by_blocks(codes, size, *levels) for size in (99, block_px))
    assert facts(parts) == facts(whole)
    assert normal(polygons_by_blocks(codes, block_px, *levels)) == normal(
        polygons_by_blocks(codes, 99, *levels)
    )


@pytest.mark.parametrize("block_px", [1, 2, 3])
@pytest.mark.parametrize("name", MASKS)
def test_forms_that_cross_many_borders_are_drawn_as_gdal_draws_the_whole(name, block_px):
    mask = MASKS[name]
    assert normal(polygons_by_blocks(mask * 200, block_px, 1, 1)) == normal(polygons_by_gdal(mask))


@given(code_pictures(), st.integers(1, 17))
def test_hysteresis_keeps_the_low_regions_that_hold_a_high_code(codes, block_px):
    low = polygons_by_gdal((codes >= 50) & (codes != 255))
    high = shapely.union_all(polygons_by_gdal((codes >= 100) & (codes != 255)))
    wanted = [polygon for polygon in low if polygon.intersection(high).area > 0]
    assert normal(polygons_by_blocks(codes, block_px, 50, 100)) == normal(wanted)


def test_only_regions_beside_blocks_to_come_are_kept():
    codes = np.zeros((8, 8), np.uint8)
    codes[1, 1] = codes[0, 3] = codes[6, 6] = codes[3, 0] = 200
    join, left = RegionJoin(8, 8, 1), []
    for window in Window(0, 8, 0, 8).split(4):
        join.add(block_regions(codes[window.slices], window, 1))
        left.append(join.open_regions)
    assert left == [2, 1, 0, 0], "at its right and lower border; the right one is over first"


def test_blocks_out_of_order_are_refused():
    join, window = RegionJoin(8, 8, 1), Window(4, 8, 0, 4)
    with pytest.raises(ValueError, match="row by row"):
        join.add(block_regions(np.zeros((4, 4), np.uint8), window, 1))


@given(code_pictures(), st.integers(0, 2**16))
def test_chosen_regions_keep_their_sums_and_outlines(codes, seed):
    regions = regions_by_blocks(codes, 99, 50, 50)
    is_chosen = np.random.default_rng(seed).random(len(regions)) < 0.5
    parts = [chosen(regions, is_chosen), chosen(regions, ~is_chosen)]
    assert [len(part) for part in parts] == [is_chosen.sum(), (~is_chosen).sum()]
    both = joined(parts)
    assert facts(both) == facts(regions)
    assert sorted(both.corners.charge.tolist()) == sorted(regions.corners.charge.tolist())
    assert np.unique(both.corners.region).tolist() == [*range(len(regions))]


@given(code_pictures(), st.integers(1, 40))
def test_split_regions_are_all_of_them_in_parts_of_few_corners(codes, most):
    regions = regions_by_blocks(codes, 99, 50, 50)
    parts = list(split(regions, most))
    assert all(len(part) == 1 or len(part.corners) <= most for part in parts)
    assert facts(joined(parts)) == facts(regions)
    assert joined(parts).corners.region.tolist() == regions.corners.region.tolist()
