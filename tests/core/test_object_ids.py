"""Ids last: they depend on the sequence of publishes and the scenes of each, and on nothing else."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.object_ids import (
    ID_DIGITS,
    MERGED,
    SEEN,
    VANISHED,
    Overlaps,
    Sightings,
    match,
    region_id,
)
from tests.core.sighting_examples import Archive, Picture, archives

SHIP, PIER = (10, 10, 20, 14), (40, 0, 44, 30)


def moved(box, x=0, y=0):
    return (box[0] + x, box[1] + y, box[2] + x, box[3] + y)


def published(*nights):
    archive = Archive()
    for night in nights:
        archive.publish(*night)
    return archive


def test_an_object_that_is_seen_again_keeps_its_id_in_another_scene_and_in_a_new_version():
    first, second = Picture(1, "a", (SHIP, PIER)), Picture(2, "b", (moved(SHIP, 1), PIER))
    anew = Picture(2, "b~2", (moved(SHIP, 2), PIER))
    archive = published([first], [second], [anew])
    for scene in (second, anew):
        for was, now in zip(first.boxes, scene.boxes, strict=True):
            assert archive.published[scene.id, now] == archive.published["a", was]
    assert len(archive.objects) == 2


def test_of_two_that_it_could_be_the_larger_overlap_keeps_the_id_and_the_other_names_its_parent():
    whole, left, right = (0, 0, 20, 10), (0, 0, 12, 10), (13, 0, 20, 10)
    archive = published([Picture(1, "a", (whole,))], [Picture(2, "b", (right, left))])
    own = archive.published["a", whole]
    assert archive.published["b", left] == own
    assert archive.published["b", right] != own
    assert archive.parents == {("b", right): [own]}


def test_what_grows_together_keeps_the_id_of_the_larger_and_names_the_other_as_its_parent():
    left, right, whole = (0, 0, 12, 10), (13, 0, 20, 10), (0, 0, 20, 10)
    archive = published(
        [Picture(1, "a", (left, right))], [Picture(2, "b", (whole,))], [Picture(3, "c", (whole,))]
    )
    large, small = archive.published["a", left], archive.published["a", right]
    assert archive.published["b", whole] == archive.published["c", whole] == large
    assert archive.parents == {("b", whole): [small]}, "it is named once, when it is merged"
    assert (archive.objects[small].state, archive.objects[small].into) == (MERGED, large)


def test_what_comes_apart_again_has_the_ids_of_before():
    left, right, whole = (0, 0, 12, 10), (13, 0, 20, 10), (0, 0, 20, 10)
    scenes = [Picture(1, "a", (left, right)), Picture(2, "b", (whole,)), Picture(3, "c", (left, right))]
    archive = published(scenes)
    for box in (left, right):
        assert archive.published["c", box] == archive.published["a", box]
    assert archive.seen() == sorted(archive.objects)


@pytest.mark.parametrize(
    ("later", "state"),
    [
        (Picture(2, "b", ()), VANISHED),
        (Picture(2, "b", (), data=(0, 0, 19, 99)), SEEN),
        (Picture(0, "b", ()), SEEN),
        (Picture(None, "b", ()), SEEN),
        (Picture(1, "a~2", ()), VANISHED),
    ],
    ids=["data there", "not all of it", "an older scene", "no time", "its own new version"],
)
def test_vanished_is_what_a_later_scene_with_data_all_over_it_does_not_show(later, state):
    archive = published([Picture(1, "a", (SHIP,))], [later])
    assert [known.state for known in archive.objects.values()] == [state]


def test_what_vanished_has_its_id_again_when_it_is_there_again():
    archive = published([Picture(1, "a", (SHIP,))], [Picture(2, "b", ())], [Picture(3, "c", (SHIP,))])
    assert archive.published["c", SHIP] == archive.published["a", SHIP]
    assert archive.seen() == [archive.published["a", SHIP]]


def test_an_old_scene_that_comes_late_has_the_ids_and_ends_nothing():
    archive = published(
        [Picture(5, "e", (SHIP,))], [Picture(6, "f", ())], [Picture(4, "d", (moved(SHIP, 1),))]
    )
    (known,) = archive.objects.values()
    assert (known.state, known.box, known.key) == (VANISHED, SHIP, (5, "e"))
    assert archive.published["d", moved(SHIP, 1)] == archive.published["e", SHIP]


def test_what_hardly_overlaps_is_another_object_without_parents():
    archive = published([Picture(1, "a", (SHIP,))], [Picture(2, "b", (moved(SHIP, 8),))])
    assert len(archive.objects) == 2
    assert not archive.parents


@given(archives(), st.randoms(use_true_random=False))
def test_within_a_publish_no_order_matters(scenes, random):
    shuffled = [Picture(s.time, s.id, tuple(random.sample(s.boxes, len(s.boxes))), s.data) for s in scenes]
    random.shuffle(shuffled)
    assert published(shuffled).facts() == published(scenes).facts()


@given(archives(), st.data())
def test_one_night_of_all_scenes_is_nights_of_some_in_order_of_acquisition(scenes, data):
    in_order = sorted(scenes, key=lambda scene: scene.key)
    cut = data.draw(st.integers(0, len(scenes)))
    nights = published(in_order[:cut], in_order[cut:])
    one_by_one = published(*[[scene] for scene in in_order])
    at_once = published(scenes)
    assert nights.facts() == one_by_one.facts() == at_once.facts()
    assert nights.objects == one_by_one.objects == at_once.objects


@given(archives(3), archives(all_known=False), st.data())
def test_where_a_publish_is_cut_changes_nothing_also_where_times_are_unknown(earlier, later, data):
    later = [Picture(s.time, f"z{s.id}", s.boxes, s.data) for s in later]
    in_order = sorted(later, key=lambda scene: scene.key)
    cut = data.draw(st.integers(0, len(later)))
    at_once, parts = published(earlier, later), published(earlier, in_order[:cut], in_order[cut:])
    one_by_one = published(earlier, *[[scene] for scene in in_order])
    assert parts.facts() == one_by_one.facts() == at_once.facts()
    assert parts.objects == one_by_one.objects == at_once.objects


@pytest.mark.parametrize("at_once", [True, False])
def test_an_old_scene_ends_nothing_that_a_newer_and_then_one_of_unknown_time_showed(at_once):
    larger = (10, 10, 40, 20)
    late = [Picture(None, "u", (SHIP,)), Picture(3, "b", (larger,))]
    archive = published([Picture(5, "a", (SHIP,))], *([late] if at_once else [[one] for one in late]))
    known = archive.objects[archive.published["a", SHIP]]
    assert (known.state, known.last_at) == (SEEN, (5, "a"))
    assert not archive.parents


@given(archives(), archives())
def test_scenes_of_unknown_time_have_no_say_in_what_those_of_known_time_showed(known, unknown):
    before = published(known)
    archive = published(known, [Picture(None, f"u{s.id}", s.boxes, s.data) for s in unknown])
    for own, was in before.objects.items():
        now = archive.objects[own]
        assert (now.state, now.box, now.last_at) == (was.state, was.box, was.last_at)


@given(archives(), archives(), st.sampled_from([0.05, 0.2, 0.7]))
def test_a_published_id_never_changes_and_no_scene_shows_one_twice(earlier, later, least_iou):
    archive = Archive(least_iou)
    archive.publish(*earlier)
    before = dict(archive.published)
    archive.publish(*(Picture(s.time, f"z{s.id}", s.boxes, s.data) for s in later))
    assert {region: archive.published[region] for region in before} == before
    by_scene: dict[str, list[str]] = {}
    for (scene, _), own in archive.published.items():
        by_scene.setdefault(scene, []).append(own)
    assert all(len({*ids}) == len(ids) for ids in by_scene.values())


@given(archives())
def test_parents_are_others_that_were_there_before(scenes):
    archive = published(scenes)
    for region, parents in archive.parents.items():
        assert archive.published[region] not in parents
        assert {*parents} <= {*archive.objects}
        shown_before = {own for (scene, _), own in archive.published.items() if scene != region[0]}
        assert {*parents} <= shown_before


@given(archives())
def test_of_a_region_and_an_object_that_overlap_enough_one_has_a_better_match(scenes):
    archive = Archive()
    for scene in sorted(scenes, key=lambda scene: scene.key):
        before = dict(archive.objects)
        archive.publish(scene)
        shown = {archive.published[scene.id, box] for box in scene.boxes}
        for own, known in before.items():
            if known.box in scene.boxes:
                assert own in shown, "the same outline again is the same object"


def test_an_overlap_within_a_scene_is_refused():
    zeros = np.zeros(2, np.int64)
    overlap = Overlaps(np.array([0]), np.array([1]), *[np.ones(1)] * 3)
    nothing = np.zeros(0, np.int64)
    sightings = Sightings(
        np.array([0, 2]),
        np.zeros(1, np.int64),
        zeros,
        np.arange(2),
        overlap,
        (nothing, nothing),
        nothing,
        nothing,
    )
    with pytest.raises(ValueError, match="before its scene"):
        match(sightings, 0.2)


@pytest.mark.parametrize("at_once", [True, False])
def test_of_two_that_overlap_as_much_the_lesser_id_wins_whatever_showed_them_last(at_once):
    left, right, between = (0, 0, 4, 4), (4, 0, 8, 4), (2, 0, 6, 4)
    scenes = [Picture(0, "z", (left,)), Picture(1, "a", (right,)), Picture(2, "m", (left, right))]
    scenes.append(Picture(3, "n", (between,)))
    archive = published(scenes) if at_once else published(*[[scene] for scene in scenes])
    assert archive.published["n", between] == archive.published["a", right]


def test_what_the_last_scene_does_not_show_stays_vanished_when_an_older_one_comes_that_does():
    nights = [Picture(1, "a", (SHIP,)), Picture(2, "b", ()), Picture(4, "d", ()), Picture(3, "c", (SHIP,))]
    archive = published(*[[scene] for scene in nights])
    (known,) = archive.objects.values()
    assert (known.state, known.told_at, known.key) == (VANISHED, (2, "b"), (3, "c"))


def test_no_two_regions_share_an_id_and_published_ones_stay_what_they_are():
    places = [(store, row, col) for store in ("a.zarr", "b.zarr") for row in (1, 12) for col in (1, 21)]
    assert len({region_id(*place) for place in places}) == len(places)
    assert len(region_id("a.zarr", 1, 1)) == ID_DIGITS
    assert region_id("a.zarr", 1, 21) == hashlib.sha256(b"a.zarr\n1 21").hexdigest()[:20]
