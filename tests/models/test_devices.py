"""A device that computes batches: one shape, black tiles as fill, and failures that stay with their part."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.devices import HostDevice
from models.layouts import plan_task
from models.tile_calls import Call, Part, grouped
from tests.kit.devices import place_codes, place_codes_of_one
from tests.models.tile_examples import TILE_PX, reference, scene_task


class Watched:
    """Notes the batches that the network gets."""

    def __init__(self):
        self.batches = []

    def __call__(self, tiles, origins):
        self.batches.append((tiles.clone(), origins.clone()))
        return place_codes(tiles, origins)


def placed(device, example):
    plan = plan_task(*example)
    task, arrivals = device.place(plan)
    assert sum(arrivals) == len(plan.starts)
    return Call(task, grouped(plan.groups))


def test_tiles_of_several_tasks_share_a_batch_of_the_fixed_shape_filled_with_black():
    network = Watched()
    device = HostDevice(network, 8)
    examples = [scene_task(64, 64, 1), scene_task(110, 64, 2)]
    first, second = (placed(device, example) for example in examples)
    assert device.compute([Part(first, 0, 1), Part(second, 0, 2)]) == [None, None]
    [(tiles, origins)] = network.batches
    assert tiles.shape == (8, 3, TILE_PX, TILE_PX)
    assert not tiles[3:].any()
    assert not origins[3:].any()
    for call, example in ((first, examples[0]), (second, examples[1])):
        assert np.array_equal(device.finish(call.task), reference(place_codes_of_one, example))


def test_where_batches_need_no_fixed_shape_none_is_filled():
    network = Watched()
    device = HostDevice(network, 8, is_filled=False)
    call = placed(device, scene_task(64, 64))
    device.compute([Part(call, 0, 1)])
    assert [len(tiles) for tiles, _ in network.batches] == [1]


def test_a_part_that_the_network_fails_on_fails_alone():
    def network(tiles, origins):
        if (tiles == 13).all((1, 2, 3)).any():
            raise RuntimeError("thirteen")
        return place_codes(tiles, origins)

    device = HostDevice(network, 4)
    good, bad = scene_task(64, 64, 1), scene_task(64, 64, 2)
    bad[0][:], bad[1][:] = 13, True
    calls = [placed(device, example) for example in (good, bad)]
    errors = device.compute([Part(call, 0, 1) for call in calls])
    assert errors[0] is None
    assert str(errors[1]) == "thirteen"
    assert np.array_equal(device.finish(calls[0].task), reference(place_codes_of_one, good))


def test_a_part_whose_sums_fail_fails_alone_and_others_are_added_once():
    device = HostDevice(place_codes, 4)
    examples = [scene_task(64, 64, 1), scene_task(64, 64, 2)]
    broken, good = (placed(device, example) for example in examples)
    broken.task._sums = broken.task._sums[:10]
    errors = device.compute([Part(broken, 0, 1), Part(good, 0, 1)])
    assert errors[0] is not None
    assert errors[1] is None
    assert np.array_equal(device.finish(good.task), reference(place_codes_of_one, examples[1]))


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_the_bare_verb_takes_any_number_of_tiles(count):
    network = Watched()
    tiles = np.random.default_rng(0).integers(0, 256, (count, 3, 8, 8), dtype=np.uint8)
    origins = np.arange(2 * count).reshape(count, 2)
    found = HostDevice(network, 4).predict_tiles(tiles, origins)
    assert found.shape == (count, 8, 8)
    assert np.array_equal(found, place_codes(torch.from_numpy(tiles), torch.from_numpy(origins)).numpy())
    assert [len(batch) for batch, _ in network.batches] == [4] * -(-count // 4)


def test_a_batch_has_a_tile():
    with pytest.raises(ValueError, match="batch_tiles must be at least 1"):
        HostDevice(place_codes, 0)
