import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import assume, given
from hypothesis import strategies as st

from sgddiff_batch.core.grid import IDENTITY, Grid, Transform

COEFFICIENTS = st.floats(-1e7, 1e7, allow_nan=False, width=32)
SIDES = st.integers(1, 300)


@st.composite
def transforms(draw: st.DrawFn) -> Transform:
    a, b, c, d, e, f = (draw(COEFFICIENTS) for _ in range(6))
    assume(abs(a * e - b * d) > 1e-6)
    return Transform(a, b, c, d, e, f)


@given(SIDES, SIDES, st.integers(0, 9))
def test_a_level_is_the_one_below_halved_and_rounded_up(height_px: int, width_px: int, number: int):
    assert Grid(height_px, width_px).level(0) == Grid(height_px, width_px)
    above, below = Grid(height_px, width_px).level(number + 1), Grid(height_px, width_px).level(number)
    assert (above.height_px, above.width_px) == (
        math.ceil(below.height_px / 2),
        math.ceil(below.width_px / 2),
    )


@given(transforms(), SIDES, SIDES, st.integers(0, 6))
def test_every_level_starts_at_the_same_corner_with_larger_pixels(t, height_px, width_px, number):
    level = Grid(height_px, width_px, t, "WKT").level(number)
    assert level.transform.apply(0, 0) == t.apply(0, 0)
    assert level.transform.apply(3, 5) == t.apply(3 * 2**number, 5 * 2**number)
    assert level.crs_wkt == "WKT"


@given(transforms(), st.floats(-10, 300), st.floats(-10, 300))
def test_apply_is_what_rasterio_does(t: Transform, col: float, row: float):
    x, y, _ = np.array(Affine(*t.coefficients)).reshape(3, 3) @ (col, row, 1)
    assert t.apply(col, row) == pytest.approx((x, y), rel=1e-12, abs=1e-6)


@given(transforms())
def test_the_geotransform_is_in_gdals_order_and_loses_no_digit(t: Transform):
    numbers = tuple(float(word) for word in t.geotransform.split(" "))
    assert numbers == Affine(*t.coefficients).to_gdal()


def test_the_geotransform_of_whole_numbers_is_written_as_floats():
    assert Transform(10, 0, 499980, 0, -10, 5000040).geotransform == "499980.0 10.0 0.0 5000040.0 0.0 -10.0"


@given(transforms(), SIDES, SIDES)
def test_the_bbox_holds_every_corner_and_no_more(t: Transform, height_px: int, width_px: int):
    corners = [t.apply(col, row) for col in (0, width_px) for row in (0, height_px)]
    xs, ys = zip(*corners, strict=True)
    assert Grid(height_px, width_px, t).bbox == (min(xs), min(ys), max(xs), max(ys))


@pytest.mark.parametrize(
    ("transform", "bbox"),
    [
        (Transform(10, 0, 100, 0, -10, 500), (100, 470, 140, 500)),  # north up
        (Transform(10, 0, 100, 0, 10, 500), (100, 500, 140, 530)),  # bottom up
        (Transform(-10, 0, 100, 0, -10, 500), (60, 470, 100, 500)),  # mirrored
        (Transform(0, 10, 100, 10, 0, 500), (100, 500, 130, 540)),  # rows run east
        (Transform(1, 1, 0, 1, -1, 0), (0, -3, 7, 4)),  # turned by 45 degrees
    ],
)
def test_the_bbox_is_right_however_the_grid_lies(transform: Transform, bbox: tuple[float, ...]):
    assert Grid(3, 4, transform).bbox == bbox


def test_the_bbox_of_the_format_page_comes_out():
    grid = Grid(10980, 10980, Transform(10.0, 0.0, 499980.0, 0.0, -10.0, 5000040.0))
    assert grid.bbox == (499980.0, 4890240.0, 609780.0, 5000040.0)


def test_coordinates_are_pixel_centres():
    grid = Grid(2, 3, Transform(10, 0, 100, 0, -20, 500))
    assert grid.x_centres().tolist() == [105, 115, 125]
    assert grid.y_centres().tolist() == [490, 470]
    assert (grid.x_centres().dtype, grid.y_centres().dtype) == (np.float64, np.float64)


@given(SIDES, SIDES, st.integers(0, 5))
def test_centres_are_where_apply_puts_the_middle_of_a_pixel(height_px, width_px, number):
    t = Transform(0.3, 0, 7.1, 0, -0.7, 60.2)
    level = Grid(height_px, width_px, t).level(number)
    x, y = level.transform.apply(level.width_px - 0.5, level.height_px - 0.5)
    assert level.x_centres()[-1] == pytest.approx(x, rel=1e-14)
    assert level.y_centres()[-1] == pytest.approx(y, rel=1e-14)
    assert (len(level.x_centres()), len(level.y_centres())) == (level.width_px, level.height_px)


def test_only_a_grid_along_the_axes_is_axis_aligned():
    assert IDENTITY.is_axis_aligned
    assert Transform(1, 0, 0, 0, 1, 0).is_axis_aligned
    assert not Transform(0, 1, 0, 1, 0, 0).is_axis_aligned
    assert not Transform(1, 0.1, 0, 0, 1, 0).is_axis_aligned


@pytest.mark.parametrize(
    "bad", [(0, 0, 0, 0, 0, 0), (1, 2, 0, 2, 4, 0), (math.nan, 0, 0, 0, 1, 0), (1, 0, math.inf, 0, 1, 0)]
)
def test_a_transform_that_maps_nothing_is_refused(bad: tuple[float, ...]):
    with pytest.raises(ValueError, match="finite and invertible"):
        Transform(*bad)


def test_a_grid_without_pixels_is_refused():
    for sides in ((0, 5), (5, 0), (-1, 5)):
        with pytest.raises(ValueError, match="at least one pixel"):
            Grid(*sides)
