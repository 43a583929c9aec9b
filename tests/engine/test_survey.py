"""The survey: what of an archive a run takes on and what it leaves, who is refused, and what it will take."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core import budget
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.survey import (
    EVERYTHING,
    NOT_ASKED_FOR,
    OVER_THE_LIMIT,
    Extent,
    RunPlan,
    Workers,
    forecast,
    remaining_tasks,
    survey,
)
from sgddiff_batch.errors import (
    ChangedSceneError,
    ConfigError,
    FatalError,
    RetryableError,
    StuckError,
    UnsupportedSceneError,
)
from sgddiff_batch.protocols import BlockRecord, SceneRecord
from tests.kit.fakes import TINY, Fault, MemoryLedger, SyntheticReader, make_mosaic, make_scene

IDS = st.lists(st.sampled_from([f"s{n}" for n in range(12)]), unique=True)
MOSAIC = make_mosaic(40, 50)


def scenes_of(ids):
    return [Scene(scene_id, f"memory://{scene_id}", "v", 1) for scene_id in ids]


class TestExtent:
    @given(IDS, st.none() | IDS.map(frozenset), st.none() | st.integers(1, 6), IDS.map(frozenset))
    def test_every_scene_is_done_or_left_with_a_reason_and_never_both(self, ids, only, limit, again):
        extent = Extent(only, again, limit, {scene_id: -float(n) for n, scene_id in enumerate(ids[::2])})
        chosen, left = extent.divide(scenes_of(ids))
        names = [scene.scene_id for scene in chosen]
        assert sorted([*names, *left]) == sorted(ids)
        assert set(left.values()) <= {NOT_ASKED_FOR, OVER_THE_LIMIT}
        assert limit is None or len(names) <= limit
        assert only is None or set(names) <= only
        if set(ids) & again - set(names) and only is None:
            assert set(names) <= again

    def test_without_limits_all_scenes_stay_in_their_order(self):
        scenes = scenes_of(["b", "a", "c"])
        assert EVERYTHING.divide(scenes) == (scenes, {})

    def test_the_longest_waiting_come_first_and_those_of_which_it_is_not_known_before_them(self):
        extent = Extent(limit=3, waiting_since_s={"a": 9.0, "b": 1.0, "c": 1.0})
        chosen, left = extent.divide(scenes_of(["a", "c", "b", "z"]))
        assert [scene.scene_id for scene in chosen] == ["z", "b", "c"]
        assert left == {"a": OVER_THE_LIMIT}

    def test_a_scene_that_is_asked_for_is_planned_again_and_the_others_are_left_as_they_are(self):
        reader = SyntheticReader({f"{name}.tif": make_scene(20, 20, 1) for name in ("bad", "done", "other")})
        versions = {scene.scene_id: scene.version for scene in reader.scenes()}
        records = {
            name: SceneRecord(name, version, "key", None, "torn" if name != "done.tif" else None)
            for name, version in versions.items()
        }
        extent = Extent(again={"bad.tif", "done.tif"})
        plan = survey(reader.scenes(), records, reader, TINY, "key", extent=extent)
        assert [mosaic.id for mosaic in plan.mosaics] == ["bad.tif", "done.tif"]
        assert [scene.scene_id for scene, _ in plan.still_quarantined] == ["other.tif"]
        assert reader.calls["profile", "other.tif"] == 0

    def test_a_missing_scene_that_is_not_asked_for_is_not_refused(self):
        reader = SyntheticReader({})
        gone = Scene("gone.tif", "gone.tif", "missing", 0)
        plan = survey([], {}, reader, TINY, "key", {gone: "it is gone"}, Extent(only={"x.tif"}))
        assert (plan.refused, plan.postponed) == ((), {})
        assert len(survey([], {}, reader, TINY, "key", {gone: "it is gone"}).refused) == 1


class TestSurvey:
    @pytest.mark.parametrize(
        ("version", "key", "reason", "where"),
        [
            ("same", "key", None, "unchanged"),
            ("same", "key", "torn", "still_quarantined"),
            ("other", "key", None, "mosaics"),
            ("same", "other", None, "mosaics"),
            ("other", "key", "torn", "mosaics"),
        ],
    )
    def test_only_what_is_new_or_changed_is_opened(self, version, key, reason, where):
        reader = SyntheticReader({"a.tif": make_scene(20, 20, 1)})
        (scene,) = reader.scenes()
        record = SceneRecord("a.tif", scene.version if version == "same" else "v0", key, None, reason)
        plan = survey([scene], {"a.tif": record}, reader, TINY, "key")
        counts = {name: len(getattr(plan, name)) for name in ("mosaics", "unchanged", "still_quarantined")}
        assert counts == {"mosaics": 0, "unchanged": 0, "still_quarantined": 0} | {where: 1}
        assert reader.calls["profile", "a.tif"] == len(plan.mosaics)

    def test_a_mosaic_has_the_name_of_its_scene_version_and_run(self):
        reader = SyntheticReader({"a.tif": make_scene(20, 24, 1)})
        (scene,) = reader.scenes()
        (mosaic,) = survey([scene], {}, reader, TINY, "key").mosaics
        assert mosaic.path == f"a.tif/{scene.version}-key.zarr"
        assert (mosaic.grid.height_px, mosaic.grid.width_px) == (20, 24)
        assert (mosaic.scene, mosaic.tiling) == (scene, TINY)

    @pytest.mark.parametrize(
        ("error", "retry", "reason"),
        [
            (UnsupportedSceneError("complex samples"), False, "complex samples"),
            (RetryableError("the store is slow"), True, "the store is slow"),
            (ChangedSceneError("it is gone"), True, "it is gone"),
            (StuckError("it hangs"), True, "it hangs"),
            (MemoryError("no\nroom"), True, "MemoryError: no room"),
        ],
    )
    def test_a_scene_that_cannot_be_planned_stops_no_other(self, error, retry, reason):
        scenes = {name: make_scene(20, 20, 1) for name in ("a.tif", "b.tif", "c.tif")}
        reader = SyntheticReader(scenes, [Fault("b.tif", error, stage="profile")])
        plan = survey(reader.scenes(), {}, reader, TINY, "key")
        assert [mosaic.id for mosaic in plan.mosaics] == ["a.tif", "c.tif"]
        assert [(one.scene.scene_id, one.retry, one.reason) for one in plan.refused] == [
            ("b.tif", retry, reason)
        ]

    @pytest.mark.parametrize("error", [FatalError("the ledger is damaged"), ConfigError("no bucket")])
    def test_what_is_wrong_with_all_scenes_stops_the_plan(self, error):
        scenes = {name: make_scene(20, 20, 1) for name in ("a.tif", "b.tif")}
        reader = SyntheticReader(scenes, [Fault("b.tif", error, stage="profile")])
        with pytest.raises(type(error), match=str(error)):
            survey(reader.scenes(), {}, reader, TINY, "key")


class TestRemaining:
    def test_blocks_that_are_marked_are_not_made_again(self):
        ledger, blocks = MemoryLedger(), list(MOSAIC.blocks())
        whole = remaining_tasks(MOSAIC, ledger, 10**9)
        assert [task.window for task in whole] == [MOSAIC.grid.window]
        ledger.mark_blocks(MOSAIC, blocks[0], [BlockRecord(blocks[0], "d", 1, 0)])
        rest = remaining_tasks(MOSAIC, ledger, 0)
        assert [task.window for task in rest] == blocks[1:]

    def test_marks_of_another_layout_do_not_count(self):
        ledger, other = MemoryLedger(), make_mosaic(40, 50, Tiling(12, 4, 8))
        block = next(other.blocks())
        ledger.mark_blocks(other, block, [BlockRecord(block, "d", 1, 0)])
        assert other.path == MOSAIC.path
        assert [task.window for task in remaining_tasks(MOSAIC, ledger, 0)] == list(MOSAIC.blocks())

    def test_of_a_mosaic_that_was_committed_nothing_is_left_to_do(self):
        ledger = MemoryLedger()
        ledger.finish(SceneRecord(MOSAIC.id, MOSAIC.version, "key", MOSAIC.path))
        assert remaining_tasks(MOSAIC, ledger, 0) == []


class TestForecast:
    def test_a_plan_that_does_not_fit_is_refused_with_both_numbers(self):
        words = r"task_memory_gib.*3 tasks.*take 3\.94e-05 GiB.*allows 9\.31e-07.*block_px \(it is 16\)"
        with pytest.raises(ConfigError, match=words):
            forecast(RunPlan((MOSAIC,), (), (), ()), MemoryLedger(), Workers(1, 3, 1000, 0))

    def test_a_plan_without_work_takes_a_worker_and_nothing_else(self):
        nothing = forecast(RunPlan((), (), (), ()), MemoryLedger(), Workers(2, 3, 10**6, 0))
        assert (nothing.scenes, nothing.tasks, nothing.tiles, nothing.read_bytes) == (0, 0, 0, 0)
        assert nothing.halo_overhead == 0.0
        assert nothing.peak_memory_bytes == 2 * budget.PROCESS_BYTES

    @given(st.integers(14_112, 200_000), st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
    def test_it_promises_no_less_than_the_tasks_take_and_no_more_than_is_allowed(
        self, task_bytes, workers, in_flight, batch_px
    ):
        crew = Workers(workers, in_flight, task_bytes * in_flight, batch_px)
        numbers = forecast(RunPlan((MOSAIC,), (), (), ()), MemoryLedger(), crew)
        tasks = remaining_tasks(MOSAIC, MemoryLedger(), crew.task_bytes)
        largest = max(budget.task_bytes(task.halo.area_px, 1) for task in tasks)
        assert (numbers.tasks, numbers.blocks) == (len(tasks), len(list(MOSAIC.blocks())))
        assert numbers.mosaic_px == 40 * 50
        assert numbers.read_px == sum(task.halo.area_px for task in tasks) >= numbers.mosaic_px
        least = workers * budget.worker_bytes(min(in_flight * largest, crew.task_memory_bytes), batch_px)
        assert least == numbers.peak_memory_bytes <= workers * crew.worker_bytes

    def test_each_band_is_read_once_and_in_its_own_size(self):
        wide = make_mosaic(40, 50, sample_bytes=4)
        crew = Workers(1, 1, 10**9, 0)
        narrow, large = (forecast(RunPlan((m,), (), (), ()), MemoryLedger(), crew) for m in (MOSAIC, wide))
        assert narrow.read_bytes == 3 * narrow.read_px
        assert large.read_bytes == 4 * narrow.read_bytes
        assert math.isclose(large.write_bytes, large.mosaic_px * 4 / 3, abs_tol=1)


def test_a_worker_s_tasks_share_its_memory():
    crew = Workers(2, 3, 3000, 10)
    assert crew.task_bytes == 1000
    assert crew.worker_bytes == budget.worker_bytes(3000, 10)
    assert crew.peak_bytes(10**6) == 2 * crew.worker_bytes, "tasks take no more than is allowed"
    assert crew.peak_bytes(10) == 2 * budget.worker_bytes(30, 10)


def test_the_forecast_of_one_task_counts_its_tiles():
    whole = forecast(RunPlan((MOSAIC,), (), (), ()), MemoryLedger(), Workers(1, 1, 10**9, 0))
    assert whole.tiles == MOSAIC.lattice.tile_count(Window(0, 40, 0, 50)) == MOSAIC.lattice.count
    assert whole.halo_overhead == 0.0
