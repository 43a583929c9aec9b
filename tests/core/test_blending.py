import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgddiff_batch.core.blending import (
    MAX_CODE,
    NO_DATA,
    blend,
    computed_tiles,
    gather_tile,
    quantise,
    reflect_index,
)
from sgddiff_batch.core.tiling import Lattice, TaskTiles
from sgddiff_batch.core.window import Window
from tests.core.strategies import (
    SEEDS,
    blend_window,
    lattice_of,
    partitions,
    scenes,
    tile_and_overlap,
)
from tests.kit.fakes import ScenePixels, ToyPredictor, make_scene, toy_tile

SIZES = tile_and_overlap(12)


def whole(scene: ScenePixels) -> Window:
    return Window(0, scene[1].shape[0], 0, scene[1].shape[1])


@given(st.integers(1, 30), st.integers(0, 70))
def test_reflection_is_that_of_numpy(present_px: int, more_px: int):
    padded = np.pad(np.arange(present_px), (0, more_px), mode="reflect")
    assert (reflect_index(present_px, present_px + more_px) == padded).all()


@given(scenes(20), st.integers(1, 30), st.integers(1, 30), st.data())
def test_a_tile_is_the_present_part_padded_by_reflection(scene: ScenePixels, height: int, width: int, data):
    pixels = scene[0]
    row = data.draw(st.integers(0, pixels.shape[1] - 1))
    col = data.draw(st.integers(0, pixels.shape[2] - 1))
    present = pixels[:, row : row + height, col : col + width]
    missing = [(0, 0), (0, height - present.shape[1]), (0, width - present.shape[2])]
    tile = gather_tile(pixels, (row, col), (height, width))
    assert tile.shape == (3, height, width)
    assert (tile == np.pad(present, missing, mode="reflect")).all()


@given(scenes(), SIZES, st.integers(0, MAX_CODE))
def test_a_constant_stays_constant(scene: ScenePixels, sizes: tuple[int, int], code: int):
    lattice = lattice_of(scene, *sizes)
    codes = blend_window(
        lambda tile, _: np.full(tile.shape[1:], code, np.uint8), scene, lattice, whole(scene)
    )
    assert (codes[scene[1]] == code).all()


@settings(max_examples=150)
@given(scenes(), SIZES, st.data())
def test_the_codes_do_not_depend_on_how_the_scene_is_split_into_tasks(scene, sizes, data):
    lattice = lattice_of(scene, *sizes)
    expected = blend_window(toy_tile, scene, lattice, whole(scene))
    found = np.full_like(expected, 77)
    for window in data.draw(partitions(*expected.shape)):
        found[window.slices] = blend_window(toy_tile, scene, lattice, window)
    assert (found == expected).all()


@given(scenes(), SIZES)
def test_the_codes_are_the_weighted_means_of_a_plain_loop(scene: ScenePixels, sizes: tuple[int, int]):
    pixels, valid = scene
    lattice = lattice_of(scene, *sizes)
    expected = np.full(valid.shape, NO_DATA)
    spans = {
        (i, j): (lattice.rows.span(i), lattice.cols.span(j))
        for i in range(lattice.rows.count)
        for j in range(lattice.cols.count)
    }
    outputs = {
        place: toy_tile(gather_tile(pixels, (top, left), (bottom - top, right - left)), (top, left))
        for place, ((top, bottom), (left, right)) in spans.items()
    }
    row_weights = lattice.rows.weights(range(lattice.rows.count))
    col_weights = lattice.cols.weights(range(lattice.cols.count))
    for row, col in np.argwhere(valid):
        total = weight = 0
        for (i, j), codes in outputs.items():
            (top, bottom), (left, right) = spans[i, j]
            r, c = row - top, col - left
            if top <= row < bottom and left <= col < right:
                w = int(row_weights[i, r]) * int(col_weights[j, c])
                total, weight = total + w * int(codes[r, c]), weight + w
        expected[row, col] = (2 * total + weight) // (2 * weight)
    assert (blend_window(toy_tile, scene, lattice, whole(scene)) == expected).all()


def backwards(tiles: TaskTiles) -> TaskTiles:
    flip = {
        name: getattr(tiles, name)[::-1]
        for axis in ("row", "col")
        for name in (f"{axis}_starts", f"{axis}_sizes", f"{axis}_weights")
    }
    rest = {name: getattr(tiles, name) for name in TaskTiles.__slots__ if name not in flip}
    return TaskTiles(**flip, **rest)


@given(scenes(), SIZES)
def test_the_order_of_tiles_does_not_matter(scene: ScenePixels, sizes: tuple[int, int]):
    tiles = lattice_of(scene, *sizes).task_tiles(whole(scene))
    assert (blend(toy_tile, *scene, tiles) == blend(toy_tile, *scene, backwards(tiles))).all()


@given(scenes(), SIZES)
def test_no_data_is_255_there_and_nowhere_else(scene: ScenePixels, sizes: tuple[int, int]):
    codes = blend_window(toy_tile, scene, lattice_of(scene, *sizes), whole(scene))
    assert codes.dtype == np.uint8
    assert ((codes == NO_DATA) == ~scene[1]).all()


@given(scenes(), SIZES)
def test_a_tile_is_computed_once_if_it_has_a_valid_pixel_and_never_otherwise(scene, sizes):
    lattice, predictor = lattice_of(scene, *sizes), ToyPredictor()
    predictor.predict(*scene, lattice.task_tiles(whole(scene)))
    with_data = {
        (i, j)
        for i in range(lattice.rows.count)
        for j in range(lattice.cols.count)
        if scene[1][slice(*lattice.rows.span(i)), slice(*lattice.cols.span(j))].any()
    }
    assert predictor.tiles_computed == len(with_data)


def test_a_scene_without_data_computes_nothing():
    scene = make_scene(30, 30, no_data_share=1.0)
    predictor, tiles = ToyPredictor(), Lattice(30, 30, 12, 4).task_tiles(Window(0, 30, 0, 30))
    assert (predictor.predict(*scene, tiles) == NO_DATA).all()
    assert predictor.tiles_computed == 0
    assert list(computed_tiles(scene[1], tiles)) == []


@given(scenes(), SIZES, SEEDS)
def test_what_lies_beyond_the_halo_does_not_matter(scene: ScenePixels, sizes: tuple[int, int], seed: int):
    height, width = scene[1].shape
    lattice = lattice_of(scene, *sizes)
    target = Window(height // 3, height // 3 + 1, width // 3, width // 3 + 1)
    other = make_scene(height, width, seed + 1)
    halo = lattice.halo(target).slices
    other[0][:, *halo], other[1][halo] = scene[0][:, *halo], scene[1][halo]
    assert blend_window(toy_tile, scene, lattice, target) == blend_window(toy_tile, other, lattice, target)


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 7), (7, 1), (1, 40), (40, 1), (4, 4), (5, 5), (12, 12), (13, 13)]
)
def test_the_smallest_scenes_come_out_whole(shape: tuple[int, int]):
    scene = make_scene(*shape)
    codes = blend_window(toy_tile, scene, Lattice(*shape, 12, 4), whole(scene))
    assert codes.shape == shape
    assert (codes != NO_DATA).all()


def test_a_single_pixel_gets_the_code_that_its_tile_gives_it():
    scene = make_scene(1, 1)
    tile = np.broadcast_to(scene[0], (3, 4, 4))
    assert blend_window(toy_tile, scene, Lattice(1, 1, 12, 4), whole(scene)) == toy_tile(tile, (0, 0))[0, 0]


def test_the_largest_overlap_does_not_overflow():
    tile_px, overlap_px = 5800, 2900
    tiles = Lattice(1, 2 * tile_px, tile_px, overlap_px).task_tiles(Window(0, 1, 0, 2 * tile_px))
    total = (tiles.row_weights[0, 0] * tiles.weight_sum).astype(np.int64) * MAX_CODE
    assert total + tiles.weight_sum**2 // 2 <= np.iinfo(np.int32).max


def test_quantise_maps_the_ends_to_the_ends_and_rounds_half_up():
    probabilities = np.array([0.0, 1.0, 0.5, 0.4999 / 254, 0.5 / 254, 1.5 / 254, 253.5 / 254])
    assert quantise(probabilities).tolist() == [0, 254, 127, 0, 1, 2, 254]
    assert quantise(np.float32([0, 1])).tolist() == [0, 254]
    assert quantise(np.float32([0, 1])).dtype == np.uint8


@given(st.floats(0, 1, width=32))
def test_quantise_is_within_half_a_code_and_never_no_data(probability: float):
    code = int(quantise(np.float32([probability]))[0])
    assert code <= MAX_CODE
    assert abs(code / MAX_CODE - probability) <= 0.5001 / MAX_CODE
