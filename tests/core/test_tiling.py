import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.tiling import CONTEXT_PX, Lattice, LatticeAxis, tile_sizes
from sgddiff_batch.core.window import Window
from tests.core.strategies import LENGTHS, axes, intervals, real_axes, tile_and_overlap, windows


def spans(axis: LatticeAxis) -> list[range]:
    """The pixels of each tile, those past the edge included."""
    return [range(*axis.span(k)) for k in range(axis.count)]


def counting(axis: LatticeAxis) -> list[range]:
    """The pixels at which each tile counts."""
    starts = [k * axis.stride_px for k in range(axis.count)]
    return [range(start, min(start + axis.tile_px, axis.length_px)) for start in starts]


@st.composite
def axis_and_interval(draw: st.DrawFn) -> tuple[LatticeAxis, int, int]:
    axis = draw(axes())
    return axis, *draw(intervals(axis.length_px))


@given(axes())
def test_at_every_pixel_one_or_two_tiles_count_the_last_one_included(axis: LatticeAxis):
    weights = axis.weights(range(axis.count))
    for pixel in range(axis.length_px):
        count = [weights[k, pixel - span.start] > 0 for k, span in enumerate(spans(axis)) if pixel in span]
        assert 1 <= sum(count) <= 2


@given(st.integers(2, 128).map(lambda k: 32 * k))
def test_there_are_at_most_eight_sizes_in_steps_of_at_most_a_sixth_or_32_px(tile_px: int):
    sizes = tile_sizes(tile_px)
    assert len(sizes) <= 8
    assert sizes[-1] == tile_px
    assert all(size % 32 == 0 for size in sizes)
    for smaller, larger in pairwise(sizes):
        assert smaller < larger
        assert 6 * (larger - smaller) <= larger or larger - smaller == 32
    assert len(sizes) == 8 or sizes[0] == 32


@given(real_axes())
def test_every_tile_is_the_networks_and_only_the_last_one_is_smaller(axis: LatticeAxis):
    *inner, last = spans(axis)
    assert all(len(span) == axis.tile_px for span in inner)
    assert axis.count == 1 or len(last) in tile_sizes(axis.tile_px)
    assert len(last) % 32 == 0
    assert all(span.start % 8 == 0 for span in spans(axis))


@given(real_axes())
def test_a_scene_smaller_than_a_tile_is_one_tile_of_its_own_size_rounded_up(axis: LatticeAxis):
    axis = replace(axis, length_px=min(axis.length_px, axis.tile_px))
    [only] = spans(axis)
    assert only.start == 0
    assert len(only) == 32 * math.ceil(axis.length_px / 32)


@given(real_axes())
def test_the_last_tile_ends_at_the_edge_but_for_what_rounds_it_up(axis: LatticeAxis):
    assert 0 <= spans(axis)[-1].stop - axis.length_px < 32


@given(real_axes())
def test_a_last_tile_has_its_context_unless_what_it_alone_covers_leaves_no_room(axis: LatticeAxis):
    if axis.count == 1:
        return
    before, last = spans(axis)[-2:]
    context_px = before.stop - last.start
    assert context_px >= min(CONTEXT_PX, axis.tile_px // 2) or len(last) == axis.tile_px
    assert context_px >= axis.overlap_px
    assert last.start > before.start


@given(real_axes())
def test_the_tiles_of_a_config_are_weighed_as_those_of_a_few_pixels(axis: LatticeAxis):
    total = np.zeros(axis.length_px + axis.tile_px, dtype=np.int64)
    for span, weights in zip(spans(axis), axis.weights(range(axis.count)), strict=True):
        total[span.start : span.stop] += weights[: len(span)]
        assert not weights[len(span) :].any()
    assert (total[: axis.length_px] == axis.weight_sum).all()


@given(real_axes())
def test_the_network_never_sees_more_than_where_last_tiles_did_not_fit(axis: LatticeAxis):
    former = replace(axis, fits=False)
    assert sum(map(len, spans(axis))) <= sum(map(len, spans(former)))
    assert axis.count == former.count


@given(axes())
def test_of_mosaics_before_every_tile_begins_where_it_counts_and_is_as_large(axis: LatticeAxis):
    starts = [k * axis.stride_px for k in range(axis.count)]
    assert spans(replace(axis, fits=False)) == [range(start, start + axis.tile_px) for start in starts]


def test_the_sizes_of_the_default_and_a_scene_that_is_a_little_larger_than_a_tile():
    assert tile_sizes(1088) == (352, 416, 480, 576, 672, 800, 928, 1088)
    assert tile_sizes(64) == (32, 64)
    # 16 px are new, 300 of a tile of 352 px lie before them.
    assert LatticeAxis(1104, 1088, 64).span(1) == (768, 1120)
    assert LatticeAxis(300, 1088, 64).span(0) == (0, 320)


@given(axes())
def test_the_number_of_tiles_is_that_of_the_design(axis: LatticeAxis):
    assert axis.count == max(1, math.ceil((axis.length_px - axis.overlap_px) / axis.stride_px))


@given(axes())
def test_only_the_last_tile_reaches_past_the_edge_and_holds_more_than_the_overlap(axis: LatticeAxis):
    *inner, last = spans(axis)
    assert all(span.stop <= axis.length_px for span in inner)
    assert last.stop >= axis.length_px
    assert axis.count == 1 or axis.length_px - last.start > axis.overlap_px
    assert [span.start for span in spans(axis)] == sorted(span.start for span in spans(axis))


@given(axes())
def test_the_weights_of_all_tiles_sum_to_the_same_at_every_pixel(axis: LatticeAxis):
    total = np.zeros(axis.length_px + axis.tile_px, dtype=np.int64)
    for span, weights in zip(spans(axis), axis.weights(range(axis.count)), strict=True):
        total[span.start : span.stop] += weights[: len(span)]
    assert (total[: axis.length_px] == axis.weight_sum).all()


@given(axes())
def test_weights_are_positive_where_a_tile_counts_and_flat_at_the_edges_of_the_scene(axis: LatticeAxis):
    weights = axis.weights(range(axis.count))
    assert weights.min() >= 0
    assert weights.max() <= axis.weight_sum
    for row, span, counts in zip(weights, spans(axis), counting(axis), strict=True):
        assert (row[counts.start - span.start : counts.stop - span.start] > 0).all()
        assert not row[: counts.start - span.start].any()
    first, last = counting(axis)[0], counting(axis)[-1]
    assert (weights[0, : min(axis.stride_px, len(first))] == axis.weight_sum).all()
    at = last.stop - spans(axis)[-1].start
    assert weights[-1, at - 1] == axis.weight_sum


@given(axes(), st.data())
def test_the_weights_of_a_tile_do_not_depend_on_which_tiles_are_asked_for(axis: LatticeAxis, data):
    part = range(*data.draw(intervals(axis.count)))
    assert (axis.weights(part) == axis.weights(range(axis.count))[part.start : part.stop]).all()


@given(axis_and_interval())
def test_touching_lists_exactly_the_tiles_that_count_at_a_pixel(drawn: tuple[LatticeAxis, int, int]):
    axis, start, stop = drawn
    wanted = [k for k, counts in enumerate(counting(axis)) if counts.start < stop and start < counts.stop]
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
    assert start - axis.tile_px <= halo_start <= start
    assert stop <= halo_stop <= stop + axis.tile_px
    if axis.count - 1 not in axis.touching(start, stop):
        assert start - axis.stride_px <= halo_start
        assert halo_stop <= stop + axis.overlap_px


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
    touching = lattice.rows.touching(target.row_start, target.row_stop)
    assert [r + halo.row_start for r in tiles.row_starts] == [lattice.rows.span(k)[0] for k in touching]
    assert tiles.row_sizes.tolist() == [len(spans(lattice.rows)[k]) for k in touching]
    inner = Window(*tiles.target_rows, *tiles.target_cols)
    assert inner == target.relative_to(halo)
    assert tiles.count == lattice.tile_count(target) == len(tiles.row_weights) * len(tiles.col_weights)
    assert lattice.tiles_px(target) == sum(h * w for h in tiles.row_sizes for w in tiles.col_sizes)


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
