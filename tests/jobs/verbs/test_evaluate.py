"""The command that runs the student over pictures and scores maps, as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.evaluation.pictures import read_label
from jobs.evaluation.sources import load_student
from models.sod_metrics import MEASURE_NAMES
from sgddiff_batch.core.tiling import TILE_PX
from tests.kit import jobs
from tests.kit.pictures import SIZES, run, write, write_maps, write_pictures
from tests.kit.reference_scores import Measures, predict_picture

NAMES = ("S", "max F", "mean F", "adaptive F", "max E", "mean E", "adaptive E", "weighted F", "MAE")


@pytest.fixture
def data(tmp_path):
    return write_pictures(tmp_path)


@pytest.fixture
def maps(tmp_path, data):
    return write_maps(tmp_path / "somebodys", data[1])


def test_maps_are_8_bit_pngs_of_the_pictures_sizes_and_equal_the_predictors(
    data, checkpoint, tmp_path, capsys
):
    out = tmp_path / "maps"
    assert run("--images", data[0], "--checkpoint", checkpoint, "--maps", out, "--device", "cpu") == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.large.png", "thin.png"]
    student = load_student(str(checkpoint), "cpu")
    for name, size in SIZES.items():
        with Image.open(out / f"{name}.png") as saliency, Image.open(data[0] / f"{name}.png") as picture:
            assert saliency.mode == "L"
            assert (saliency.height, saliency.width) == size
            pixels = np.asarray(picture).transpose(2, 0, 1)
            np.testing.assert_array_equal(np.asarray(saliency), predict_picture(student.predictor, pixels))
    assert "maps: 3" in capsys.readouterr().out


def test_scores_are_printed_and_written_as_pysodmetrics_has_them(data, maps, tmp_path, capsys):
    report_file = tmp_path / "reports" / "scores.json"
    assert run("--score-maps", maps, "--labels", data[1], "--json", report_file) == 0
    report = json.loads(report_file.read_text())
    measures = Measures()
    for name in SIZES:
        with Image.open(maps / f"{name}.png") as saliency:
            measures.add(np.asarray(saliency), read_label(data[1] / f"{name}.png"))
    totals = report["totals"]["with_objects"]
    assert {n: round(totals[k], 4) for n, k in zip(NAMES, MEASURE_NAMES, strict=True)} == measures.results()
    assert [row["name"] for row in report["pictures"]] == ["a", "b.large", "thin"]
    assert set(MEASURE_NAMES) < set(report["pictures"][0])
    assert report["maps"] == {"source": "folder", "folder": str(maps), "resized": 0}
    printed = capsys.readouterr().out
    assert f"{totals['s']:.4f}" in printed
    assert "0.5 to 2 %" in printed
    assert "empty masks" not in printed


def test_json_without_a_file_is_the_report_alone_on_standard_output(data, maps, tmp_path, capsys):
    folders = ["--score-maps", maps, "--labels", data[1]]
    assert run(*folders, "--json") == 0
    printed = capsys.readouterr().out
    assert run(*folders, "--json", tmp_path / "s.json") == 0
    assert printed == (tmp_path / "s.json").read_text()
    assert not list(Path.cwd().glob("*-worst"))


def test_the_student_is_scored_and_named_in_the_report(data, checkpoint, tmp_path):
    report_file = tmp_path / "scores.json"
    arguments = ["--images", data[0], "--labels", data[1], "--checkpoint", checkpoint, "--device", "cpu"]
    assert run(*arguments, "--maps", tmp_path / "maps", "--json", report_file) == 0
    student = json.loads(report_file.read_text())
    assert student["maps"]["source"] == "student"
    assert len(student["maps"]["digest"]) == 64
    assert student["maps"]["tile_px"] == TILE_PX
    assert run("--score-maps", tmp_path / "maps", "--labels", data[1], "--json", tmp_path / "again.json") == 0
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["totals"] == student["totals"]
    assert again["pictures"] == student["pictures"]


def test_empty_masks_are_reported_apart(data, maps, tmp_path, capsys):
    quarter = np.zeros((40, 40), np.uint8)
    for name, saliency in (("quiet", quarter), ("alarmed", quarter.copy())):
        write(data[1] / f"{name}.png", quarter)
        saliency[:20, :20] = 200 if name == "alarmed" else 0
        write(maps / f"{name}.png", saliency)
    assert run("--score-maps", maps, "--labels", data[1], "--json", tmp_path / "s.json") == 0
    report = json.loads((tmp_path / "s.json").read_text())
    totals, rows = report["totals"], {row["name"]: row for row in report["pictures"]}
    assert totals["with_objects"]["pictures"] == 3
    assert totals["all_pictures"]["pictures"] == 5
    assert totals["all_pictures"]["max_f"] < totals["with_objects"]["max_f"]
    empty = totals["empty_masks"]
    assert (empty["pictures"], empty["false_alarm_area"], empty["pictures_with_alarm"]) == (2, 0.125, 0.5)
    assert rows["quiet"]["empty_mask"]
    assert rows["quiet"]["s"] == 1.0
    assert rows["quiet"]["max_f"] == 0.0
    assert rows["alarmed"]["false_alarm_area"] == 0.25
    assert "false-alarm area 12.5000%" in capsys.readouterr().out


def test_nothing_but_empty_masks_is_a_report_and_no_crash(tmp_path, capsys):
    write(tmp_path / "labels" / "a.png", np.zeros((8, 8), np.uint8))
    write(tmp_path / "maps" / "a.jpg", np.zeros((8, 8), np.uint8))
    assert (
        run("--score-maps", tmp_path / "maps", "--labels", tmp_path / "labels", "--json", tmp_path / "s.json")
        == 0
    )
    assert json.loads((tmp_path / "s.json").read_text())["totals"]["with_objects"] == {"pictures": 0}
    assert "with objects (0)" in capsys.readouterr().out


def test_maps_of_another_size_are_brought_to_the_labels_and_counted(data, maps, tmp_path):
    with Image.open(maps / "a.png") as opened:
        opened.resize((352, 352)).convert("RGB").save(maps / "a.jpg", quality=95)
    (maps / "a.png").unlink()
    assert run("--score-maps", maps, "--labels", data[1], "--json", tmp_path / "s.json") == 0
    report = json.loads((tmp_path / "s.json").read_text())
    assert report["maps"]["resized"] == 1
    assert (report["pictures"][0]["height_px"], report["pictures"][0]["width_px"]) == SIZES["a"]


def test_the_worst_ten_are_drawn_worst_first_and_replace_those_of_an_earlier_run(tmp_path):
    images, labels = write_pictures(tmp_path, {f"p{k:02d}": (30, 40 + k) for k in range(12)})
    maps = write_maps(tmp_path / "somebodys", labels)
    with Image.open(labels / "p07.png") as opened:
        write(maps / "p07.png", 255 - np.asarray(opened))
    folder = tmp_path / "scores-worst"
    for stale in ("worst-03-gone.png", "mine.png"):
        write(folder / stale, np.zeros((4, 4), np.uint8))
    assert (
        run("--score-maps", maps, "--images", images, "--labels", labels, "--json", tmp_path / "scores.json")
        == 0
    )
    sheets = sorted(path.name for path in folder.iterdir())
    assert len(sheets) == 11
    assert sheets[:2] == ["mine.png", "worst-01-p07.png"]
    assert "worst-03-gone.png" not in sheets
    rows = json.loads((tmp_path / "scores.json").read_text())["pictures"]
    order = [row["name"] for row in sorted(rows, key=lambda row: row["s"])[:10]]
    assert [name[9:-4] for name in sheets[1:]] == order
    with Image.open(folder / sheets[1]) as sheet:
        assert sheet.width >= 3 * 47


def test_the_worst_go_where_they_are_asked_to_also_without_pictures(data, maps, tmp_path):
    assert run("--score-maps", maps, "--labels", data[1], "--worst", tmp_path / "here") == 0
    assert len(list((tmp_path / "here").iterdir())) == 3


def test_grey_palette_and_transparent_pictures_are_read(tmp_path, checkpoint):
    base = Image.fromarray(np.random.default_rng(2).integers(0, 256, (40, 50, 3), dtype=np.uint8))
    (tmp_path / "images").mkdir()
    for mode in ("L", "P", "RGBA", "1", "LA"):
        base.convert(mode).save(tmp_path / "images" / f"{mode}.png")
    base.convert("CMYK").save(tmp_path / "images" / "CMYK.jpg")
    assert run("--images", tmp_path / "images", "--checkpoint", checkpoint, "--maps", tmp_path / "maps") == 0
    assert len(list((tmp_path / "maps").iterdir())) == 6


def test_pictures_of_one_pixel_row_or_column_have_maps(tmp_path, checkpoint):
    sizes = {"pixel": (1, 1), "row": (1, 600), "column": (40, 1)}
    for name, (height, width) in sizes.items():
        write(tmp_path / "images" / f"{name}.png", np.full((height, width, 3), 77, np.uint8))
    assert run("--images", tmp_path / "images", "--checkpoint", checkpoint, "--maps", tmp_path / "maps") == 0
    for name, size in sizes.items():
        with Image.open(tmp_path / "maps" / f"{name}.png") as saliency:
            assert (saliency.height, saliency.width) == size


def test_the_verb_runs_where_nothing_is_installed(data, maps):
    command = [sys.executable, "-m", "jobs", "evaluate", "--score-maps", str(maps)]
    environment = {**os.environ, "PYTHONPATH": str(jobs.ROOT)}
    done = subprocess.run(
        [*command, "--labels", str(data[1])], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "with objects (3)" in done.stdout


@pytest.mark.slow
@pytest.mark.data
def test_the_bundled_student_scores_real_pictures_as_the_tests_do(data_root, tmp_path):
    source = data_root / "VHR10-SOD"
    measures, student = Measures(), load_student("bundled", "cpu")
    for path in sorted((source / "test-images").iterdir())[5::20]:
        for kind, file in (("images", path), ("labels", source / "test-labels" / f"{path.stem}.png")):
            link(tmp_path / kind, file)
        with Image.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB")).transpose(2, 0, 1)
        label = read_label(tmp_path / "labels" / f"{path.stem}.png")
        measures.add(predict_picture(student.predictor, pixels), label)
    folders = ["--images", tmp_path / "images", "--labels", tmp_path / "labels"]
    assert run(*folders, "--json", tmp_path / "s.json", "--device", "cpu") == 0
    totals = json.loads((tmp_path / "s.json").read_text())["totals"]["with_objects"]
    assert totals["pictures"] == 3
    assert {n: round(totals[k], 4) for n, k in zip(NAMES, MEASURE_NAMES, strict=True)} == measures.results()


def link(folder: Path, file: Path):
    folder.mkdir(exist_ok=True)
    (folder / file.name).symlink_to(file)


def test_whole_objects_are_matched_where_asked_for_and_the_protocol_says_how(data, maps, tmp_path, capsys):
    plain, asked = tmp_path / "plain.json", tmp_path / "asked.json"
    assert run("--score-maps", maps, "--labels", data[1], "--json", plain) == 0
    assert run("--score-maps", maps, "--labels", data[1], "--json", asked, "--objects") == 0
    assert "matched at an IoU of 0.5" in capsys.readouterr().out
    without, report = (json.loads(path.read_text()) for path in (plain, asked))
    assert "Detections" not in without["protocol"]
    assert "Detections: objects as `sgddiff objects` draws them" in report["protocol"]
    found = report["totals"].pop("detections_by_size")
    assert set(found["all"]) == {"labelled", "found", "drawn", "right", "precision", "recall", "f1"}
    assert (
        sum(row.pop("detections_by_size")["all"]["drawn"] for row in report["pictures"])
        == found["all"]["drawn"]
    )
    assert (report["totals"], report["pictures"]) == (without["totals"], without["pictures"])


def test_objects_without_labels_are_refused(data, tmp_path, capsys):
    assert run("--images", data[0], "--maps", tmp_path / "maps", "--objects") == 2
    assert "--labels: needed for scores" in capsys.readouterr().err
