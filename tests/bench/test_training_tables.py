"""The results file of the training tables, and the tables made from it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.bench.run_log import RunLogError, append_run, identity, prepare, read_runs
from tests.bench.tables import Row, by_budget, compare, facts_line, scores_table, steps_table
from tests.bench.training_runs import Budget

DATA = {"name": "made-up", "training": 3, "validation": "0"}


def made_up(name: str, seed: int, s: float, **more: Any) -> dict[str, Any]:
    scores = {"1": {"s": s, "max_f": s - 0.1, "mean_f": s - 0.2, "mae": 1 - s}}
    about = {"code": "c0de", "commit": "abc", "torch": "2", "steps": 1, "scores": scores, "seconds": 7.0}
    key = {"name": name, "seed": seed, "budget": asdict(Budget()), "settings": {}, "data": DATA}
    return key | about | {"parameters_m": 4.2, "gmac": 1.87} | more


def test_a_run_that_is_there_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "runs.jsonl"
    runs = [made_up("base", seed, 0.5) for seed in range(3)]
    prepare(path)
    assert read_runs(path) == []
    for run in runs:
        append_run(path, run)
    assert read_runs(path) == runs
    assert read_runs(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("kept_bytes", [1, 40, -2])
def test_a_line_cut_off_in_the_middle_is_begun_again(tmp_path: Path, kept_bytes: int) -> None:
    path = tmp_path / "runs.jsonl"
    first, second = made_up("base", 0, 0.5), made_up("base", 1, 0.6)
    append_run(path, first)
    line = json.dumps(second, sort_keys=True).encode() + b"\n"
    path.write_bytes(path.read_bytes() + line[:kept_bytes])
    assert read_runs(path) == [first]
    append_run(path, second)
    assert read_runs(path) == [first, second]
    assert path.read_bytes().endswith(line)


def test_a_last_line_without_its_newline_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    append_run(path, made_up("base", 0, 0.5))
    path.write_bytes(path.read_bytes().rstrip())
    append_run(path, made_up("base", 1, 0.5))
    assert [run["seed"] for run in read_runs(path)] == [0, 1]


@pytest.mark.parametrize("line", ["{", "[]", "\u00e9", '{"name": "base"}'])
def test_a_damaged_line_within_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "runs.jsonl"
    append_run(path, made_up("base", 0, 0.5))
    path.write_text(path.read_text() + line + "\n")
    append_run(path, made_up("base", 1, 0.5))
    with pytest.raises(RunLogError, match="line 2"):
        read_runs(path)


def test_the_code_does_not_make_another_run_but_the_budget_does() -> None:
    run = made_up("base", 0, 0.5)
    assert identity(run | {"code": "other"}) == identity(run)
    assert identity(run | {"budget": asdict(Budget(steps=7))}) != identity(run)


def test_the_table_gives_means_spread_and_what_is_clear() -> None:
    runs = [made_up("base", seed, s) for seed, s in enumerate((0.50, 0.52, 0.54))]
    runs += [made_up("better", seed, s) for seed, s in enumerate((0.60, 0.62, 0.64))]
    runs += [made_up("same", seed, s) for seed, s in enumerate((0.53, 0.53, 0.53))]
    rows = [Row(name, "w|hat", "base") for name in ("base", "better", "same", "not run")]
    base, better, same = scores_table(rows, runs).splitlines()[2:]
    assert base.startswith("| base | w\\|hat | 3 | .520 (.500 to .540) | .420 (.400 to .440) | .4800 (")
    assert "| **+.100** (.040) | **+.100** (.040) | **-.1000** (.0400) | base | 4.20 | 1.87 | 7 |" in better
    assert "| +.010 (.040) |" in same


def test_a_difference_is_over_the_seeds_that_both_have() -> None:
    found = compare({1: 0.7, 2: 0.8}, {0: 0.1, 1: 0.6, 3: 0.9})
    assert found is not None
    assert (round(found.mean, 9), found.seeds, found.clear) == (0.1, 1, False)
    assert compare({0: 1.0}, {1: 1.0}) is None
    assert compare({0: 1.0, 1: 0.0}, {0: 0.0, 1: 1.0}) is not None


def test_steps_are_compared_with_one_step_of_the_same_weights() -> None:
    scores = {"1": {"s": 0.5, "max_f": 0.5, "mae": 0.1}, "3": {"s": 0.51, "max_f": 0.5, "mae": 0.1}}
    runs = [made_up("base", seed, 0.5, scores=scores) for seed in (0, 1)]
    one, three = steps_table([Row("base", "", "base")], runs).splitlines()[2:]
    assert one.startswith("| base | 1 | 2 | .500")
    assert one.endswith("| - | - | - |")
    assert three.endswith("| +.010 (+.010 to +.010) | +.000 (+.000 to +.000) | +.0000 (+.0000 to +.0000) |")


def test_a_failed_run_is_named_and_counts_for_nothing() -> None:
    failed = {k: v for k, v in made_up("base", 1, 0.5).items() if k not in ("scores", "steps", "seconds")}
    runs = [made_up("base", 0, 0.5), failed | {"error": "the loss is not a number"}]
    assert "| base |  | 1 (1 failed) | .500 |" in scores_table([Row("base", "", "base")], runs)
    assert "FAILED base seed 1: the loss is not a number" in facts_line(runs)


def test_budgets_are_not_mixed_in_one_table() -> None:
    other = made_up("base", 0, 0.5) | {"budget": asdict(Budget(steps=7))}
    assert [len(group) for group in by_budget([made_up("base", 0, 0.5), other]).values()] == [1, 1]
