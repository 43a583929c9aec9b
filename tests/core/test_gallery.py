"""A gallery keeps few previews, those worth a look, and asks for few more than it keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sgddiff_batch.core.gallery import (
    DRIFTED,
    NEWEST,
    SALIENT,
    SLOWEST,
    Gallery,
    PreviewWish,
    drift_of,
    picked,
    typical_share,
)
from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.window import Window

NOTHING = np.zeros((1, 1), dtype=np.uint8)
SHOWN = Preview(NOTHING, np.zeros((3, 1, 1), dtype=np.uint8), Window(0, 1, 0, 1), True, 0)


def run_of(shares, seconds, most, typical=None):
    """Go through scenes one by one as a driver does; return the gallery, and how many previews were made."""
    gallery, made = Gallery(most, typical), 0
    for number, (share, took) in enumerate(zip(shares, seconds, strict=True)):
        wish = gallery.wish(len(shares) - number - 1)
        if wish is not None and wish.is_for(share, took):
            made += 1
            gallery.add(str(number), SHOWN, share, took)
            assert len(gallery.previews) <= most
    return gallery, made


def test_of_many_scenes_the_last_most_salient_slowest_and_drifted_are_kept_and_few_were_asked_for():
    rng = np.random.default_rng(1)
    shares, seconds = rng.random(5000) * 0.1, rng.random(5000)
    gallery, made = run_of([*shares], [*seconds], 60, 0.05)
    kept = {int(name) for name in gallery.previews}
    assert len(kept) == 60
    assert set(np.argsort(-shares)[:12]) <= kept
    assert set(np.argsort(-seconds)[:12]) <= kept
    assert set(np.argsort([-drift_of(one, 0.05) for one in shares])[:12]) <= kept
    assert set(range(4986, 5000)) <= kept
    assert made < 600


@pytest.mark.parametrize("scenes", [0, 1, 7, 60, 61, 119])
def test_of_few_scenes_all_are_asked_for(scenes):
    gallery, made = run_of([0.1] * scenes, [1.0] * scenes, 60)
    assert (made, len(gallery.previews)) == (scenes, min(scenes, 60))


def test_scenes_that_grow_ever_more_salient_are_all_asked_for_and_no_more_are_kept():
    gallery, made = run_of([n / 1000 for n in range(1000)], [1.0] * 1000, 20)
    assert made == 1000
    assert len(gallery.previews) == 20
    assert {str(n) for n in range(990, 1000)} < set(gallery.previews)


def test_before_anything_was_heard_no_more_are_asked_for_than_twice_what_is_kept():
    gallery = Gallery(10)
    wishes = [gallery.wish(10**6) for _ in range(1000)]
    assert sum(wish.is_for(0.9, 1e9) for wish in wishes if wish) == 20


def test_nobody_asks_for_pictures_that_nobody_wants():
    assert Gallery(0).wish(5) is None


def test_a_scene_without_data_is_wished_for_by_its_time_alone():
    wish = PreviewWish(False, 0.1, 5.0, 0.1, 0.5)
    assert not wish.is_for(None, 1.0)
    assert wish.is_for(None, 6.0)
    assert wish.is_for(0.2, 1.0)
    assert wish.is_for(0.05, 1.0), "as it drifted"
    assert not PreviewWish(False, 0.1, 5.0).is_for(0.05, 1.0)


def test_lists_are_picked_in_turn_and_a_name_says_all_that_it_is():
    chosen = {NEWEST: [*"abcdefgh"], SALIENT: [*"hbc"], SLOWEST: [*"hde"], DRIFTED: [*"xyz"]}
    found = picked(chosen, 5)
    assert [*found] == ["a", "h", "x", "b", "d"]
    assert found["h"] == (SALIENT, SLOWEST)
    assert found["b"] == (NEWEST, SALIENT)
    assert picked({NEWEST: []}, 60) == {}


def test_the_usual_share_is_that_in_the_middle_of_those_with_data():
    assert typical_share(np.array([10, 0, 10, 10]), np.array([1, 0, 5, 3])) == pytest.approx(0.3)
    assert typical_share(np.array([0]), np.array([0])) is None
    assert typical_share(np.array([], dtype=np.int64), np.array([], dtype=np.int64)) is None
    assert math.isfinite(drift_of(0.0, 0.0))
