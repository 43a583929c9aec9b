"""Runs are compared by what the heads of their reports tell, and an alarm says what to look at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.run_measures import AlarmLimits, alarms, measures_of, pooled, typical

CLASSES = [40, 0, 0, 20, 20, 10, 5, 5, 0, 0]


def head(**made: Any) -> dict[str, Any]:
    facts = {"scenes": 100, "mosaic_px": 1000, "valid_px": 900, "salient_px": 9, "classes": CLASSES} | made
    return {
        "run_id": "1", "ending": "done", "started_at": "2026-01-01T00:00:00+00:00", "seconds": 50.0,
        "totals": {"states": {"done": 100, "quarantined": 2}, "tiles": 100, "tiles_px": 10**8, "made": facts},
    }  # fmt: skip


NOW, BEFORE = measures_of(head()), [measures_of(head())] * 3


def found(now: dict[str, Any], limits: AlarmLimits | None = None) -> list[str]:
    return [alarm.found for alarm in alarms(measures_of(now), BEFORE, limits or AlarmLimits())]


def test_shares_are_of_what_the_run_made_and_tried():
    assert (NOW.made, NOW.no_data, NOW.salient) == (100, pytest.approx(0.1), 0.01)
    assert (NOW.quarantined, NOW.seconds_per_mpx) == (pytest.approx(2 / 102), 0.5)
    assert NOW.classes == tuple(CLASSES)


def test_a_run_like_those_before_it_alarms_nobody():
    assert found(head()) == []


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (head(classes=[0, 0, 0, 0, 0, 0, 10, 10, 40, 40]), "more salient"),
        (head(classes=[100, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "less salient"),
        (head(valid_px=600), "40% of the pixels are no data, usually 10%"),
        (head(seam={"across": 9000, "across_px": 1000, "inside": 3000, "inside_px": 1000}), "are 2.8 times"),
        ({**head(), "seconds": 101.0}, "a megapixel of tiles took 1 s, usually 0.5 s"),
    ],
)
def test_what_is_unlike_the_runs_before_is_told(now, words):
    assert [words in line for line in found(now)] == [True]
    assert found(now, AlarmLimits(drift=0, no_data=0, slower=0, seam=0)) == []


def test_many_scenes_in_quarantine_are_told_whatever_was_before_but_not_one_of_a_few():
    now = head()
    now["totals"]["states"] = {"done": 90, "quarantined": 10}
    assert "10.0% of the scenes that were tried" in found(now)[0]
    assert alarms(measures_of(now), [], AlarmLimits())
    now["totals"]["states"] = {"done": 9, "quarantined": 1}
    assert found(now) == []


def test_no_distribution_is_compared_of_a_few_scenes():
    assert found(head(classes=[0, 0, 0, 0, 0, 0, 0, 0, 0, 19])) == []
    assert found(head(classes=[0, 0, 0, 0, 0, 0, 0, 0, 0, 20])) != []


def test_a_report_of_a_former_version_tells_what_it_has():
    told = measures_of({"run_id": "1", "seconds": 5, "totals": {"states": {"done": 2}, "tiles": 10}})
    assert (told.made, told.classes, told.no_data, told.salient) == (None, (), None, None)
    assert (told.seconds_per_mpx, told.quarantined, told.ending) == (None, 0, None)
    assert alarms(NOW, [told], AlarmLimits()) == []
    assert alarms(told, BEFORE, AlarmLimits()) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
KEYS = st.sampled_from(["totals", "states", "made", "classes", "seconds", "ending", "tiles", "tiles_px"])


@given(st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON)))
def test_whatever_a_head_holds_there_are_measures(tree):
    now = measures_of(tree)
    assert isinstance(alarms(now, [NOW, now], AlarmLimits.of(tree)), list)


def test_limits_are_those_of_a_config_as_far_as_it_has_them():
    limits = AlarmLimits.of({"drift": 0.5, "no_data": None, "slower": "fast", "quarantined": True})
    assert limits == AlarmLimits(drift=0.5)
    assert AlarmLimits.of(None) == AlarmLimits()


def test_classes_of_runs_are_put_together_of_those_that_tell():
    untold = measures_of({})
    assert pooled([NOW, untold, NOW]) == tuple(2 * count for count in CLASSES)
    assert pooled([untold]) == ()
    assert typical([3.0, None, 1.0, 2.0]) == 2.0
    assert typical([None]) is None


def test_borders_of_blocks_are_told_apart_from_those_of_tiles_and_former_reports_tell_none():
    fine = {"across": 3000, "across_px": 1000, "inside": 3000, "inside_px": 1000}
    (alarm,) = alarms(measures_of(head(seam=fine | {"block": 9000, "block_px": 1000})), [], AlarmLimits())
    assert "borders of blocks are 2.8 times" in alarm.found
    former = measures_of(head(seam=fine))
    assert (former.seam, former.block_seam) == (1.0, None)
    assert measures_of(head(seam=fine | {"block": "x"})).seam is None
    assert measures_of(head(seam={})).seam is None


def test_a_run_over_large_scenes_is_not_slower_for_its_larger_tiles():
    now = {**head(), "seconds": 500.0}
    now["totals"] |= {"tiles": 100, "tiles_px": 10**9}
    assert found(now) == []
