"""A CUDA device: on a CPU the same code with streams that do all at once; on a GPU the bytes it must give."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.cuda_device import LANES, CudaDevice
from models.layouts import plan_task
from models.predictor import TaskPredictor, load_predictor, prepare_network
from models.presets import preset
from models.sgddiff import SGDDiff
from models.tasks import TaskTensors
from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window
from tests.kit.devices import PlainStreams, place_codes, place_codes_of_one
from tests.models.tile_examples import one_by_one, random_scenes, reference, scene_task

CPU = torch.device("cpu")


def device_here(batch_tiles=4, network=place_codes, capture=None, streams=None):
    return CudaDevice(network, batch_tiles, CPU, streams=streams or PlainStreams(), capture=capture)


@pytest.mark.parametrize("batch_tiles", [1, 5, 16])
def test_many_threads_get_the_bytes_of_the_reference(batch_tiles, monkeypatch):
    monkeypatch.setattr("models.cuda_device.BAND_PX", 1000)
    examples = random_scenes(60, 200)
    predictor = TaskPredictor.on(device_here(batch_tiles))
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda example: predictor.predict(*example), examples))
    predictor.close()
    for codes, example in zip(found, examples, strict=True):
        assert np.array_equal(codes, reference(place_codes_of_one, example))


def test_a_task_waits_for_its_bands_its_batches_and_its_codes_and_for_nothing_else(monkeypatch):
    monkeypatch.setattr("models.cuda_device.BAND_PX", 1)
    streams = PlainStreams()
    predictor = TaskPredictor.on(device_here(4, streams=streams))
    example = scene_task(300, 300)
    bands = len(list(plan_task(*example).bands(1)))
    predictor.predict(*example)
    predictor.close()
    assert bands > 3
    assert streams.waits.count("up") == bands + 1
    assert streams.waits.count("work") == predictor.queue.batches
    assert streams.waits.count("down") == 1


def test_pixels_mask_and_codes_are_pinned_once():
    streams = PlainStreams()
    predictor = TaskPredictor.on(device_here(4, streams=streams))
    pixels, valid, tiles = scene_task(300, 300)
    predictor.predict(pixels, valid, tiles)
    predictor.close()
    table = plan_task(pixels, valid, tiles).table.nbytes
    assert sum(streams.pinned_bytes) == pixels.nbytes + valid.nbytes + table + valid.size


def test_replays_are_used_for_tasks_and_bare_tiles():
    replays = []

    def capture(network, *_):
        return lambda *given: replays.append(1) or network(*given)

    device = device_here(4, capture=capture)
    device.warm(64)
    tried = len(replays)
    predictor = TaskPredictor.on(device)
    example = scene_task(100, 100)
    assert np.array_equal(predictor.predict(*example), reference(place_codes_of_one, example))
    predictor.close()
    assert len(replays) == tried + 1


def test_tasks_wait_for_room_on_the_device_and_all_get_through():
    example = scene_task(200, 200)
    size = plan_task(*example).device_bytes
    predictor = TaskPredictor.on(device_here(4, streams=PlainStreams(free_bytes=int(size * 2.5))))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: predictor.predict(*example), range(8)))
    predictor.close()
    expected = reference(place_codes_of_one, example)
    assert all(np.array_equal(codes, expected) for codes in found)


def test_cuda_has_more_batches_at_once_than_it_computes():
    device = device_here()
    assert (device.lanes, device.abreast) == (LANES, 1)


class OnOneDevice(TorchDispatchMode):
    """Notes operations that touch a tensor of another device, or ask for a number."""

    def __init__(self, device):
        super().__init__()
        self.device, self.wrong, self.calls = device, [], 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        self.calls += 1
        tensors = [x for x in tree_leaves((args, kwargs, out)) if isinstance(x, torch.Tensor)]
        asks = "_local_scalar_dense" in str(operation) or "nonzero" in str(operation)
        if asks or any(tensor.device.type != self.device for tensor in tensors):
            self.wrong.append(str(operation))
        return out


@pytest.fixture
def _no_autocast(monkeypatch):
    monkeypatch.setattr(
        torch, "autocast", lambda *_, **__: contextlib.nullcontext()
    )  # the meta device has none


@pytest.mark.usefixtures("_no_autocast")
@pytest.mark.parametrize(
    ("name", "precision"),
    [("tiny", "fp32"), ("student", "fp32"), ("student", "fp16"), ("student-fine", "fp32")],
)
def test_the_network_makes_no_tensor_on_the_cpu_and_asks_for_no_number(name, precision):
    network = prepare_network(SGDDiff(preset(name)), CPU, precision).to("meta")
    tiles = torch.empty(2, 3, 256, 256, dtype=torch.uint8, device="meta")
    with torch.inference_mode(), OnOneDevice("meta") as watch:
        assert network(tiles, torch.empty(2, 2, dtype=torch.int64, device="meta")).is_meta
    assert watch.calls > 100
    assert watch.wrong == []


def test_gathering_and_adding_make_no_tensor_on_the_cpu_and_ask_for_no_number():
    plan = plan_task(*scene_task(150, 130))
    table = torch.empty(plan.table.shape, dtype=torch.int64, device="meta")
    frame = torch.empty((3, *plan.frame_px), dtype=torch.uint8, device="meta")
    band = torch.empty(plan.pixels.shape, dtype=torch.uint8, device="meta")
    mask = torch.empty(plan.present.shape, dtype=torch.bool, device="meta")
    with OnOneDevice("meta") as watch:
        task = TaskTensors(plan, table, frame)
        task.arrive(band, 0)
        tiles = torch.stack(task.tiles(0, 5))
        task.add(place_codes(tiles, task.origins(0, 5)), 0, 5)
        task.present = mask
        task.finish()
    assert watch.calls > 20
    assert watch.wrong == []


def test_what_asks_for_a_number_or_is_made_elsewhere_is_found():
    with OnOneDevice("meta") as watch:
        torch.empty(3, device="meta").mul(torch.tensor(2.0))
    assert watch.wrong != []
    with OnOneDevice("cpu") as watch:
        torch.ones(3).sum().item()
    assert watch.wrong != []


@pytest.fixture(scope="module")
def on_gpu():
    predictor = load_predictor("bundled", "cuda", 16)
    yield predictor
    predictor.close()


def big_tiles(height, width, seed):
    pixels, valid, _ = scene_task(height, width, seed)
    return pixels, valid, Lattice(height, width, 576, 64).task_tiles(Window(0, height, 0, width))


@pytest.mark.gpu
def test_a_gpu_gives_threads_the_bytes_of_its_own_tiles_one_by_one(on_gpu):
    examples = [
        big_tiles(h, w, h) for h, w in ((300, 300), (1200, 700), (576, 576), (900, 1500), (40, 600))
    ] * 3
    with ThreadPoolExecutor(15) as pool:
        found = list(pool.map(lambda example: on_gpu.predict(*example), examples))
    for codes, example in zip(found, examples, strict=True):
        assert np.array_equal(codes, reference(one_by_one(on_gpu), example))


@pytest.mark.gpu
def test_a_gpus_bytes_do_not_depend_on_the_graph(on_gpu):
    device = on_gpu._device
    on_gpu.predict(*big_tiles(600, 600, 0))
    if not device._network.is_replayed(torch.Size((16, 3, 576, 576))):
        pytest.skip("the network runs without a graph here")
    plain = TaskPredictor.on(CudaDevice(device._network._network, 16, torch.device("cuda"), capture=None))
    example = big_tiles(1200, 1200, 1)
    assert np.array_equal(on_gpu.predict(*example), plain.predict(*example))
    plain.close()


@pytest.mark.gpu
def test_a_gpus_codes_are_those_of_the_cpu_but_for_rounding(on_gpu):
    example = big_tiles(700, 600, 3)
    ours, theirs = on_gpu.predict(*example), load_predictor("bundled", "cpu").predict(*example)
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    assert difference.max() <= 1
    assert difference.mean() < 1e-3


@pytest.mark.gpu
def test_a_task_that_the_gpu_has_no_memory_for_fails_alone(on_gpu):
    size = 12_000
    tiles = Lattice(size, size, 576, 64).task_tiles(Window(0, size, 0, size))
    torch.cuda.empty_cache()
    hog = torch.empty(torch.cuda.mem_get_info()[0] - (1 << 28), dtype=torch.uint8, device="cuda")
    try:
        with pytest.raises(torch.OutOfMemoryError):
            on_gpu.predict(np.zeros((3, size, size), np.uint8), np.ones((size, size), bool), tiles)
    finally:
        del hog
        torch.cuda.empty_cache()
    example = big_tiles(300, 300, 0)
    assert np.array_equal(on_gpu.predict(*example), reference(one_by_one(on_gpu), example))
