"""Reports: their size is that of what happened, and their totals are of all scenes."""

from __future__ import annotations

from pathlib import Path

from sgddiff_batch.core.shares import SHARE_CLASSES
from sgddiff_batch.io.reports import DAMAGED, Unchanged, build_report, first_of_each_reason
from tests.io.reports.report_examples import Row, written

UNCHANGED = Unchanged(10**6, 5 * 10**12, 7, {"alpha": 999_990, "none": 10})


def test_unchanged_scenes_are_in_the_totals_and_have_no_rows(tmp_path: Path) -> None:
    report = written(tmp_path, Row("a"), Row("b", "failed"), unchanged=UNCHANGED)
    assert [row["scene_id"] for row in report["scenes"]] == ["a", "b"]
    assert report["totals"] == {
        "scenes": 10**6 + 2,
        "states": {"done": 1, "failed": 1, "unchanged": 10**6},
        "tiles": 4,
        "tiles_px": 0,
        "valid_px": 5 * 10**12 + 20,
        "salient_px": 9,
        "masks": {"alpha": 1 + 999_990, "none": 10},
        "seconds_by_stage": {"read": 1.0},
        "made": {
            "scenes": 1,
            "mosaic_px": 0,
            "valid_px": 10,
            "salient_px": 1,
            "classes": [0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
            "seam": dict.fromkeys(("across", "across_px", "inside", "inside_px", "block", "block_px"), 0),
        },
    }


def test_a_report_of_nothing_is_json_and_names_no_state(tmp_path: Path) -> None:
    report = written(tmp_path)
    assert (report["scenes"], report["ignored"]) == ([], [])
    assert (report["totals"]["scenes"], report["totals"]["states"]) == (0, {})


def test_a_scene_with_a_damaged_record_besides_is_counted_once(tmp_path: Path) -> None:
    report = written(tmp_path, Row("a"), Row("a", DAMAGED), Row("b", DAMAGED), unchanged=Unchanged(1))
    assert report["totals"]["scenes"] == 2
    assert report["totals"]["states"] == {DAMAGED: 2, "done": 1, "unchanged": 1}


def test_masks_are_counted_by_rule_where_a_mosaic_was_made(tmp_path: Path) -> None:
    rows = [
        Row("a"),
        Row("b", mask_rule="none"),
        Row("c", mask_rule=""),
        Row("d", "failed"),
        Row("e", DAMAGED),
    ]
    assert written(tmp_path, *rows)["totals"]["masks"] == {"alpha": 1, "none": 1, "unknown": 1}


def test_of_a_reason_that_many_files_share_the_first_hundred_are_named() -> None:
    rows = [{"path": f"{number}.xml", "reason": "it is no .tif"} for number in range(5000)]
    kept = first_of_each_reason([*rows, {"path": "a", "reason": "it is a folder"}])
    assert kept == [*rows[:100], {"path": "a", "reason": "it is a folder"}]


def test_what_a_run_made_is_told_apart_from_what_was_there() -> None:
    steps = {"across": 4, "across_px": 3, "inside": 2, "inside_px": 1}
    rows = [
        {**vars(Row("a")), "height_px": 4, "width_px": 5, "seam": steps},
        {**vars(Row("b", salient_px=0)), "height_px": 2, "width_px": 5, "seam": steps},
        vars(Row("of an area", valid_px=0, salient_px=0)),
        {**vars(Row("c", "quarantined")), "height_px": 9, "width_px": 9},
    ]
    report = build_report(
        "1", started_at="now", seconds=1.0, ending="done", config={}, run={}, scenes=rows, ignored=[],
        unchanged=UNCHANGED,
    )  # fmt: skip
    made = report["totals"]["made"]
    assert {name: made[name] for name in ("scenes", "mosaic_px", "valid_px", "salient_px")} == {
        "scenes": 3, "mosaic_px": 30, "valid_px": 20, "salient_px": 1,
    }  # fmt: skip
    assert made["classes"] == [1, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert made["seam"] == {
        "across": 8,
        "across_px": 6,
        "inside": 4,
        "inside_px": 2,
        "block": 0,
        "block_px": 0,
    }
    assert len(made["classes"]) == len(SHARE_CLASSES)
