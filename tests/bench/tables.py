"""Markdown tables of finished runs: means and spread over seeds, and what lies inside the noise."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.run_log import Run

MEASURES = (("s", "S"), ("max_f", "max F"), ("mae", "MAE"))
MISSING = "-"
LEGEND = (
    "Scores are means over seeds (smallest to largest). A difference is the mean over the seeds that both "
    "rows have; in brackets the spread, largest less smallest, of the row it is held against; **bold** where "
    "all seeds agree in sign and the difference is larger than that spread. Anything else is noise. "
    "Against one step, in brackets, the smallest and the largest difference of a seed."
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: the name of its runs, what it is in words, and the row that it is compared with."""

    name: str
    what: str
    against: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A row minus another over the `seeds` that both have, beside the other's own spread, the `noise`.

    clear: at least two seeds, all of one sign, and the mean difference larger than the other's spread.
    """

    mean: float
    noise: float
    seeds: int
    clear: bool


def by_budget(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs of one budget and one split of the data, under a heading that says which."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        b, data = run["budget"], run["data"]
        heading = (
            f"{b['steps']} steps x {b['batch']} crops of {b['crop_px']} px, {data['training']} pictures of "
            f"{data['name']} train-*, {b['validation']} more to validate, at most {b['side_px']} px long"
        )
        found.setdefault(heading, []).append(run)
    return found


def compare(values: dict[int, float], others: dict[int, float]) -> Difference | None:
    """The difference of two rows, from their values by seed; None where no seed is in both."""
    common = sorted(set(values) & set(others))
    if not common:
        return None
    deltas = [values[seed] - others[seed] for seed in common]
    mean, noise = statistics.fmean(deltas), max(others.values()) - min(others.values())
    one_sign = all(d > 0 for d in deltas) or all(d < 0 for d in deltas)
    return Difference(mean, noise, len(common), len(common) > 1 and one_sign and abs(mean) > noise)


def scores_table(rows: Sequence[Row], runs: Sequence[Run]) -> str:
    """A row a variant: mean (smallest to largest) over seeds, and the difference to its `against`."""
    header = ["variant", "what", "seeds", *(label for _, label in MEASURES)]
    header += [f"{label} against" for _, label in MEASURES] + ["against", "M param.", "GMAC", "s a run"]
    body = [_scores_row(row, runs) for row in rows if _named(row.name, runs)]
    return markdown(header, body)


def steps_table(rows: Sequence[Row], runs: Sequence[Run]) -> str:
    """The same trained weights with other numbers of inference steps, against one step."""
    header = ["variant", "steps", "seeds", *(label for _, label in MEASURES)]
    header += [f"{label} against 1 step" for _, label in MEASURES]
    several = [row for row in rows if any(len(r.get("scores", ())) > 1 for r in _named(row.name, runs))]
    return markdown(header, [line for row in several for line in _steps_rows(row.name, runs)])


def facts_line(runs: Sequence[Run]) -> str:
    """What a reader must know beside the numbers: how many runs failed, which code and torch they ran."""
    failed = [f"{run['name']} seed {run['seed']}: {run['error']}" for run in runs if "error" in run]
    codes = sorted({f"{run['code']} ({run.get('commit') or 'no commit given'})" for run in runs})
    lines = [
        f"{len(runs)} runs; code of models/: {', '.join(codes)}; "
        f"torch {', '.join(sorted({run['torch'] for run in runs}))}."
    ]
    lines += [f"FAILED {line}" for line in failed]
    return "\n".join(lines)


def markdown(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table in GitHub's Markdown. A bar inside a cell is escaped."""
    rows = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _scores_row(row: Row, runs: Sequence[Run]) -> list[str]:
    own = [run for run in _named(row.name, runs) if "error" not in run]
    cells = [_spread(_values(row.name, runs, name), name) for name, _ in MEASURES]
    against = [MISSING] * len(MEASURES)
    if row.against != row.name:
        pairs = [(_values(row.name, runs, n), _values(row.against, runs, n), n) for n, _ in MEASURES]
        against = [_difference(*pair) for pair in pairs]
    costs = [_mean_of(own, key, digits) for key, digits in (("parameters_m", 2), ("gmac", 2), ("seconds", 0))]
    other = MISSING if row.against == row.name else row.against
    return [row.name, row.what, _seeds(row.name, runs), *cells, *against, other, *costs]


def _steps_rows(name: str, runs: Sequence[Run]) -> list[list[str]]:
    """A line a number of steps. The weights are the same, so what counts is the range of the differences."""
    lines = []
    for steps in sorted({int(s) for run in _named(name, runs) for s in run.get("scores", ())}):
        found = [(m, _values(name, runs, m, str(steps)), _values(name, runs, m, "1")) for m, _ in MEASURES]
        cells = [_spread(values, m) for m, values, _ in found]
        against = [MISSING if steps == 1 else _paired(values, ones, m) for m, values, ones in found]
        lines.append([name, str(steps), str(len(found[0][1])), *cells, *against])
    return lines


def _paired(values: dict[int, float], others: dict[int, float], measure: str) -> str:
    """The mean difference, and the smallest and the largest of a seed."""
    deltas = [values[seed] - others[seed] for seed in sorted(set(values) & set(others))]
    if not deltas:
        return MISSING
    mean, low, high = (_number(d, measure, "+") for d in (statistics.fmean(deltas), min(deltas), max(deltas)))
    return mean if len(deltas) == 1 else f"{mean} ({low} to {high})"


def _named(name: str, runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run["name"] == name]


def _values(name: str, runs: Sequence[Run], measure: str, steps: str | None = None) -> dict[int, float]:
    """A measure by seed. `steps`: None for the steps that are the row's own."""
    found = {}
    for run in _named(name, runs):
        scores: dict[str, Any] = run.get("scores", {}).get(steps or str(run.get("steps")), {})
        if measure in scores:
            found[int(run["seed"])] = float(scores[measure])
    return found


def _seeds(name: str, runs: Sequence[Run]) -> str:
    own = _named(name, runs)
    failed = sum("error" in run for run in own)
    return f"{len(own) - failed}" + (f" ({failed} failed)" if failed else "")


def _spread(values: dict[int, float], measure: str) -> str:
    if not values:
        return MISSING
    mean = _number(statistics.fmean(values.values()), measure)
    if len(values) == 1:
        return mean
    return f"{mean} ({_number(min(values.values()), measure)} to {_number(max(values.values()), measure)})"


def _difference(values: dict[int, float], others: dict[int, float], measure: str) -> str:
    found = compare(values, others)
    if found is None:
        return MISSING
    text = _number(found.mean, measure, sign="+")
    noise = f" ({_number(found.noise, measure)})" if len(others) > 1 else ""
    return (f"**{text}**" if found.clear else text) + noise


def _number(value: float, measure: str, sign: str = "") -> str:
    """Three digits, four for MAE, without the zero before the point."""
    text = format(value, f"{sign}.{4 if measure == 'mae' else 3}f")
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _mean_of(runs: Sequence[Run], key: str, digits: int) -> str:
    values = [run[key] for run in runs if key in run]
    return f"{statistics.fmean(values):.{digits}f}" if values else MISSING
