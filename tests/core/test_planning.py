import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core import budget
from sgddiff_batch.core.planning import Mosaic, Task, Tiling, plan_tasks
from sgddiff_batch.core.window import Window
from tests.core.strategies import LARGE_TILINGS, tilings
from tests.kit.fakes import TINY, make_mosaic


@st.composite
def mosaics(draw: st.DrawFn) -> Mosaic:
    tiling, longest_px = draw(st.tuples(tilings(), st.just(100)) | st.tuples(LARGE_TILINGS, st.just(9000)))
    sides = draw(st.integers(1, longest_px)), draw(st.integers(1, longest_px))
    return make_mosaic(*sides, tiling, sample_bytes=draw(st.sampled_from([1, 2, 8])))


@st.composite
def memories(draw: st.DrawFn, mosaic: Mosaic) -> int:
    """Draw a budget from "not even a block" to "the whole scene and more"."""
    whole = task_bytes(Task(mosaic, mosaic.grid.window))
    return draw(st.integers(0, whole + 1) | st.just(whole))


def task_bytes(task: Task) -> int:
    return budget.task_bytes(task.halo.area_px, task.mosaic.profile.sample_bytes)


@given(st.data())
def test_tasks_hold_every_block_that_is_not_done_exactly_once(data):
    mosaic = data.draw(mosaics())
    blocks = list(mosaic.blocks())
    done = data.draw(st.sets(st.sampled_from(blocks)))
    tasks = plan_tasks(mosaic, data.draw(memories(mosaic)), done)
    planned = [block for task in tasks for block in task.blocks()]
    assert sorted(planned) == sorted(set(blocks) - done)
    assert len({task.name for task in tasks}) == len(tasks)


@given(st.data())
def test_every_task_but_single_blocks_fits_the_memory(data):
    mosaic = data.draw(mosaics())
    memory_bytes = data.draw(memories(mosaic))
    for task in plan_tasks(mosaic, memory_bytes):
        assert task_bytes(task) <= memory_bytes or len(list(task.blocks())) == 1


@given(mosaics())
def test_a_scene_that_fits_is_one_task_and_one_byte_less_is_not_enough(mosaic: Mosaic):
    whole = Task(mosaic, mosaic.grid.window)
    assert plan_tasks(mosaic, task_bytes(whole)) == [whole]
    if len(list(mosaic.blocks())) > 1:
        assert len(plan_tasks(mosaic, task_bytes(whole) - 1)) > 1


@given(mosaics())
def test_without_memory_every_block_is_a_task(mosaic: Mosaic):
    assert [task.window for task in plan_tasks(mosaic, 0)] == list(mosaic.blocks())


@given(mosaics())
def test_a_mosaic_whose_blocks_are_all_done_needs_no_task(mosaic: Mosaic):
    assert plan_tasks(mosaic, 10**12, set(mosaic.blocks())) == []


@given(st.data())
def test_more_memory_never_makes_more_tasks(data):
    mosaic = data.draw(mosaics())
    memory_bytes = data.draw(memories(mosaic))
    assert len(plan_tasks(mosaic, memory_bytes + 1000)) <= len(plan_tasks(mosaic, memory_bytes))


def test_a_task_does_not_reach_over_a_done_block():
    mosaic = make_mosaic(16, 64)
    done = Window(0, 16, 16, 32)
    assert [task.window for task in plan_tasks(mosaic, 10**9, {done})] == [
        Window(0, 16, 0, 16),
        Window(0, 16, 32, 64),
    ]


def test_blocks_of_two_rows_are_no_task_however_their_columns_meet():
    mosaic = make_mosaic(32, 32)
    upper_left, lower_right = Window(0, 16, 0, 16), Window(16, 32, 16, 32)
    tasks = plan_tasks(mosaic, 10**9, set(mosaic.blocks()) - {upper_left, lower_right})
    assert [task.window for task in tasks] == [upper_left, lower_right]


def test_a_marked_window_of_another_layout_hides_no_block():
    mosaic = make_mosaic(40, 40)
    tasks = plan_tasks(mosaic, 10**9, {Window(0, 32, 0, 32)})
    assert sum(task.window.area_px for task in tasks) == 1600


@given(mosaics())
def test_the_halo_of_a_task_stays_inside_the_scene(mosaic: Mosaic):
    for task in plan_tasks(mosaic, 0):
        assert mosaic.grid.window.contains(task.halo)
        assert task.halo.contains(task.window)


@given(mosaics())
def test_the_levels_of_a_block_are_those_with_a_shard_of_its_own(mosaic: Mosaic):
    own = [level for level in range(mosaic.levels) if mosaic.shard_px(level) is not None]
    assert own == list(range(mosaic.block_levels))
    assert 1 <= mosaic.block_levels <= mosaic.levels
    assert mosaic.shard_px(0) == mosaic.tiling.block_px
    assert mosaic.grid.level(mosaic.levels - 1).height_px <= mosaic.tiling.chunk_px


@given(mosaics())
def test_blocks_start_at_shards_and_no_shard_has_two_of_them(mosaic: Mosaic):
    for level in range(mosaic.block_levels):
        shard_px = mosaic.shard_px(level)
        starts = [(b.row_start // 2**level, b.col_start // 2**level) for b in mosaic.blocks()]
        assert all(row % shard_px == 0 and col % shard_px == 0 for row, col in starts)
        assert len(set(starts)) == len(starts)


def test_a_huge_scene_is_planned_in_blocks_within_its_budget():
    mosaic = make_mosaic(100_000, 100_000, Tiling(), sample_bytes=2)
    tasks = plan_tasks(mosaic, 2_000_000_000)
    assert sum(task.window.area_px for task in tasks) == 10**10
    assert max(task_bytes(task) for task in tasks) <= 2_000_000_000


def test_tasks_are_values():
    assert Task(make_mosaic(9, 9), Window(0, 9, 0, 9)) == Task(make_mosaic(9, 9), Window(0, 9, 0, 9))
    assert Task(make_mosaic(9, 9), Window(0, 9, 0, 9)).scene_id == "scene.tif"
    assert len({make_mosaic(9, 9), make_mosaic(9, 9)}) == 1
    assert (TINY.stride_px, TINY.chunk_px) == (8, 8)


@pytest.mark.parametrize(
    "sizes",
    [
        (576, 64, 0),
        (576, 64, -512),
        (576, 64, 4095),
        (576, 64, 576),
        (12, 4, 4),
        (64, 32, 64 * 512 + 512),
        (1088, 64, 512, 1024),
        (1088, 64, 512, -512),
    ],
)
def test_a_block_that_is_not_whole_chunks_is_refused(sizes: tuple[int, ...]):
    with pytest.raises(ValueError, match="multiple of the chunk"):
        Tiling(*sizes)


@pytest.mark.parametrize(
    ("sizes", "chunk_px"),
    [
        ((1088, 64, 1536), 512),
        ((1088, 128, 4096), 512),
        ((256, 32, 1792), 224),
        ((1088, 64, 64 * 1024), 1024),
        ((1088, 32, 544 * 7), 544),
        ((96, 32, 128), 64),
        ((96, 32, 512, 64), 64),
    ],
)
def test_blocks_are_whole_chunks_of_512_px_or_of_a_stride_as_before(sizes: tuple[int, ...], chunk_px: int):
    assert Tiling(*sizes).chunk_px == chunk_px


def test_a_mosaic_of_before_has_the_lattice_of_then():
    mosaic = make_mosaic(700, 300, Tiling(576, 64, 512, fits=False))
    assert [mosaic.lattice.rows.span(k) for k in range(2)] == [(0, 576), (512, 1088)]
    assert mosaic.lattice.cols.span(0) == (0, 576)


@pytest.mark.parametrize("sizes", [(0, 0, 1), (576, 289, 287), (576, -1, 577), (-4, 0, 4)])
def test_a_tile_and_overlap_that_make_no_lattice_are_refused(sizes: tuple[int, int, int]):
    with pytest.raises(ValueError, match="overlap <= tile / 2"):
        Tiling(*sizes)
