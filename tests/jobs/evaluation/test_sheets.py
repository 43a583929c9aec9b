"""What an evaluation shows: tables of what was scored, and sheets that take the place of earlier ones."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from jobs.evaluation.pictures import Entry
from jobs.evaluation.scoring import score_picture, sum_up
from jobs.evaluation.sheets import PANEL_PX, clear_sheets, draw_sheet, draw_worst, print_scores
from tests.kit.pictures import write


def row_of(name, *, empty=False, side=40):
    mask = np.zeros((side, side), bool)
    mask[5:15, 5:15] = not empty
    return score_picture(name, (mask * 200).astype(np.uint8), mask)


def said_of(rows, capsys):
    print_scores(sum_up(rows))
    return capsys.readouterr().out


def test_measures_and_recall_are_printed_of_pictures_with_objects(capsys):
    rows = [row_of("a"), row_of("b")]
    said = said_of(rows, capsys)
    measures = sum_up(rows).with_objects.means()
    [line] = [line for line in said.splitlines() if "with objects (2)" in line]
    assert f"{measures.s:.4f}" in line
    assert f"{measures.mae:.4f}" in line
    assert "recall by size" in said
    assert "empty masks" not in said
    assert "windows of" not in said


def test_pictures_without_objects_are_told_apart(capsys):
    said = said_of([row_of("a"), row_of("b", empty=True)], capsys)
    assert "with objects (1)" in said
    assert "all, empty masks too (2)" in said
    assert "empty masks: 1 pictures, false-alarm area 0.0000% on average, 0 with any" in said


def test_windows_without_objects_are_told_where_there_are_any(capsys):
    assert "windows of 320 px without objects: 1, " in said_of([row_of("a", empty=True, side=320)], capsys)


def test_where_nothing_has_an_object_there_are_dashes_and_no_recall(capsys):
    said = said_of([row_of("a", empty=True)], capsys)
    [line] = [line for line in said.splitlines() if "with objects (0)" in line]
    assert line.count(" - ") == 9
    assert "recall by size" not in said


def test_the_sheets_of_an_earlier_run_go_and_all_else_stays(tmp_path):
    kept = ("worst-1-a.png", "my-worst-01-a.png", "worst-01-a.jpg", "notes.txt")
    for name in ("worst-01-a.png", "worst-10-b.c.png", *kept):
        (tmp_path / name).touch()
    clear_sheets(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    clear_sheets(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir()


@pytest.mark.parametrize("name", ["a", "n" * 200])
def test_a_sheet_is_named_by_its_place_and_picture_and_shows_all_panels(tmp_path, name):
    row = row_of(name)
    panels = [np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)]
    path = draw_sheet(tmp_path, 3, row, panels)
    assert path.name == f"worst-03-{name[:50]}.png"
    with Image.open(io.BytesIO(path.read_bytes())) as sheet:
        assert sheet.width >= 2 * min(PANEL_PX, 8 * 40)


def test_the_worst_are_drawn_with_whatever_files_there_are(tmp_path):
    picture = write(tmp_path / "images" / "a.png", np.zeros((40, 40, 3), np.uint8))
    label = write(tmp_path / "labels" / "a.png", np.zeros((40, 40), np.uint8))
    saliency = np.zeros((40, 40), np.uint8)
    entries = [Entry("a", picture, label, None), Entry("b", None, label, None), Entry("c", None, None, None)]
    draw_worst([(row_of(entry.name), entry, saliency) for entry in entries], tmp_path / "worst")
    sheets = sorted((tmp_path / "worst").iterdir())
    assert [path.name for path in sheets] == ["worst-01-a.png", "worst-02-b.png", "worst-03-c.png"]
    widths = []
    for path in sheets:
        with Image.open(path) as sheet:
            widths.append(sheet.width)
    assert widths[0] > widths[1] > widths[2]


def test_whole_objects_are_a_table_where_they_were_matched(capsys):
    mask = np.zeros((40, 40), bool)
    mask[5:15, 5:15] = True
    row = score_picture("a", (mask * 200).astype(np.uint8), mask, detections=True)
    said = said_of([row], capsys)
    assert "matched at an IoU of 0.5" in said
    [line] = [line for line in said.splitlines() if line.strip("│ ").startswith("all ")]
    assert line.split("│")[-2].strip() == "1.0000"
    assert "matched at" not in said_of([row_of("a")], capsys)
