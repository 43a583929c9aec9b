"""Reports as objects: heads are read at once, rows one at a time, and what is damaged is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.reports import (
    Rows,
    build_report,
    open_report,
    read_heads,
    read_last,
    write_report,
)
from sgddiff_batch.io.storage.store import Store, open_store
from tests.io.reports.report_examples import Row, written
from tests.kit.outputs import KINDS, output_on


def test_each_scene_is_a_line_that_is_json_by_itself(tmp_path: Path) -> None:
    written(tmp_path, Row("a\n'\"é"), Row("b"))
    lines = (tmp_path / "report-1.json").read_text().splitlines()
    rows = [json.loads(line.rstrip(",")) for line in lines if line.startswith('{"scene_id"')]
    assert [row["scene_id"] for row in rows] == ["a\n'\"é", "b"]


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


def put(store: Store, run_id: str, scenes: int = 2, config: dict[str, object] | None = None) -> None:
    report = build_report(
        run_id, started_at="now", seconds=1.0, ending="done", config=config or {}, run={"device": "cpu"},
        scenes=Rows([Row(f'{number}",\n],\n"ignored": ') for number in range(scenes)]),
        ignored=[{"path": "x", "reason": "y"}],
    )  # fmt: skip
    write_report(store, report)


def test_a_report_is_opened_with_all_but_its_rows_which_are_read_one_by_one(output: Store) -> None:
    put(output, "1", config={"deep": {"key": "x" * 400_000}})
    put(output, "2", 3000)
    last, first = open_report(output), open_report(output, "1")
    assert (last.facts["run_id"], first.facts["run_id"]) == ("2", "1")
    assert last.uri == f"{output.uri}/report-2.json"
    assert "scenes" not in last.facts
    assert last.facts["run"] == {"device": "cpu"}
    assert last.facts["ignored"] == [{"path": "x", "reason": "y"}]
    assert len(first.facts["config"]["deep"]["key"]) == 400_000
    for _ in range(2):
        ids = [row["scene_id"] for row in last.rows]
        assert ids == [f'{number}",\n],\n"ignored": ' for number in range(3000)]


def test_a_report_without_rows_has_none(output: Store) -> None:
    put(output, "1", 0)
    assert [*open_report(output).rows] == []
    assert open_report(output).facts["run"] == {"device": "cpu"}


def test_a_report_that_was_laid_out_otherwise_is_opened_whole(tmp_path: Path) -> None:
    tree = {"run_id": "1", "scenes": [{"scene_id": "a"}], "config": {}}
    (tmp_path / "report-1.json").write_text(json.dumps(tree, indent=1))
    report = open_report(open_store(str(tmp_path)))
    assert ([*report.rows], report.facts) == ([{"scene_id": "a"}], {"run_id": "1", "config": {}})


@pytest.mark.parametrize("run_id", [None, "7", "../report-7", ""])
def test_a_report_that_is_not_there_is_told(tmp_path: Path, run_id: str | None) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "report-7.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="has no report"):
        open_report(open_store(str(tmp_path / "out")), run_id)


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.99])
def test_a_report_that_breaks_off_is_damaged_and_named(tmp_path: Path, kept: float) -> None:
    store = open_store(str(tmp_path))
    put(store, "1", 50)
    data = store.read("report-1.json")
    store.write("report-1.json", data[: int(len(data) * kept)])
    with pytest.raises(FatalError, match=r"report-1\.json is damaged"):
        list(open_report(store).rows)


def test_heads_before_a_run_come_oldest_first_and_damaged_ones_are_left_out(output: Store) -> None:
    for run_id in ("3", "1", "2", "4"):
        put(output, run_id, 2000)
    output.write("report-0.json", b"{")
    assert [head["run_id"] for head in read_heads(output, 30)] == ["1", "2", "3", "4"]
    assert [head["run_id"] for head in read_heads(output, 30, before="3")] == ["1", "2"]
    assert [head["run_id"] for head in read_heads(output, 2, before="4")] == ["2", "3"]
    assert read_heads(output, 2)[0]["totals"]["states"] == {"done": 2000}
    assert read_heads(open_store(output.uri_of("nowhere")), 5) == []


def test_heads_tell_which_runs_have_a_page_by_its_name(output: Store) -> None:
    for run_id in ("1", "2", "3"):
        put(output, run_id)
    for name in ("report-1.html", "report-7.html", "report-2.html.txt"):
        output.write(name, b"")
    told = {head["run_id"]: head["has_page"] for head in read_heads(output, 5)}
    assert told == {"1": True, "2": False, "3": False}


@pytest.mark.parametrize("said", ['"run_id": "x/../../evil"', '"seconds": 1', '"run_id": null'])
@pytest.mark.parametrize("rows", ["", ',\n"scenes": [],\n"ignored": [],\n"run_id": "../evil"'])
def test_the_id_of_a_run_is_that_of_its_reports_name(tmp_path: Path, said: str, rows: str) -> None:
    (tmp_path / "report-7.json").write_text(f"{{{said}{rows}}}")
    store, last = open_store(str(tmp_path)), read_last(open_store(str(tmp_path)))
    assert open_report(store).facts["run_id"] == "7"
    assert [head["run_id"] for head in read_heads(store, 9)] == ["7"]
    assert last is not None
    assert last["run_id"] == "7"
