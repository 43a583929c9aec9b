"""What a model card says of the scores: measures with their spread, recall by size, alarms, weaknesses."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from jobs.training.results.markdown import quoted, share
from models.sod_metrics import MEASURE_NAMES
from models.sod_metrics_objects import ALARM_ABOVE, WINDOW_PX
from sgddiff_batch.core.words import counted

_HEADINGS = ("S", "max F", "mean F", "adaptive F", "max E", "mean E", "adaptive E", "weighted F", "MAE")

Facts = Mapping[str, Any]


def scores_of(assessment: Facts, runs: Sequence[Facts]) -> str:
    """The section of the scores. runs: the assessments of all seeds, this one too."""
    scores = assessment["validation"]
    if not scores:
        return "## Scores\n\nNone: no picture was held out."
    totals = scores["totals"]
    how = f"{counted(scores['steps'], 'diffusion step')}, " + (
        f"{scores['trajectories']} trajectories" if scores["trajectories"] > 1 else "one trajectory"
    )
    text = [
        "## Scores",
        "",
        f"On the {counted(totals['with_objects']['pictures'], 'validation picture')} with objects: "
        f"PySODMetrics' measures on uint8 maps, native resolution, tiles of {scores['tile_px']} px with "
        f"{scores['overlap_px']} px of overlap, {how}, no test-time augmentation. These pictures also chose "
        "the checkpoint.",
        "",
        *_measures_table(assessment, runs),
        "",
        *_spread_note(runs),
        "",
        "Recall by object size, objects being connected parts of a label:",
        "",
        *_sizes_table(totals["objects_by_size"]),
        "",
        _alarms(totals),
    ]
    return "\n".join(text)


def _measures_table(assessment: Facts, runs: Sequence[Facts]) -> list[str]:
    seed = "their average" if assessment["seed"] is None else f"seed {assessment['seed']}"
    several = len(runs) > 1
    heads = [seed, f"mean of {len(runs)} seeds", "standard deviation"] if several else [seed]
    rows = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for heading, name in zip(_HEADINGS, MEASURE_NAMES, strict=True):
        of_runs = [_measure(run, name) for run in runs]
        cells = [share(_measure(assessment, name))]
        known = [value for value in of_runs if value is not None]
        if several:
            enough = len(known) > 1
            cells += [share(statistics.fmean(known) if known else None)]
            cells += [share(statistics.stdev(known) if enough else None)]
        rows.append(f"| {heading} | {' | '.join(cells)} |")
    return rows


def _measure(assessment: Facts, name: str) -> float | None:
    scores = assessment["validation"]
    return scores["totals"]["with_objects"].get(name) if scores else None


def _spread_note(runs: Sequence[Facts]) -> list[str]:
    names = ", ".join(str(run["seed"]) for run in runs)
    if len(runs) == 1:
        return [f"One run, seed {names}: how far another seed would lie from it is not known."]
    found = [f"{run['seed']}: {share(_measure(run, 's'))}" for run in runs]
    return [f"Seeds {names}, all else equal, divisor n - 1. S by seed: {', '.join(found)}."]


def _sizes_table(sizes: Facts) -> list[str]:
    rows = [
        "| share of the picture | objects | mean share of an object's pixels found | half or more found |"
    ]
    rows.append("|---|---|---|---|")
    for name, row in sizes.items():
        rows.append(f"| {name} | {row['objects']} | {share(row['pixel_recall'])} | {share(row['found'])} |")
    return rows


def _alarms(totals: Facts) -> str:
    windows, empty = totals["windows_without_objects"], totals["empty_masks"]
    text = f"False alarms: no window of {WINDOW_PX} x {WINDOW_PX} px is without objects."
    if windows["windows"]:
        text = (
            f"False alarms: {windows['false_alarm_area']:.3%} of the area of "
            f"{counted(windows['windows'], 'window')} of {WINDOW_PX} x {WINDOW_PX} px without objects, and "
            f"more than {ALARM_ABOVE:.1%} in {windows['windows_with_alarm']:.1%} of them."
        )
    if empty["pictures"]:
        text += (
            f" In {counted(empty['pictures'], 'picture')} without any object: "
            f"{empty['false_alarm_area']:.3%} of the area, MAE {empty['mae']:.4f}."
        )
    return text


def weaknesses_of(assessment: Facts, runs: Sequence[Facts]) -> list[str]:
    """What it is bad at, a line each, from the numbers."""
    scores = assessment["validation"]
    lines = _found_weaknesses(scores) if scores else ["It was not scored: nothing is known of its mistakes."]
    if len(runs) == 1:
        lines.append("One seed says little about small differences from other networks.")
    return [
        *lines,
        "It saw only the data sets above: what is salient elsewhere, at other ground sampling, in other "
        "seasons or from other sensors, was never shown to it.",
        "Its probabilities are not calibrated.",
    ]


def _found_weaknesses(scores: Facts) -> list[str]:
    totals, lines = scores["totals"], []
    sizes = {name: row for name, row in totals["objects_by_size"].items() if row["objects"]}
    if sizes:
        name, row = min(sizes.items(), key=lambda item: (item[1]["found"], item[1]["pixel_recall"]))
        lines.append(
            f"Objects {name} of the picture are found least: {row['found']:.1%} of {row['objects']} with at "
            f"least half of their pixels, {row['pixel_recall']:.1%} of an object's pixels on average."
        )
    windows = totals["windows_without_objects"]
    if windows["windows"]:
        lines.append(
            f"Ground without objects: {windows['windows_with_alarm']:.1%} of such windows hold a false alarm."
        )
    worst = ", ".join(f"{quoted(each['name'])} ({each['s']:.3f})" for each in scores["worst"])
    return [*lines, f"The pictures of the lowest S: {worst}."]
