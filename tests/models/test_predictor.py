"""The predictor against a plain NumPy version of the layout's semantics."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.checkpoint import save_checkpoint
from models.predictor import (
    TaskPredictor,
    choose_device,
    describe_predictor,
    gather_tile,
    load_predictor,
    quantise,
    reflected,
    wanted_tiles,
)
from models.presets import preset
from models.sgddiff import SGDDiff

TILE, OVERLAP = 64, 16
STRIDE = TILE - OVERLAP


@dataclass(frozen=True)
class Layout:
    row_starts: NDArray[np.int64]
    col_starts: NDArray[np.int64]
    row_weights: NDArray[np.int32]
    col_weights: NDArray[np.int32]
    target_rows: tuple[int, int]
    target_cols: tuple[int, int]
    origin: tuple[int, int] = (0, 0)
    tile_px: int = TILE
    weight_sum: int = OVERLAP + 1


def make_layout(height: int, width: int) -> Layout:
    rows, row_weights = _axis(height)
    columns, column_weights = _axis(width)
    return Layout(rows, columns, row_weights, column_weights, (0, height), (0, width))


def _axis(size: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Tiles along an axis with linear ramps in the overlaps, flat at both outer ends."""
    count = max(1, -(-(size - OVERLAP) // STRIDE))
    weights = np.full((count, TILE), OVERLAP + 1, dtype=np.int32)
    ramp = np.arange(1, OVERLAP + 1, dtype=np.int32)
    weights[1:, :OVERLAP] = ramp
    weights[:-1, -OVERLAP:] = OVERLAP + 1 - ramp
    return np.arange(count, dtype=np.int64) * STRIDE, weights


def reference(predictor, pixels, valid, layout):
    """What `predict` must return, tile by tile with numpy.pad, from the bare network's tiles."""
    (top, bottom), (left, right) = layout.target_rows, layout.target_cols
    height, width = valid.shape
    sums = np.zeros((height + TILE, width + TILE), dtype=np.int64)
    for i, row in enumerate(layout.row_starts):
        for j, column in enumerate(layout.col_starts):
            window = np.s_[row : min(row + TILE, height), column : min(column + TILE, width)]
            if not valid[window].any():
                continue
            present = pixels[:, *window]
            pad = [(0, 0), (0, TILE - present.shape[1]), (0, TILE - present.shape[2])]
            tile = np.pad(present, pad, mode="reflect")
            origin = np.array([[layout.origin[0] + row, layout.origin[1] + column]])
            saliency = predictor.predict_tiles(tile[None], origin)[0].astype(np.int64)
            weights = np.outer(layout.row_weights[i], layout.col_weights[j])
            sums[row : row + TILE, column : column + TILE] += weights * saliency
    total = layout.weight_sum**2
    blended = ((sums + total // 2) // total)[top:bottom, left:right].astype(np.uint8)
    blended[~valid[top:bottom, left:right]] = 255
    return blended


@pytest.fixture
def predictor(tiny: SGDDiff) -> TaskPredictor:
    # Fresh networks answer nearly the same everywhere; a steeper head makes the maps tell pixels apart.
    with torch.no_grad():
        tiny.refine_head.logit.weight.mul_(20)
        tiny.refine_head.logit.bias.zero_()
    return TaskPredictor(tiny, "digest", torch.device("cpu"), 1)


def _task(height, width, seed=0):
    rng = np.random.default_rng(seed)
    valid = np.ones((height, width), dtype=bool)
    valid[: height // 3, : width // 4] = False
    pixels = rng.integers(0, 256, (3, height, width), dtype=np.uint8) * valid
    return pixels, valid


@pytest.mark.parametrize("size", [(64, 64), (150, 130), (65, 97), (40, 112), (1, 70)])
def test_a_task_equals_the_plain_reference(predictor, size):
    pixels, valid = _task(*size)
    layout = make_layout(*size)
    out = predictor.predict(pixels, valid, layout)
    assert out.dtype == np.uint8
    assert np.array_equal(out, reference(predictor, pixels, valid, layout))
    assert len(np.unique(out)) > 10


def test_a_target_inside_the_task_is_the_same_pixels(predictor):
    pixels, valid = _task(150, 130)
    layout = make_layout(150, 130)
    whole = predictor.predict(pixels, valid, layout)
    part = predictor.predict(pixels, valid, replace(layout, target_rows=(20, 101), target_cols=(47, 130)))
    assert np.array_equal(part, whole[20:101, 47:130])


def test_a_task_cut_out_of_a_larger_one_is_the_same_pixels(predictor):
    pixels, valid = _task(250, 64)
    layout = make_layout(250, 64)
    whole = predictor.predict(pixels, valid, layout)
    # Tiles 1..3 with what they cover, the target where no other tile reaches.
    first, last = STRIDE, 3 * STRIDE + TILE
    inner = replace(
        layout,
        row_starts=layout.row_starts[1:4] - first,
        row_weights=layout.row_weights[1:4],
        target_rows=(OVERLAP, last - first - OVERLAP),
        origin=(first, 0),
    )
    part = predictor.predict(pixels[:, first:last], valid[first:last], inner)
    assert np.array_equal(part, whole[first + OVERLAP : last - OVERLAP])


@pytest.mark.parametrize("batch_tiles", [2, 5])
def test_a_tile_is_the_same_whatever_else_is_in_its_batch(tiny, predictor, batch_tiles):
    rng = np.random.default_rng(1)
    tiles = rng.integers(0, 256, (5, 3, TILE, TILE), dtype=np.uint8)
    origins = rng.integers(0, 4000, (5, 2))
    batched = TaskPredictor(tiny, "digest", torch.device("cpu"), batch_tiles)
    order = np.array([3, 1, 4, 0, 2])
    straight = batched.predict_tiles(tiles, origins)
    assert np.array_equal(batched.predict_tiles(tiles[order], origins[order]), straight[order])
    assert np.array_equal(batched.predict_tiles(tiles[2:3], origins[2:3])[0], straight[2])


def test_threads_that_share_a_predictor_get_the_bytes_of_one(predictor):
    tasks = [_task(100, 90, seed) for seed in range(4)]
    layout = make_layout(100, 90)
    expected = [predictor.predict(*task, layout) for task in tasks]
    found = [None] * len(tasks)

    def work(index):
        found[index] = predictor.predict(*tasks[index], layout)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


def test_no_data_is_255_and_its_tiles_are_never_computed(predictor):
    predictor._network.register_forward_pre_hook(lambda *_: pytest.fail("computed"))
    pixels, layout = np.zeros((3, 100, 90), np.uint8), make_layout(100, 90)
    out = predictor.predict(pixels, np.zeros((100, 90), bool), layout)
    assert (out == 255).all()


def test_only_tiles_whose_present_part_is_valid_somewhere_are_wanted():
    valid = np.zeros((150, 130), dtype=bool)
    valid[149, 0] = True
    assert wanted_tiles(valid, make_layout(150, 130)) == [(2, 0)]


@pytest.mark.parametrize(("start", "length"), [(0, 64), (48, 64), (48, 50), (48, 49), (0, 3), (0, 33)])
def test_reflection_is_that_of_numpy_inside_the_present_part(start, length):
    present = np.arange(start, min(start + TILE, length))
    expected = np.pad(present, (0, TILE - len(present)), mode="reflect")
    assert np.array_equal(reflected(start, TILE, length), expected)


def test_a_tile_beyond_both_edges_is_folded_in_both_axes():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 70, 50), dtype=np.uint8)
    tile = gather_tile(torch.from_numpy(pixels), (1, 0), make_layout(70, 50)).numpy()
    expected = np.pad(pixels[:, STRIDE:], ((0, 0), (0, TILE - 22), (0, TILE - 50)), mode="reflect")
    assert np.array_equal(tile, expected)


def test_probabilities_are_quantised_by_rounding_half_up_to_254():
    p = torch.tensor([0.0, 0.5 / 254, 0.49 / 254, 0.5, 1.0])
    assert quantise(p).tolist() == [0, 1, 0, 127, 254]


@pytest.mark.parametrize(
    ("pixels", "valid", "message"),
    [
        (np.zeros((3, 64, 64), np.float32), np.ones((64, 64), bool), "pixels must be"),
        (np.zeros((3, 64, 64), np.uint8), np.ones((64, 60), bool), "valid must be"),
        (np.zeros((3, 32, 64), np.uint8), np.ones((32, 64), bool), "lie outside"),
    ],
)
def test_tasks_that_do_not_fit_their_layout_are_refused(predictor, pixels, valid, message):
    with pytest.raises(ValueError, match=message):
        predictor.predict(pixels, valid, make_layout(64, 64))


def test_the_description_holds_what_decides_pixels(tmp_path, tiny):
    digest = save_checkpoint(tmp_path / "c", tiny, {}, {})
    described = describe_predictor(str(tmp_path / "c"), "cpu")
    assert described == {
        "digest": digest,
        "preset": "tiny",
        "sizes": json.loads(json.dumps(preset("tiny").to_dict())),
        "device": "cpu",
        "scan_backend": "torch",
        "threads": 1,
        "batch_tiles": 1,
    }
    assert describe_predictor(str(tmp_path / "c"), "cuda")["batch_tiles"] == 16


def test_a_loaded_predictor_answers_like_the_network_it_was_saved_from(tmp_path, tiny):
    save_checkpoint(tmp_path / "c", tiny, {}, {})
    tiles = np.random.default_rng(0).integers(0, 256, (3, 3, TILE, TILE), dtype=np.uint8)
    found = load_predictor(str(tmp_path / "c"), "cpu").predict_tiles(tiles, np.zeros((3, 2), np.int64))
    with torch.inference_mode():
        expected = quantise(tiny(torch.from_numpy(tiles)))[:, 0].numpy()
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_unknown_devices_are_refused():
    with pytest.raises(ValueError, match="auto, cpu or cuda"):
        choose_device("gpu")


def test_the_bundled_student_gives_the_same_bytes_twice():
    tile = np.random.default_rng(0).integers(0, 256, (1, 3, 128, 128), dtype=np.uint8)
    origin = np.array([[512, 1024]])
    first, second = (load_predictor("bundled", "cpu").predict_tiles(tile, origin) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.max() <= 254


def test_a_tile_of_the_fine_student_has_the_same_bytes_alone_and_in_any_place_of_a_batch():
    tiles = np.random.default_rng(0).integers(0, 256, (3, 3, 192, 192), dtype=np.uint8)
    origins = np.array([[0, 0], [512, 1024], [32, 96]])
    together = load_predictor("bundled-fine", "cpu", 3).predict_tiles(tiles, origins)
    for index in (0, 2):
        alone = load_predictor("bundled-fine", "cpu", 1).predict_tiles(
            tiles[index : index + 1], origins[index : index + 1]
        )
        assert np.array_equal(alone[0], together[index])
