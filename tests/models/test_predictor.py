"""The predictor: many threads get the bytes of the NumPy reference, whatever shares their batches."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.checkpoint import save_checkpoint
from models.devices import HostDevice
from models.predictor import (
    BATCH_PX,
    TaskPredictor,
    check_backend,
    choose_device,
    describe_predictor,
    load_predictor,
    tiles_of_batch,
)
from models.presets import preset
from models.sgddiff import SGDDiff
from models.tasks import quantise
from tests.kit.devices import SlowNetwork, place_codes, place_codes_of_one
from tests.models.tile_examples import (
    OVERLAP_PX,
    TILE_PX,
    one_by_one,
    random_scenes,
    reference,
    scene_parts,
    scene_task,
)

STRIDE = TILE_PX - OVERLAP_PX
CPU = torch.device("cpu")


@pytest.fixture
def predictor(tiny: SGDDiff):
    # Fresh networks answer nearly the same everywhere; a steeper head makes the maps tell pixels apart.
    with torch.no_grad():
        tiny.refine_head.logit.weight.mul_(20)
        tiny.refine_head.logit.bias.zero_()
    made = TaskPredictor(tiny, "digest", CPU, 1)
    yield made
    made.close()


@pytest.fixture
def stand_in():
    """A predictor whose network is a few sums, so that many tasks take no time."""
    made = []

    def make(batch_tiles, predictors=1):
        made.append(TaskPredictor.on(HostDevice(place_codes, batch_tiles, predictors)))
        return made[-1]

    yield make
    for predictor in made:
        predictor.close()


@pytest.mark.parametrize("tile_px", [TILE_PX, 2 * TILE_PX])
@pytest.mark.parametrize("size", [(64, 64), (150, 130), (65, 97), (40, 112), (1, 70)])
def test_a_task_equals_the_plain_reference(predictor, size, tile_px):
    example = scene_task(*size, tile_px=tile_px)
    out = predictor.predict(*example)
    assert out.dtype == np.uint8
    assert np.array_equal(out, reference(one_by_one(predictor), example))
    assert len(np.unique(out)) > 10


@pytest.mark.parametrize(("batch_tiles", "predictors"), [(1, 1), (1, 3), (4, 2), (16, 1)])
def test_many_threads_with_scenes_of_all_sizes_get_the_bytes_of_the_reference(
    stand_in, batch_tiles, predictors
):
    examples = [*random_scenes(80, 220), *random_scenes(40, 350, tile_px=128)]
    predictor = stand_in(batch_tiles, predictors)
    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(lambda example: predictor.predict(*example), examples))
    for codes, example in zip(found, examples, strict=True):
        assert np.array_equal(codes, reference(place_codes_of_one, example))


@pytest.mark.parametrize("batch_tiles", [1, 4])
def test_the_networks_bytes_do_not_depend_on_threads_lanes_and_batches(tiny, predictor, batch_tiles):
    examples = random_scenes(8, 120, seed=3)
    shared = TaskPredictor(tiny, "digest", CPU, batch_tiles, predictors=2)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda example: shared.predict(*example), examples))
    shared.close()
    for codes, example in zip(found, examples, strict=True):
        assert np.array_equal(codes, reference(one_by_one(shared), example))


def test_on_a_cpu_a_tile_is_computed_by_itself_whatever_its_batch(tiny):
    tiny.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    sizes = []
    shared = TaskPredictor(tiny, "digest", CPU, 4)
    shared.predict(*scene_task(64, 150))
    shared.close()
    assert sizes == [1] * 3


@pytest.mark.parametrize("tile_px", [TILE_PX, 2 * TILE_PX])
def test_a_scene_is_the_same_pixels_whole_and_as_tasks_of_any_size(stand_in, tile_px):
    predictor = stand_in(16)
    whole = predictor.predict(*scene_task(290, 210, tile_px=tile_px))
    for block in (64, 100, 192):
        for window, example in scene_parts(290, 210, block, tile_px=tile_px):
            assert np.array_equal(predictor.predict(*example), whole[window.slices])


def test_a_target_inside_the_task_is_the_same_pixels(predictor):
    pixels, valid, tiles = scene_task(150, 130)
    whole = predictor.predict(pixels, valid, tiles)
    part = predictor.predict(pixels, valid, replace(tiles, target_rows=(20, 101), target_cols=(47, 130)))
    assert np.array_equal(part, whole[20:101, 47:130])


@pytest.mark.parametrize("batch_tiles", [2, 5])
def test_a_tile_is_the_same_whatever_else_is_in_its_batch(tiny, predictor, batch_tiles):
    rng = np.random.default_rng(1)
    tiles = rng.integers(0, 256, (5, 3, TILE_PX, TILE_PX), dtype=np.uint8)
    origins = rng.integers(0, 4000, (5, 2))
    batched = TaskPredictor(tiny, "digest", CPU, batch_tiles)
    order = np.array([3, 1, 4, 0, 2])
    straight = batched.predict_tiles(tiles, origins)
    assert np.array_equal(batched.predict_tiles(tiles[order], origins[order]), straight[order])
    assert np.array_equal(batched.predict_tiles(tiles[2:3], origins[2:3])[0], straight[2])


def test_no_data_is_255_and_its_tiles_are_never_computed():
    predictor = TaskPredictor.on(HostDevice(lambda *_: pytest.fail("computed"), 4))
    pixels, valid, tiles = scene_task(100, 90)
    out = predictor.predict(pixels, np.zeros_like(valid), tiles)
    assert (out == 255).all()
    assert predictor.queue.batches == 0


def test_tasks_that_do_not_fit_their_layout_are_refused_and_touch_nobody(stand_in):
    predictor = stand_in(4)
    pixels, valid, tiles = scene_task(64, 64)
    with pytest.raises(ValueError, match="lie outside"):
        predictor.predict(pixels[:, :32], valid[:32], tiles)
    assert np.array_equal(
        predictor.predict(pixels, valid, tiles), reference(place_codes_of_one, (pixels, valid, tiles))
    )


def test_a_task_that_the_network_fails_on_fails_alone_among_many_threads():
    def network(tiles, origins):
        if (tiles == 13).all((1, 2, 3)).any():
            raise RuntimeError("thirteen")
        return place_codes(tiles, origins)

    predictor = TaskPredictor.on(HostDevice(network, 8))
    examples = random_scenes(40, 120)
    bad = scene_task(130, 130)
    bad[0][:], bad[1][:] = 13, True

    def outcome(example):
        try:
            return predictor.predict(*example)
        except RuntimeError as error:
            return str(error)

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(outcome, [bad, *examples, bad]))
    predictor.close()
    assert (found[0], found[-1]) == ("thirteen", "thirteen")
    for codes, example in zip(found[1:-1], examples, strict=True):
        assert np.array_equal(codes, reference(place_codes_of_one, example))


def test_two_thousand_scenes_of_one_tile_need_hardly_more_batches_than_one_big_scene():
    network = SlowNetwork(0.02)
    predictor = TaskPredictor.on(HostDevice(network, 16, lanes=3, abreast=1))
    predictor.predict(*scene_task(1000, 970))
    big_fill = predictor.queue.fill
    tiles, batches = predictor.queue.tiles, predictor.queue.batches
    scene = scene_task(30, 30)
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda _: predictor.predict(*scene), range(2000)))
    predictor.close()
    assert predictor.queue.tiles - tiles == 2000
    fill = 2000 / (predictor.queue.batches - batches) / 16
    assert network.batches == predictor.queue.batches
    assert fill >= 0.8 * big_fill


def lanes_of(predictor):
    return list(predictor.queue._threads)


def test_threads_start_with_the_first_call_and_end_with_the_predictor(stand_in):
    predictor = TaskPredictor.on(HostDevice(place_codes, 1, 2))
    assert lanes_of(predictor) == []
    predictor.predict(*scene_task(64, 64))
    threads, gone = lanes_of(predictor), weakref.ref(predictor)
    assert len(threads) == 2
    del predictor
    gc.collect()
    assert gone() is None
    assert not any(thread.is_alive() for thread in threads)


def test_a_closed_predictor_refuses(stand_in):
    predictor = stand_in(1)
    predictor.predict(*scene_task(64, 64))
    predictor.close()
    predictor.close()
    assert not any(thread.is_alive() for thread in lanes_of(predictor))
    with pytest.raises(RuntimeError, match="was closed"):
        predictor.predict(*scene_task(64, 64))


def test_it_is_neither_pickled_nor_copied(stand_in):
    for call in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            call(stand_in(1))


PROGRAM = """
import os, sys, threading
from models.devices import HostDevice
from models.predictor import TaskPredictor
from tests.kit.devices import place_codes
from tests.models.tile_examples import scene_task
predictor = TaskPredictor.on(HostDevice(place_codes, 16, lanes=3, abreast=1))
predictor.predict(*scene_task(200, 200))
"""


def run_program(more):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + more], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_process_that_has_a_predictor_ends_and_one_that_forks_is_refused():
    ended = run_program(
        """
pid = os.fork()
if not pid:
    try:
        predictor.predict(*scene_task(64, 64))
    except RuntimeError as error:
        print(error, flush=True)
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
predictor.predict(*scene_task(64, 64))
print("done", threading.active_count(), flush=True)
"""
    )
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [
        "a predictor does not survive a fork: load another one in this process",
        "done 4",
    ]
    assert ended.returncode == 0


def test_a_process_that_ends_by_an_error_in_the_middle_of_a_batch_ends():
    ended = run_program(
        """
from tests.kit.devices import SlowNetwork
slow = TaskPredictor.on(HostDevice(SlowNetwork(0.3), 1))
def call():
    try:
        slow.predict(*scene_task(64, 64))
    except RuntimeError as error:
        assert str(error) == "the predictor was closed"
threading.Thread(target=call, daemon=True).start()
while not slow.queue.batches: pass
raise SystemExit(5)
"""
    )
    assert (ended.returncode, ended.stderr) == (5, "")


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
        "batch_px": None,
    }
    by_shape = describe_predictor(str(tmp_path / "c"), "cuda")
    assert (by_shape["batch_tiles"], by_shape["batch_px"]) == (None, BATCH_PX)
    asked = describe_predictor(str(tmp_path / "c"), "cuda", 16)
    assert (asked["batch_tiles"], asked["batch_px"]) == (16, None)


@pytest.mark.parametrize(
    ("shape", "tiles"),
    [((576, 576), 16), ((1088, 1088), 4), ((352, 1088), 13), ((32, 64), 16), ((4096, 4096), 1)],
)
def test_on_cuda_batches_of_all_shapes_have_about_the_same_number_of_pixels(shape, tiles):
    assert tiles_of_batch(shape) == tiles


def test_a_loaded_predictor_answers_like_the_network_it_was_saved_from(tmp_path, tiny):
    save_checkpoint(tmp_path / "c", tiny, {}, {})
    tiles = np.random.default_rng(0).integers(0, 256, (3, 3, TILE_PX, TILE_PX), dtype=np.uint8)
    found = load_predictor(str(tmp_path / "c"), "cpu").predict_tiles(tiles, np.zeros((3, 2), np.int64))
    with torch.inference_mode():
        expected = quantise(tiny(torch.from_numpy(tiles)))[:, 0].numpy()
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("backend", "precision", "device", "words"),
    [
        ("onnx", "fp32", "cpu", r"model\.backend must be one of torch, openvino, found 'onnx'"),
        ("openvino", "fp32", "cuda", r"model\.backend: openvino computes on CPUs, and the device is cuda"),
        ("torch", "bf16", "cpu", r"model\.precision: torch computes in fp32, found 'bf16'"),
        ("openvino", "fp8", "cpu", r"model\.precision: openvino .* found 'fp8'"),
    ],
)
def test_a_backend_that_cannot_do_what_is_asked_is_refused(backend, precision, device, words):
    with pytest.raises(ValueError, match=words):
        check_backend(backend, precision, device)


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
