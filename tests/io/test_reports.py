"""Reports: their size is that of what happened, and their totals are of all scenes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.reports import (
    DAMAGED,
    Packed,
    Rows,
    Unchanged,
    build_report,
    first_of_each_reason,
    read_last,
    write_report,
)
from sgddiff_batch.io.storage.store import Store, open_store
from tests.kit.outputs import KINDS, output_on


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
        "1", started_at="now", seconds=1.0, ending="done", config={}, run={}, scenes=Rows(rows), ignored=[],
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


@pytest.fixture(params=KINDS)
def output(request: pytest.FixtureRequest) -> Iterator[Store]:
    with output_on(request.param, "reports", request) as uri:
        yield open_store(uri)


def test_of_the_newest_report_what_stands_before_its_scenes_is_read(output: Store) -> None:
    assert read_last(output) is None
    for day, ending, count in ((1, "done", 1), (3, "quarantined", 20_000), (2, "failed", 1)):
        report = build_report(
            f"2026010{day}T010203Z-4f2a", started_at="now", seconds=1.0, ending=ending, config={}, run={},
            scenes=Rows([Row(f'{number}",\n"scenes": ') for number in range(count)]), ignored=[],
        )  # fmt: skip
        write_report(output, report)
    output.write("report-x.tif/v-k.zarr/zarr.json", b"{}")
    output.write("report-z.txt", b"a report of somebody else")
    head = read_last(output)
    assert head is not None
    assert (head["run_id"], head["ending"]) == ("20260103T010203Z-4f2a", "quarantined")
    assert head["totals"]["states"] == {"done": 20_000}
    assert head["report"] == f"{output.uri}/report-20260103T010203Z-4f2a.json"
    assert "scenes" not in head


def test_a_report_without_scenes_or_by_other_hands_is_read_too(tmp_path: Path) -> None:
    written(tmp_path)
    head = read_last(open_store(str(tmp_path)))
    assert head is not None
    assert head["totals"]["states"] == {}
    (tmp_path / "report-2.json").write_text('{"run_id": "2"}')
    assert read_last(open_store(str(tmp_path))) == {"run_id": "2", "report": f"{tmp_path}/report-2.json"}


@pytest.mark.parametrize("data", ["", "{", "[]", '{"run_id": "1",\n"totals": {'])
def test_a_damaged_report_is_told_by_its_name(tmp_path: Path, data: str) -> None:
    (tmp_path / "report-1.json").write_text(data)
    with pytest.raises(FatalError, match=r"report-1\.json is damaged"):
        read_last(open_store(str(tmp_path)))


@given(st.lists(st.integers(), max_size=1100))
def test_values_come_out_as_they_went_in(values):
    packed = Packed(values)
    assert list(packed) == values
    assert len(packed) == len(values)
    assert -1 in packed or -1 not in values


def test_rows_of_one_kind_take_a_fraction_of_what_they_take_as_objects():
    packed = Packed(Row(f"north/scene{number:06}.tif") for number in range(10_240))
    assert sum(map(len, packed._blocks)) < 60 * len(packed)
    assert Row("north/scene005000.tif") in packed


def test_who_goes_through_it_sees_what_was_there_when_it_began():
    packed = Packed(range(300))
    rows = iter(packed)
    assert next(rows) == 0
    packed.extend(range(300, 1000))
    assert list(rows) == list(range(1, 300))


def test_many_threads_add_and_read_and_nothing_is_lost_or_twice():
    packed = Packed[int]()

    def work(first):
        for number in range(first, 4000, 8):
            packed.append(number)
            if number % 512 == first:
                assert number in packed

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sorted(packed) == list(range(4000))
