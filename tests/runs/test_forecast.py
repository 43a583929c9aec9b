"""The forecast: what a plan takes, exactly where all was opened, and by sizes where it was not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core import budget
from sgddiff_batch.core.planning import Tiling, plan_tasks
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.scene_table import SceneTable
from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.survey import RunPlan
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.runs.forecast import Needs, Workers, check_tiling, forecast, needs_of, tiles_error
from tests.kit.fakes import make_mosaic

MOSAIC = make_mosaic(40, 50)
PLAN = RunPlan("key", SceneTable.of([MOSAIC.scene]))


def needs(mosaic, crew):
    return needs_of(mosaic.scene.size_bytes, plan_tasks(mosaic, crew.task_bytes))


def test_a_plan_without_work_takes_a_worker_and_nothing_else():
    nothing = forecast(RunPlan("key"), Needs(), Workers(2, 3, 10**6, 0))
    assert (nothing.scenes, nothing.tasks, nothing.tiles, nothing.read_bytes) == (0, 0, 0, 0)
    assert nothing.halo_overhead == 0.0
    assert nothing.peak_memory_bytes == 2 * budget.PROCESS_BYTES
    assert nothing.is_exact


@given(st.integers(14_112, 200_000), st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
def test_it_promises_no_less_than_the_tasks_take_and_no_more_than_is_allowed(
    task_bytes, workers, shares, network_bytes
):
    crew = Workers(workers, shares, task_bytes * shares, network_bytes, 1)
    numbers = forecast(PLAN, needs(MOSAIC, crew), crew)
    tasks = plan_tasks(MOSAIC, crew.task_bytes)
    largest = max(budget.task_bytes(task.halo.area_px, 1) for task in tasks)
    assert (numbers.tasks, numbers.blocks) == (len(tasks), len(list(MOSAIC.blocks())))
    assert numbers.mosaic_px == 40 * 50
    assert numbers.read_px == sum(task.halo.area_px for task in tasks) >= numbers.mosaic_px
    least = workers * budget.worker_bytes(min(shares * largest, crew.task_memory_bytes), network_bytes)
    tasks_bytes = numbers.peak_memory_bytes - budget.publish_bytes(1)
    assert least == tasks_bytes <= workers * crew.worker_bytes


def test_each_band_is_read_once_and_in_its_own_size():
    wide = make_mosaic(40, 50, sample_bytes=4)
    crew = Workers(1, 1, 10**9, 0)
    narrow, large = (forecast(PLAN, needs(mosaic, crew), crew) for mosaic in (MOSAIC, wide))
    assert narrow.read_bytes == 3 * narrow.read_px
    assert large.read_bytes == 4 * narrow.read_bytes
    assert math.isclose(large.write_bytes, large.mosaic_px * 4 / 3, abs_tol=1)


def test_one_task_counts_its_tiles_and_has_no_halo():
    crew = Workers(1, 1, 10**9, 0)
    whole = forecast(PLAN, needs(MOSAIC, crew), crew)
    assert whole.tiles == MOSAIC.lattice.tile_count(Window(0, 40, 0, 50)) == MOSAIC.lattice.count
    assert whole.tiles_px == MOSAIC.lattice.tiles_px(Window(0, 40, 0, 50)) >= 40 * 50
    assert whole.halo_overhead == 0.0


def test_scenes_that_were_not_opened_count_by_their_size_and_it_says_so():
    crew = Workers(1, 3, 3 * 10**6, 0)
    known = forecast(PLAN, needs(MOSAIC, crew), crew)
    others = [Scene(name, name, "v", 3 * MOSAIC.scene.size_bytes) for name in "ab"]
    plan = RunPlan("key", SceneTable.of([MOSAIC.scene, *others]))
    numbers = forecast(plan, needs(MOSAIC, crew), crew)
    assert (numbers.scenes, numbers.opened, numbers.is_exact) == (3, 1, False)
    assert (numbers.tiles, numbers.mosaic_px) == (7 * known.tiles, 7 * known.mosaic_px)
    most = crew.worker_bytes + budget.publish_bytes(3)
    assert numbers.peak_memory_bytes == most, "nobody knows how large their tasks are"


def test_of_an_archive_of_which_nothing_could_be_opened_nothing_is_known():
    numbers = forecast(PLAN, Needs(), Workers(1, 3, 3 * 10**6, 0))
    assert (numbers.scenes, numbers.opened, numbers.tiles) == (1, 0, 0)


def test_a_worker_s_tasks_share_its_memory():
    crew = Workers(2, 3, 3000, 10, 7)
    assert crew.task_bytes == 1000
    assert crew.worker_bytes == budget.worker_bytes(3000, 70)
    assert crew.peak_bytes(10**6) == 2 * crew.worker_bytes, "tasks take no more than is allowed"
    assert crew.peak_bytes(10) == 2 * budget.worker_bytes(30, 70)


def test_a_tiling_of_which_no_tile_fits_is_refused_with_both_numbers():
    least = budget.task_bytes(12**2, 1)
    check_tiling(Tiling(12, 4, 16), Workers(1, 3, least, 0))
    with pytest.raises(ConfigError, match=r"task_memory_gib: one tile of 12 px takes .* GiB, but it allows"):
        check_tiling(Tiling(12, 4, 16), Workers(1, 3, least - 1, 0))


@given(st.lists(st.integers(1, 50), min_size=2, max_size=30), st.integers(1, 10**6))
def test_of_scenes_whose_bytes_tell_their_tiles_the_estimate_has_no_error(tiles, bytes_a_tile):
    sample = [Needs(scenes=1, size_bytes=count * bytes_a_tile, tiles=count) for count in tiles]
    assert math.isclose(tiles_error(sample, 10**6), 0.0, abs_tol=1e-9)


def test_the_error_is_that_of_a_ratio_and_goes_with_the_scenes_that_were_not_opened():
    sample = [Needs(scenes=1, size_bytes=10, tiles=count) for count in (1, 3)]
    assert math.isclose(tiles_error(sample, 10**9), math.sqrt(2 * 2) / 4, rel_tol=1e-6)
    assert tiles_error(sample, 4) == math.sqrt(0.5 * 2 * 2) / 4
    assert tiles_error(sample, 2) == tiles_error(sample[:1], 9) == tiles_error([], 9) == 0.0
    crew, plan = Workers(1, 3, 3 * 10**6, 0), RunPlan("key", SceneTable.of([MOSAIC.scene]))
    assert forecast(plan, Needs(), crew, error=0.5).tiles_error == 0.5
    assert forecast(plan, Needs(), crew, error=0.5, refused=1).tiles_error == 0.0


def test_what_scenes_take_adds_up_and_the_largest_task_is_one_of_theirs():
    crew = Workers(1, 3, 10**9, 0)
    one, other = needs(MOSAIC, crew), needs(make_mosaic(90, 50), crew)
    both = one.plus(other)
    assert (both.scenes, both.tiles, both.mosaic_px) == (2, one.tiles + other.tiles, 50 * 130)
    assert both.largest_task_bytes == other.largest_task_bytes > one.largest_task_bytes
    assert Needs().plus(one) == one
    assert one.scaled(3).tiles == 3 * one.tiles
    assert (both.tiles_px, one.scaled(3).tiles_px) == (one.tiles_px + other.tiles_px, 3 * one.tiles_px)
    assert one.scaled(3).largest_task_bytes == one.largest_task_bytes
