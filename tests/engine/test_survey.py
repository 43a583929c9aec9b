"""The survey: what of an archive a run takes on, in which order, and what it leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.survey import NOT_ASKED_FOR, OVER_THE_LIMIT, Extent, RunPlan, survey
from sgddiff_batch.protocols import SceneRecord

IDS = st.lists(st.sampled_from([f"s{n}" for n in range(12)]), unique=True)


def scenes_of(ids):
    return [Scene(scene_id, f"memory://{scene_id}", "v", 1) for scene_id in ids]


class TestExtent:
    @given(IDS, st.none() | IDS.map(frozenset), st.none() | st.integers(1, 6), IDS.map(frozenset))
    def test_every_scene_is_done_or_left_with_a_reason_and_never_both(self, ids, only, limit, again):
        extent = Extent(only, again, limit, {scene_id: -float(n) for n, scene_id in enumerate(ids[::2])})
        plan = survey(scenes_of(ids), {}, "key", extent=extent)
        names, left = list(plan.todo.ids), plan.postponed
        assert sorted([*names, *left]) == sorted(ids)
        assert set(left.values()) <= {NOT_ASKED_FOR, OVER_THE_LIMIT}
        assert limit is None or len(names) <= limit
        assert only is None or set(names) <= only
        if set(ids) & again - set(names) and only is None:
            assert set(names) <= again

    def test_the_longest_waiting_come_first_and_those_of_which_it_is_not_known_before_them(self):
        extent = Extent(limit=3, waiting_since_s={"a": 9.0, "b": 1.0, "c": 1.0})
        plan = survey(scenes_of(["a", "c", "b", "z"]), {}, "key", extent=extent)
        assert sorted(plan.todo.ids) == ["b", "c", "z"]
        assert plan.postponed == {"a": OVER_THE_LIMIT}

    def test_a_scene_that_is_asked_for_is_worked_on_again_and_the_others_are_left_as_they_are(self):
        scenes = scenes_of(["bad", "done", "other"])
        records = {
            scene.scene_id: SceneRecord(
                scene.scene_id, "v", "key", None, None if scene.scene_id == "done" else "torn"
            )
            for scene in scenes
        }
        plan = survey(scenes, records, "key", extent=Extent(again={"bad", "done"}))
        assert {scene.scene_id for scene in plan.todo} == {"bad", "done"}
        assert [scene.scene_id for scene, _ in plan.still_quarantined] == ["other"]

    def test_a_missing_scene_that_is_not_asked_for_is_left_alone(self):
        gone = Scene("gone.tif", "gone.tif", "missing", 0)
        plan = survey([], {}, "key", {gone: "it is gone"}, Extent(only={"x.tif"}))
        assert (list(plan.missing), plan.postponed) == ([], {})
        assert list(survey([], {}, "key", {gone: "it is gone"}).missing) == [(gone, "it is gone")]

    def test_a_missing_scene_that_is_in_quarantine_for_it_stays_there(self):
        gone = Scene("gone.tif", "gone.tif", "missing", 0)
        record = SceneRecord("gone.tif", "missing", "key", None, "it is gone")
        plan = survey([], {"gone.tif": record}, "key", {gone: "it is gone"})
        assert (list(plan.missing), [scene for scene, _ in plan.still_quarantined]) == ([], [gone])


class TestSurvey:
    @pytest.mark.parametrize(
        ("version", "key", "reason", "where"),
        [
            ("v", "key", None, "unchanged"),
            ("v", "key", "torn", "still_quarantined"),
            ("other", "key", None, "todo"),
            ("v", "other", None, "todo"),
            ("other", "key", "torn", "todo"),
        ],
    )
    def test_only_what_is_new_or_changed_is_worked_on(self, version, key, reason, where):
        (scene,) = scenes_of(["a.tif"])
        plan = survey([scene], {"a.tif": SceneRecord("a.tif", version, key, None, reason)}, "key")
        counts = {name: len(getattr(plan, name)) for name in ("todo", "unchanged", "still_quarantined")}
        assert counts == {"todo": 0, "unchanged": 0, "still_quarantined": 0} | {where: 1}

    def test_the_largest_scenes_come_first(self):
        sizes = {"a": 1, "b": 9, "c": 2, "d": 5}
        scenes = [Scene(name, f"memory://{name}", "v", size) for name, size in sizes.items()]
        assert [scene.scene_id for scene in survey(scenes, {}, "key").todo] == ["b", "d", "c", "a"]

    def test_scenes_of_one_size_are_not_handed_out_folder_by_folder_and_in_the_same_order_every_time(self):
        scenes = scenes_of([f"{folder}/{number:02}.tif" for folder in "abcd" for number in range(25)])
        order = [scene.scene_id for scene in survey(scenes, {}, "key").todo]
        assert {name[0] for name in order[:25]} == set("abcd")
        assert order == [scene.scene_id for scene in survey(scenes[::-1], {}, "key").todo]
        assert sorted(order) == [scene.scene_id for scene in scenes]

    def test_a_store_has_the_name_of_its_scene_version_and_run_or_that_of_its_replacement(self):
        (scene,) = scenes_of(["a.tif"])
        assert RunPlan("key").path_of(scene) == "a.tif/v-key.zarr"
        assert RunPlan("key", paths={"a.tif": "a.tif/v-key.r1.zarr"}).path_of(scene) == "a.tif/v-key.r1.zarr"

    def test_what_is_left_as_it_is_can_be_looked_at_row_by_row_and_by_columns(self):
        scenes = scenes_of(["a", "b", "c"])
        records = {name: SceneRecord(name, "v", "key", None, valid_px=n) for n, name in enumerate("abc")}
        known = survey(scenes, records, "key").unchanged
        assert list(known) == [(scene, records[scene.scene_id]) for scene in scenes]
        assert [scene for scene, _ in known[1:]] == scenes[1:]
        assert known.columns.valid_px.tolist() == [0, 1, 2]
