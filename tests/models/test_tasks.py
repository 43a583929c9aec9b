"""A task on its device: its tiles are those that NumPy cuts, and its sums those that NumPy adds."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from models.layouts import plan_task
from models.tasks import TaskTensors, as_tensor, place_on_host, quantise
from sgddiff_batch.core.blending import gather_tile
from tests.kit.devices import place_codes, place_codes_of_one
from tests.models.tile_examples import TILE_PX, reference, scene_task

SIZES = [(64, 64), (150, 130), (65, 97), (40, 112), (1, 70), (2, 1), (112, 160)]
"""With tiles of 128 px: one tile of a smaller size, and several of up to four shapes."""


@pytest.mark.parametrize("tile_px", [TILE_PX, 2 * TILE_PX])
@pytest.mark.parametrize("size", SIZES)
def test_tiles_are_those_of_the_reference_with_their_places(size, tile_px):
    pixels, valid, tiles = scene_task(*size, tile_px=tile_px)
    plan = plan_task(pixels, valid, tiles)
    task = place_on_host(plan)
    found = task.tiles(0, len(plan.starts))
    assert task.origins(0, len(plan.starts)).tolist() == [list(start) for start in plan.starts]
    for tile, start, shape in zip(found, plan.starts, plan.shapes, strict=True):
        assert np.array_equal(tile.numpy(), gather_tile(pixels, start, shape))


@pytest.mark.parametrize("tile_px", [TILE_PX, 2 * TILE_PX])
@pytest.mark.parametrize("size", SIZES)
def test_a_frame_that_arrives_in_bands_is_the_one_that_came_whole(size, tile_px):
    plan = plan_task(*scene_task(*size, tile_px=tile_px))
    whole = place_on_host(plan)
    frame = torch.empty((3, *plan.frame_px), dtype=torch.uint8)
    banded = TaskTensors(plan, torch.from_numpy(plan.table), frame)
    for rows, _ in plan.bands(1):
        banded.arrive(torch.from_numpy(plan.pixels[:, rows]), rows.start)
    for ours, theirs in zip(banded.tiles(0, 99), whole.tiles(0, 99), strict=True):
        assert torch.equal(ours, theirs)


def parts_of_a_shape(groups, step):
    first = 0
    for _, count in groups:
        yield from ((at, min(at + step, first + count)) for at in range(first, first + count, step))
        first += count


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tile_px", [TILE_PX, 2 * TILE_PX])
@pytest.mark.parametrize("step", [1, 3, 99])
def test_the_sums_of_any_parts_in_any_order_are_those_of_the_reference(size, tile_px, step):
    example = scene_task(*size, tile_px=tile_px)
    task = place_on_host(plan_task(*example))
    for first, last in reversed(list(parts_of_a_shape(task.plan.groups, step))):
        tiles = torch.stack(task.tiles(first, last))
        task.add(place_codes(tiles, task.origins(first, last)), first, last)
    assert np.array_equal(task.finish().numpy(), reference(place_codes_of_one, example))


def test_threads_that_add_to_one_task_lose_nothing():
    example = scene_task(200, 200)  # of tiles of one shape
    task = place_on_host(plan_task(*example))
    codes = place_codes(torch.stack(task.tiles(0, 99)), task.origins(0, 99))

    def work(first):
        for _ in range(20):
            task.add(codes[first : first + 1], first, first + 1)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(codes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    once = place_on_host(plan_task(*example))
    once.add(codes, 0, len(codes))
    assert torch.equal(task._sums, 20 * once._sums)


def test_arrays_that_pytorch_does_not_take_are_copied_and_others_are_not():
    array = np.arange(6)
    assert as_tensor(array).data_ptr() == array.ctypes.data
    assert as_tensor(array[::-1]).tolist() == [5, 4, 3, 2, 1, 0]
    array.flags.writeable = False
    assert as_tensor(array).tolist() == [0, 1, 2, 3, 4, 5]


def test_probabilities_are_quantised_by_rounding_half_up_to_254():
    p = torch.tensor([0.0, 0.5 / 254, 0.49 / 254, 0.5, 1.0])
    assert quantise(p).tolist() == [0, 1, 0, 127, 254]
