"""What a run prints at its end: a row for each scene that is not as it was, and where the report is."""

from __future__ import annotations

from jobs.printing.results import end_facts, print_results
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.io.reports import DAMAGED
from sgddiff_batch.runs import RunEnd

DONE = SceneResult(
    "a.tif", "u", "done", height_px=30, width_px=40, valid_px=1000, salient_px=25, seconds={"read": 1.5}
)  # fmt: skip


def printed(capsys, *rows, unchanged=0, report="out/report-1.json"):
    print_results(RunEnd(rows, unchanged, 2.0, report))
    said = capsys.readouterr().out
    cells = [[c.strip() for c in line.split("│")[1:-1]] for line in said.splitlines() if "│" in line]
    return said, cells


def test_a_scene_is_a_row_of_size_share_and_seconds(capsys):
    assert printed(capsys, DONE)[1] == [["a.tif", "40 x 30", "2.50%", "1.5", "done"]]


def test_what_is_not_known_of_a_scene_is_a_dash_and_its_reason_stands_beside_its_state(capsys):
    _, rows = printed(capsys, SceneResult("b.tif", "u", "quarantined", "[red] torn"))
    assert rows == [["b.tif", "-", "-", "-", "quarantined: [red] torn"]]


def test_where_all_is_as_it_was_there_is_no_table(capsys):
    said, rows = printed(capsys, unchanged=7)
    assert rows == []
    assert said.splitlines() == ["7 scenes in 2.0 s, 7 of them unchanged", "report: out/report-1.json"]


def test_a_damaged_record_is_a_row_and_no_scene(capsys):
    said, rows = printed(capsys, DONE, SceneResult("_ledger/x", "u", DAMAGED, "no JSON"))
    assert "1 scene in 2.0 s" in said
    assert len(rows) == 2


def test_rows_are_by_id_and_those_that_fell_out_are_the_least_urgent(capsys):
    done = [SceneResult(f"{n:03d}.tif", "u", "done") for n in range(300)]
    _, rows = printed(capsys, *done, SceneResult("z.tif", "u", "pending"), SceneResult("y.tif", "u", "new"))
    assert [row[0] for row in rows] == [*(f"{n:03d}.tif" for n in range(199)), "z.tif"]


def test_the_place_of_the_report_stays_on_one_line_to_be_copied(capsys):
    place = f"s3://bucket/{'folder/' * 60}[x]/report-1.json"
    assert printed(capsys, report=place)[0].endswith(f"report: {place}\n")


def test_the_page_is_named_beside_the_report_where_there_is_one(capsys):
    print_results(RunEnd((DONE,), 0, 2.0, "out/report-1.json", page_uri="out/[b]report-1.html"))
    assert capsys.readouterr().out.endswith("report: out/report-1.json\npage: out/[b]report-1.html\n")


def test_a_reason_cannot_move_the_cursor(capsys):
    _, rows = printed(capsys, SceneResult("b.tif", "u", "failed", "a\x1b[2J\nb"))
    assert rows[0][-1] == r"failed: a\x1b[2J\nb"


def test_as_json_there_are_the_totals_of_the_report_and_its_place_without_secrets():
    end = RunEnd((DONE,), 0, 2.00049, "out/report-1.json", {"states": {"https://u:p@h/?k=1": 1}})
    assert end_facts(end) == {
        "report": "out/report-1.json",
        "page": None,
        "seconds": 2.0,
        "totals": {"states": {"https://h/": 1}},
    }
