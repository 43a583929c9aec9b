"""What a verification prints: the damaged mosaics as a table, all else in a line each."""

from __future__ import annotations

import pytest

from jobs.printing import print_findings
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.upkeep import Verdict
from sgddiff_batch.runs import PIXELS_VERSION
from sgddiff_batch.runs.checking import Findings
from sgddiff_batch.runs.checking.recompute import Recomputed, Sampled


def verdict(store, problems=0, **facts):
    found = Verdict(store, store.rpartition("/")[0], blocks=4, pixels_version=PIXELS_VERSION, **facts)
    for number in range(problems):
        found.found(f"0/saliency/c/0/{number}", f"problem {number}")
    return found


def said_of(verdicts, capsys, **facts):
    findings = Findings(**facts)
    for each in verdicts:
        findings.add(each)
    print_findings(findings)
    return capsys.readouterr().out


def test_where_nothing_is_wrong_a_line_says_so(capsys):
    said = said_of([verdict("a.tif/x.zarr"), verdict("b.tif/x.zarr")], capsys)
    assert said == "2 mosaics, 8 blocks: all sound\n"


def test_of_a_damaged_mosaic_five_problems_are_shown_and_what_becomes_of_it(capsys):
    damaged = verdict("b.tif/x.zarr", problems=7)
    said = said_of([verdict("a.tif/x.zarr"), damaged], capsys, redo={"b.tif/x.zarr": "made anew"})
    assert "1 of 2 mosaics are damaged" in said
    assert "all sound" not in said
    assert said.count("b.tif/x.zarr") == 1
    assert [f"problem {number}" in said for number in range(7)] == [True] * 5 + [False] * 2
    assert "and 2 more" in said
    assert "made anew" in said


def test_pixels_of_other_software_and_mosaics_without_digests_are_no_damage(capsys):
    older = verdict("a.tif/x.zarr", notes=["no digests"])
    older.pixels_version = PIXELS_VERSION - 1
    lines = said_of([older], capsys).splitlines()
    assert lines[0].endswith("all sound")
    assert lines[1].startswith(f"1 mosaic has pixels of another pixels_version than {PIXELS_VERSION}, ")
    assert lines[2].startswith("1 mosaic was committed before digests were kept")


@pytest.mark.parametrize("seed", [None, 5])
def test_a_sample_is_told_with_its_seed_and_where_there_was_one(capsys, seed):
    block = Sampled("a.tif/x.zarr", Window(0, 512, 0, 256))
    recomputed = [Recomputed(block, "equal"), Recomputed(block, "not possible", "it is\ngone")]
    said = said_of([], capsys, seed=seed, recomputed=recomputed if seed else [])
    assert ("recomputed from their scenes (seed 5): 1 of 2 equal" in said) == bool(seed)
    assert (r"a.tif/x.zarr r0c0h512w256: not possible: it is\ngone" in said) == bool(seed)


def test_the_words_of_a_problem_cannot_move_the_cursor(capsys):
    damaged = verdict("a.tif/x.zarr")
    damaged.found("", "[bold]\x1b[2J")
    said = said_of([damaged], capsys)
    assert "\x1b" not in said
    assert r"[bold]\x1b[2J" in said
