"""What is printed of a pixel: a fact a line, each under its name."""

from __future__ import annotations

from jobs.printing import print_explained

WINDOW = {"row_start": 64, "row_stop": 160, "col_start": 0, "col_stop": 96}


def lines_of(facts, capsys):
    print_explained(facts)
    return capsys.readouterr().out.splitlines()


def test_a_fact_is_a_line_and_a_fact_of_several_a_line_each(capsys):
    facts = {"mosaic": "a.zarr", "pixel": {"row": 3, "col": 4}, "no_data": None, "bands": [1, 2]}
    assert lines_of(facts, capsys) == [
        f"{'mosaic':<24} a.zarr",
        f"{'pixel row':<24} 3",
        f"{'pixel col':<24} 4",
        f"{'no_data':<24} null",
        f"{'bands':<24} [1, 2]",
    ]


def test_a_tile_is_told_with_its_pixels_and_its_share(capsys):
    tile = {"row": 1, "col": 0, "window": WINDOW, "weight": 3, "share": 0.75, "reflects": False}
    facts = {"tiles": [tile, {**tile, "col": 1, "reflects": True}], "weight_total": 4}
    whole = "rows 64-160, columns 0-96, weight 3 of 4 (75.0%)"
    assert lines_of(facts, capsys) == [
        f"{'tile 1,0':<24} {whole}",
        f"{'tile 1,1':<24} {whole}, filled up by reflection",
    ]


def test_what_a_terminal_would_obey_is_escaped(capsys):
    [line] = lines_of({"scene": {"uri": "a\x1b[2J\nb"}}, capsys)
    assert line.endswith(r"a\x1b[2J\nb")
