"""`sgddiff explain`: a pixel is named by its row and column or by a place, and told as lines or as JSON."""

from __future__ import annotations

import json

import pytest

from jobs.cli import main
from jobs.exits import Exit


def told(capsys, *words):
    capsys.readouterr()
    assert main(["explain", *words]) == Exit.DONE
    return capsys.readouterr().out


def test_a_pixel_is_told_in_lines_or_as_json_and_into_a_file_besides(night, capsys, tmp_path):
    pixel = [night.uri("a.tif"), "30", "40"]
    lines, facts = told(capsys, *pixel), json.loads(told(capsys, *pixel, "--json"))
    assert facts["pixel"]["row"] == 30
    assert f"{'value code':<24} {facts['value']['code']}" in lines.splitlines()
    assert told(capsys, *pixel, f"--json={tmp_path / 'told.json'}") == lines
    assert json.loads((tmp_path / "told.json").read_text()) == facts


def test_a_place_is_the_pixel_that_it_lies_in(night, capsys):
    by_place = told(capsys, night.uri("a.tif"), "--xy", "500081", "4999939", "--json")
    assert by_place == told(capsys, night.uri("a.tif"), "30", "40", "--json")


def test_a_pixel_without_data_is_looked_up_in_the_scene_as_the_config_says(night, capsys):
    words = [night.uri("b.tif"), "3", "3", "--json", "--config", night.config]
    assert "no valid sample" in json.loads(told(capsys, *words))["no_data"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give ROW and COL, or --xy X Y"),
        (["3"], "give ROW and COL, or --xy X Y"),
        (["3", "4", "--xy", "1", "2"], "not both"),
        (["9999", "0"], "9999"),
        (["--xy", "0", "0"], "0.0"),
        (["--xy", "nan", "0"], "both numbers must be finite"),
        (["3", "4", "--set", "archive.access=anonymous"], "give --config"),
    ],
)
def test_what_names_no_pixel_is_one_line_and_ends_with_2(night, capsys, words, said):
    capsys.readouterr()
    assert main(["explain", night.uri("a.tif"), *words]) == Exit.WRONG
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_what_is_no_mosaic_ends_with_2(tmp_path, capsys):
    assert main(["explain", str(tmp_path / "typo.zarr"), "0", "0"]) == Exit.WRONG
    assert "typo.zarr" in capsys.readouterr().err
