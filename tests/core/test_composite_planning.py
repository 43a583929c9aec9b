from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core import composite_planning
from sgddiff_batch.core.cells import Cell, CellGrid
from sgddiff_batch.core.composite_planning import (
    AreaScene,
    AreaSettings,
    find_changes,
    keep_unless_sure,
    plan_areas,
)
from sgddiff_batch.core.times import TimeSpan, parse_span
from sgddiff_batch.protocols import SceneRecord

SETTINGS = AreaSettings(CellGrid("crs", 10, 100), "month", "latest")
JANUARY = parse_span("2026-01-05T10:00:00Z")
HERE, THERE = Cell(0, 0), Cell(1, 0)


def scene(scene_id: str = "a.tif", span: TimeSpan = JANUARY, created: str = "t") -> AreaScene:
    return AreaScene(scene_id, f"{scene_id}/v-k.zarr", created, span)


def recorded(plans, **changes):
    return {
        area_id: replace(SceneRecord(area_id, plan.version, plan.run_key, plan.path), **changes)
        for area_id, plan in plans.items()
    }


def test_a_scene_makes_one_mosaic_for_each_cell_that_it_touches():
    plans = plan_areas(SETTINGS, [(scene(), [HERE, THERE]), (scene("b.tif"), [THERE])])
    assert {k: [s.scene_id for s in p.scenes] for k, p in plans.items()} == {
        "2026-01/x0y0": ["a.tif"],
        "2026-01/x1y0": ["a.tif", "b.tif"],
    }


def test_a_scene_belongs_to_the_period_in_which_it_begins():
    plans = plan_areas(SETTINGS, [(scene(span=parse_span("2026-01-31T23:59:59Z/2026-02-02")), [HERE])])
    assert list(plans) == ["2026-01/x0y0"]


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_scenes_changes_no_version(order):
    plans = plan_areas(SETTINGS, [(scene(name), [HERE]) for name in order])
    wanted = plan_areas(SETTINGS, [(scene(name), [HERE]) for name in "abcd"])
    assert plans == wanted


@pytest.mark.parametrize(
    "changed",
    [
        scene("b.tif"),
        scene(created="later"),
        scene(span=parse_span("2026-01-05T10:00:01Z")),
        replace(scene(), path="a.tif/w-k.zarr"),
    ],
)
def test_whatever_a_pixel_may_depend_on_changes_the_version(changed):
    (before,) = plan_areas(SETTINGS, [(scene(), [HERE])]).values()
    (after,) = plan_areas(SETTINGS, [(changed, [HERE])]).values()
    assert before.version != after.version
    assert before.path != after.path


@pytest.mark.parametrize(
    "changed",
    [
        replace(SETTINGS, rule="max"),
        replace(SETTINGS, resampling="nearest"),
        replace(SETTINGS, period="year"),
        replace(SETTINGS, chunk_px=256),
        replace(SETTINGS, cells=CellGrid("crs", 10, 100, (1, 0))),
        replace(SETTINGS, cells=CellGrid("other", 10, 100)),
    ],
)
def test_whatever_decides_pixels_changes_the_run_key(changed):
    assert changed.run_key != SETTINGS.run_key


def test_only_what_is_touched_is_made_anew():
    before = plan_areas(SETTINGS, [(scene(), [HERE]), (scene("b.tif"), [THERE])])
    after = plan_areas(SETTINGS, [(scene(), [HERE]), (scene("b.tif", created="later"), [THERE])])
    changes = find_changes(after, recorded(before), set())
    assert [plan.area_id for plan in changes.touched] == ["2026-01/x1y0"]
    assert changes.unchanged == ("2026-01/x0y0",)
    assert not find_changes(before, recorded(before), set()).touched


def test_what_has_no_scene_left_is_gone_once_and_comes_back():
    plans = plan_areas(SETTINGS, [(scene(), [HERE, THERE])])
    records, fewer = recorded(plans), {k: p for k, p in plans.items() if k == "2026-01/x0y0"}
    assert find_changes(fewer, records, set()).gone == ("2026-01/x1y0",)
    assert find_changes(fewer, records, {"2026-01/x1y0"}).gone == ()
    back = find_changes(plans, records, {"2026-01/x1y0"})
    assert back.returned == ("2026-01/x1y0",)
    assert not back.touched


def test_what_could_not_be_made_is_tried_again_when_asked_or_when_its_scenes_change():
    plans = plan_areas(SETTINGS, [(scene(), [HERE])])
    records = recorded(plans, reason="damaged")
    assert find_changes(plans, records, set()).quarantined == ("2026-01/x0y0",)
    assert not find_changes(plans, records, set()).touched
    assert find_changes(plans, records, set(), retry_quarantined=True).touched
    changed = plan_areas(SETTINGS, [(scene(created="later"), [HERE])])
    assert find_changes(changed, records, set()).touched


def test_more_scenes_than_can_be_counted_are_refused_with_the_cell(monkeypatch):
    monkeypatch.setattr(composite_planning, "MOST_SCENES", 2)
    with pytest.raises(ValueError, match="3 scenes meet in 2026-01/x0y0, more than 2"):
        plan_areas(SETTINGS, [(scene(name), [HERE]) for name in "abc"])


def test_more_than_half_of_what_is_not_withdrawn_goes_only_if_that_is_allowed():
    cells = [Cell(x, 0) for x in range(5)]
    ids = [f"2026-01/x{x}y0" for x in range(5)]
    records = recorded(plan_areas(SETTINGS, [(scene(), cells)]))

    def left(count, kept=(), **options):
        plans = plan_areas(SETTINGS, [(scene(), cells[:count])]) if count else {}
        withdrawn = {ids[4]}
        found = find_changes(plans, records, withdrawn)
        return keep_unless_sure(found, records, withdrawn, set(kept), **options)

    assert left(2).gone == (ids[2], ids[3])
    assert left(2).refusal is None
    refused = left(1)
    assert refused.gone == ()
    assert "3 of the 4 area mosaics" in str(refused.refusal)
    assert left(1, kept=[ids[1]]) == refused, "a mistake that hits most scenes is told"
    assert left(2, kept=[ids[2]]).gone == (ids[3],)
    allowed = left(0, kept=[ids[0]], allow=True)
    assert (allowed.gone, allowed.refusal) == ((ids[1], ids[2], ids[3]), None)
