"""The extent of a run: a limit and a choice leave scenes, and never lose one."""

from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.survey import EVERYTHING, NOT_ASKED_FOR, OVER_THE_LIMIT, Extent, survey
from sgddiff_batch.protocols import SceneRecord
from tests.kit.fakes import TINY, SyntheticReader, make_scene

IDS = st.lists(st.sampled_from([f"s{n}" for n in range(12)]), unique=True)


def scenes_of(ids):
    return [Scene(scene_id, f"memory://{scene_id}", "v", 1) for scene_id in ids]


@given(IDS, st.none() | IDS.map(frozenset), st.none() | st.integers(1, 6), IDS.map(frozenset))
def test_every_scene_is_done_or_left_with_a_reason_and_never_both(ids, only, limit, again):
    extent = Extent(only, again, limit, {scene_id: -float(n) for n, scene_id in enumerate(ids[::2])})
    chosen, left = extent.divide(scenes_of(ids))
    names = [scene.scene_id for scene in chosen]
    assert sorted([*names, *left]) == sorted(ids)
    assert set(left.values()) <= {NOT_ASKED_FOR, OVER_THE_LIMIT}
    assert limit is None or len(names) <= limit
    assert only is None or set(names) <= only
    if set(ids) & again - set(names) and only is None:
        assert set(names) <= again


def test_without_limits_all_scenes_stay_in_their_order():
    scenes = scenes_of(["b", "a", "c"])
    assert EVERYTHING.divide(scenes) == (scenes, {})


def test_the_longest_waiting_come_first_and_those_of_which_it_is_not_known_before_them():
    extent = Extent(limit=3, waiting_since_s={"a": 9.0, "b": 1.0, "c": 1.0})
    chosen, left = extent.divide(scenes_of(["a", "c", "b", "z"]))
    assert [scene.scene_id for scene in chosen] == ["z", "b", "c"]
    assert left == {"a": OVER_THE_LIMIT}


def test_a_scene_that_is_asked_for_is_planned_again_and_the_others_are_left_as_they_are():
    reader = SyntheticReader({name: make_scene(20, 20, 1) for name in ("bad.tif", "done.tif", "other.tif")})
    versions = {scene.scene_id: scene.version for scene in reader.scenes()}
    records = {
        name: SceneRecord(name, version, "key", None, "torn" if name != "done.tif" else None)
        for name, version in versions.items()
    }
    plan = survey(reader.scenes(), records, reader, TINY, "key", extent=Extent(again={"bad.tif", "done.tif"}))
    assert [mosaic.id for mosaic in plan.mosaics] == ["bad.tif", "done.tif"]
    assert [scene.scene_id for scene, _ in plan.still_quarantined] == ["other.tif"]
    assert reader.calls["profile", "other.tif"] == 0


def test_a_missing_scene_that_is_not_asked_for_is_not_refused():
    reader = SyntheticReader({})
    gone = Scene("gone.tif", "gone.tif", "missing", 0)
    plan = survey([], {}, reader, TINY, "key", {gone: "it is gone"}, Extent(only={"x.tif"}))
    assert (plan.refused, plan.postponed) == ((), {})
    assert len(survey([], {}, reader, TINY, "key", {gone: "it is gone"}).refused) == 1
