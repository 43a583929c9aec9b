import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.tiling import Lattice, LatticeAxis
from sgddiff_batch.core.window import Window
from tests.core.strategies import LENGTHS, axes, intervals, tile_and_overlap, windows


def spans(axis: LatticeAxis) -> list[range]:
    """The pixels of each tile, those past the edge included."""
    return [range(k * axis.stride_px, k * axis.stride_px + axis.tile_px) for k in range(axis.count)]


@st.composite
def axis_and_interval(draw: st.DrawFn) -> tuple[LatticeAxis, int, int]:
    axis = draw(axes())
    return axis, *draw(intervals(axis.length_px))


@given(axes())
def test_every_pixel_is_in_one_or_two_tiles_the_last_one_included(axis: LatticeAxis):
    for pixel in range(axis.length_px):
        assert 1 <= sum(pixel in span for span in spans(axis)) <= 2


@given(axes())
def test_the_number_of_tiles_is_that_of_the_design(axis: LatticeAxis):
    assert axis.count == max(1, math.ceil((axis.length_px - axis.overlap_px) / axis.stride_px))


@given(axes())
def test_only_the_last_tile_reaches_past_the_edge_and_holds_more_than_the_overlap(axis: LatticeAxis):
    *inner, last = spans(axis)
    assert all(span.stop <= axis.length_px for span in inner)
    assert last.stop >= axis.length_px
    assert axis.count == 1 or axis.length_px - last.start > axis.overlap_px


@given(axes())
def test_the_weights_of_all_tiles_sum_to_the_same_at_every_pixel(axis: LatticeAxis):
    total = np.zeros(axis.length_px + axis.tile_px, dtype=np.int64)
    for span, weights in zip(spans(axis), axis.weights(range(axis.count)), strict=True):
        total[span.start : span.stop] += weights
    assert (total[: axis.length_px] == axis.weight_sum).all()


@given(axes())
def test_weights_are_positive_and_flat_at_the_edges_of_the_scene(axis: LatticeAxis):
    weights = axis.weights(range(axis.count))
    assert (weights >= 1).all()
    assert (weights <= axis.weight_sum).all()
    assert (weights[0, : axis.stride_px] == axis.weight_sum).all()
    assert (weights[-1, axis.overlap_px :] == axis.weight_sum).all()


@given(axes(), st.data())
def test_the_weights_of_a_tile_do_not_depend_on_which_tiles_are_asked_for(axis: LatticeAxis, data):
    part = range(*data.draw(intervals(axis.count)))
    assert (axis.weights(part) == axis.weights(range(axis.count))[part.start : part.stop]).all()


@given(axis_and_interval())
def test_touching_lists_exactly_the_tiles_that_share_a_pixel(drawn: tuple[LatticeAxis, int, int]):
    axis, start, stop = drawn
    wanted = [k for k, span in enumerate(spans(axis)) if span.start < stop and start < span.stop]
    assert list(axis.touching(start, stop)) == wanted


@given(axis_and_interval())
def test_the_halo_is_the_union_of_the_touching_tiles_and_no_more(drawn: tuple[LatticeAxis, int, int]):
    axis, start, stop = drawn
    union = {pixel for k in axis.touching(start, stop) for pixel in spans(axis)[k]}
    assert set(range(*axis.halo(start, stop))) == {pixel for pixel in union if pixel < axis.length_px}


@given(tile_and_overlap(), st.integers(1, 3), LENGTHS, st.data())
def test_the_halo_of_a_task_is_at_most_a_stride_before_and_the_overlap_after(sizes, strides, length, data):
    axis = LatticeAxis(length, *sizes)
    block_px = axis.stride_px * strides
    first, last = data.draw(intervals(math.ceil(length / block_px)))
    start, stop = first * block_px, min(last * block_px, length)
    halo_start, halo_stop = axis.halo(start, stop)
    assert start - axis.stride_px <= halo_start <= start
    assert stop <= halo_stop <= stop + axis.overlap_px


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (3, 3), (5, 4), (0, 11), (10, 11)])
def test_touching_refuses_an_interval_that_is_not_on_the_axis(start: int, stop: int):
    with pytest.raises(ValueError, match=r"0 <= start < stop <= 10"):
        LatticeAxis(10, 4, 1).touching(start, stop)


@given(st.data(), tile_and_overlap())
def test_task_tiles_are_the_same_tiles_in_the_frame_of_the_halo(data, sizes):
    lattice = Lattice(data.draw(LENGTHS), data.draw(LENGTHS), *sizes)
    target = data.draw(windows(lattice.height_px, lattice.width_px))
    tiles, halo = lattice.task_tiles(target), lattice.halo(target)
    assert tiles.origin == (halo.row_start, halo.col_start)
    rows = [r + halo.row_start for r in tiles.row_starts]
    assert rows == [
        k * lattice.rows.stride_px for k in lattice.rows.touching(target.row_start, target.row_stop)
    ]
    inner = Window(*tiles.target_rows, *tiles.target_cols)
    assert inner == target.relative_to(halo)
    assert tiles.count == lattice.tile_count(target) == len(tiles.row_weights) * len(tiles.col_weights)


@given(LENGTHS, LENGTHS, tile_and_overlap())
def test_the_whole_frame_needs_every_tile(height_px, width_px, sizes):
    lattice = Lattice(height_px, width_px, *sizes)
    whole = Window(0, height_px, 0, width_px)
    assert lattice.tile_count(whole) == lattice.count
    assert lattice.halo(whole) == whole


def test_a_target_outside_the_mosaic_is_refused():
    lattice = Lattice(10, 10, 4, 1)
    for target in (Window(0, 11, 0, 10), Window(10, 12, 0, 10)):
        for call in (lattice.halo, lattice.tile_count, lattice.task_tiles):
            with pytest.raises(ValueError, match="start < stop <= 10"):
                call(target)


@pytest.mark.parametrize("sizes", [(0, 4, 0), (9, 0, 0), (9, 4, -1), (9, 4, 3), (9, 5, 3), (-1, 4, 1)])
def test_sizes_that_make_no_lattice_are_refused_where_they_are_given(sizes: tuple[int, int, int]):
    with pytest.raises(ValueError, match="overlap <= tile / 2"):
        LatticeAxis(*sizes)
    length_px, tile_px, overlap_px = sizes
    with pytest.raises(ValueError, match="overlap <= tile / 2"):
        Lattice(5 if length_px > 0 else length_px, 5, tile_px, overlap_px)


def test_an_overlap_whose_sums_would_pass_32_bits_is_refused():
    LatticeAxis(10_000, 5800, 2900)
    with pytest.raises(ValueError, match="2900"):
        LatticeAxis(10_000, 5802, 2901)


def test_a_hundred_thousand_pixels_are_planned_without_looking_at_each():
    lattice = Lattice(100_000, 100_000, 576, 64)
    assert lattice.count == 196**2
    assert lattice.halo(Window(4096, 8192, 98_304, 100_000)) == Window(3584, 8256, 97_792, 100_000)
