"""Polygons of regions are valid, however they are simplified, and lie where the pixels do."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.io.geodesy import Shapes
from sgddiff_batch.io.objects.polygons import placed, polygons_of, simplified
from tests.bench.objects import smooth_codes
from tests.core.region_examples import MASKS, code_pictures, normal, polygons_by_gdal, regions_by_blocks

_CROSSING = np.array(
    [
        [0, 1, 1, 1, 1, 1, 1, 0],
        [0, 1, 0, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1, 0, 1],
        [1, 1, 1, 0, 1, 1, 1, 0],
        [0, 1, 1, 0, 1, 1, 1, 0],
    ],
    np.uint8,
)


@given(code_pictures())
def test_polygons_are_those_that_gdal_draws(codes):
    found = polygons_of(regions_by_blocks(codes, 5, 50, 50))
    assert normal([*found]) == normal(polygons_by_gdal((codes >= 50) & (codes != 255)))


@given(code_pictures(40), st.sampled_from([0.5, 1, 1.5, 3]))
def test_simplified_outlines_are_valid_near_and_about_as_large(codes, tolerance_px):
    exact = polygons_of(regions_by_blocks(codes, 99, 50, 50))
    found = simplified(exact, tolerance_px)
    assert shapely.is_valid(found).all()
    assert (shapely.hausdorff_distance(found, exact) <= tolerance_px + 1e-9).all()
    np.testing.assert_allclose(shapely.area(found), shapely.area(exact), rtol=0.1)


def test_outlines_of_a_dense_map_are_valid_within_the_tolerance_keep_holes_and_part_no_neighbours():
    exact = polygons_of(regions_by_blocks(smooth_codes(3, 200), 999, 50, 50))
    found = simplified(exact, 1)
    assert shapely.is_valid(found).all()
    np.testing.assert_array_equal(
        shapely.get_num_interior_rings(found), shapely.get_num_interior_rings(exact)
    )
    assert shapely.hausdorff_distance(found, exact).max() <= 1 + 1e-9
    assert shapely.get_num_coordinates(found).sum() < shapely.get_num_coordinates(exact).sum() / 2
    assert _in_common(found) <= _in_common(shapely.simplify(exact, 1))


def test_an_object_whose_rings_would_cross_is_simplified_with_its_topology():
    (exact,) = polygons_of(regions_by_blocks(_CROSSING, 9, 1, 1))
    rings = shapely.get_rings(exact)
    alone = shapely.simplify(rings, 1, preserve_topology=False)
    alone = np.where(shapely.get_num_coordinates(alone) > 3, alone, rings)
    assert not shapely.Polygon(alone[0], alone[1:]).is_valid
    (found,) = simplified(np.array([exact]), 1)
    assert found.is_valid
    assert len(found.exterior.coords) < len(exact.exterior.coords)
    assert found.area == pytest.approx(exact.area, rel=0.1)
    assert shapely.hausdorff_distance(found, exact) <= 1 + 1e-9


def test_outlines_of_noise_of_which_some_would_cross_are_within_the_tolerance():
    noise = np.random.default_rng(7).random((160, 160)) < 0.56
    exact = polygons_of(regions_by_blocks(noise.astype(np.uint8), 999, 1, 1))
    found = simplified(exact, 1)
    assert shapely.is_valid(found).all()
    assert shapely.hausdorff_distance(found, exact).max() <= 1 + 1e-9
    assert shapely.hausdorff_distance(shapely.simplify(exact, 1), exact).max() > 1.1


def test_simplifying_straightens_stairs_and_leaves_single_pixels():
    stairs = np.tri(40, dtype=np.uint8)
    stairs[0, 39] = 1
    exact = polygons_of(regions_by_blocks(stairs, 99, 1, 1))
    points = dict(
        zip(shapely.area(exact).tolist(), shapely.get_num_coordinates(simplified(exact, 1)), strict=True)
    )
    assert points[1] == 5
    assert points[820] < 10 < shapely.get_num_coordinates(exact).max()


@pytest.mark.parametrize(
    "transform", [Transform(2, 0, 9, 0, -2, 9), Transform(0, 3, 1, 3, 1, 0), Transform(1, 0, 0, 0, 1, 0)]
)
def test_placed_outlines_run_counter_clockwise_and_corners_are_those_of_the_pixels(transform):
    (found,) = placed(
        polygons_of(regions_by_blocks(MASKS["a loop that closes in a point"], 9, 1, 1)), transform
    )
    assert found.exterior.is_ccw
    assert not found.interiors[0].is_ccw
    assert transform.apply(0, 0) in found.exterior.coords
    assert transform.apply(2, 1) in found.interiors[0].coords


def _in_common(polygons: Shapes) -> float:
    """Return the area that polygons have in common with others of them."""
    one, other = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    pairs = one < other
    return float(shapely.area(shapely.intersection(polygons[one[pairs]], polygons[other[pairs]])).sum())
