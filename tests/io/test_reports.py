"""Reports: their size is that of what happened, and their totals are of all scenes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sgddiff_batch.io.reports import (
    DAMAGED,
    Rows,
    Unchanged,
    build_report,
    first_of_each_reason,
    write_report,
)
from sgddiff_batch.io.storage.store import open_store


@dataclass(frozen=True)
class Row:
    scene_id: str
    state: str = "done"
    tiles: int = 2
    valid_px: int = 10
    salient_px: int = 1
    seconds: dict[str, float] = field(default_factory=lambda: {"read": 0.5})
    mask_rule: str = "alpha"


def written(folder: Path, *rows: Row, unchanged: Unchanged | None = None) -> Any:
    report = build_report(
        "1", started_at="now", seconds=1.0, config={}, run={}, scenes=Rows(rows), ignored=[],
        unchanged=unchanged or Unchanged(),
    )  # fmt: skip
    write_report(open_store(str(folder)), report)
    return json.loads((folder / "report-1.json").read_text())


UNCHANGED = Unchanged(10**6, 5 * 10**12, 7, {"alpha": 999_990, "none": 10})


def test_unchanged_scenes_are_in_the_totals_and_have_no_rows(tmp_path: Path) -> None:
    report = written(tmp_path, Row("a"), Row("b", "failed"), unchanged=UNCHANGED)
    assert [row["scene_id"] for row in report["scenes"]] == ["a", "b"]
    assert report["totals"] == {
        "scenes": 10**6 + 2,
        "states": {"done": 1, "failed": 1, "unchanged": 10**6},
        "tiles": 4,
        "valid_px": 5 * 10**12 + 20,
        "salient_px": 9,
        "masks": {"alpha": 1 + 999_990, "none": 10},
        "seconds_by_stage": {"read": 1.0},
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


def test_each_scene_is_a_line_that_is_json_by_itself(tmp_path: Path) -> None:
    written(tmp_path, Row("a\n'\"é"), Row("b"))
    lines = (tmp_path / "report-1.json").read_text().splitlines()
    rows = [json.loads(line.rstrip(",")) for line in lines if line.startswith('{"scene_id"')]
    assert [row["scene_id"] for row in rows] == ["a\n'\"é", "b"]


def test_of_a_reason_that_many_files_share_the_first_hundred_are_named() -> None:
    rows = [{"path": f"{number}.xml", "reason": "it is no .tif"} for number in range(5000)]
    kept = first_of_each_reason([*rows, {"path": "a", "reason": "it is a folder"}])
    assert kept == [*rows[:100], {"path": "a", "reason": "it is a folder"}]
