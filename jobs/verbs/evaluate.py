"""Run the student over a folder of pictures, and score its maps, or anybody's, against labels.

Pictures keep their native resolution: tiles of at most 1088 px with 64 px of overlap, blended as in a run.
Mistakes in the data come in one list. Exit codes: 0 done; 2 the command or the data is wrong; 130
interrupted; 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.evaluation.request import Request
from jobs.exits import Exit, Kinds, MistakesError
from jobs.flags import TO_STDOUT, add_json, add_verbose, level_of, write_json
from jobs.logs import start_log

if TYPE_CHECKING:
    from jobs.evaluation.pictures import Entry
    from jobs.evaluation.scoring import Row
    from jobs.evaluation.sources import SaliencySource

EXAMPLES = (
    "sgddiff evaluate --images pictures/ --labels masks/ --json scores.json",
    "sgddiff evaluate --score-maps somebodys/ --labels masks/",
)
MISTAKES: Kinds = ()
"""All that may be wrong is looked for beforehand: a file that is gone later went meanwhile."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the verb."""

    def add(flag: str, words: str) -> None:
        parser.add_argument(flag, type=Path, metavar="DIR", help=words)

    add("--images", "folder of 8-bit pictures of any sizes")
    add("--labels", "masks (0 and 255) of the same stems")
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--checkpoint", metavar="NAME|PATH", help="bundled (default), bundled-lite0, or a folder"
    )
    source.add_argument(
        "--score-maps", type=Path, metavar="DIR", help="score these maps of the same stems, by anybody"
    )
    add("--maps", "write maps as <stem>.png, 0..255 = probability")
    add("--worst", "draw the ten pictures of the lowest S here (default: <FILE>-worst beside --json=FILE)")
    parser.add_argument("--objects", action="store_true", help="match whole objects, too (F1 at IoU 0.5)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--backend", choices=("torch", "openvino"), default="torch", help="what computes it")
    precisions = ("fp32", "bf16", "fp16", "auto")
    parser.add_argument("--precision", choices=precisions, default="fp32", help="of weights and maps")
    add_json(parser)
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Evaluate what the command line names."""
    from jobs.evaluation.pictures import DataMistakesError

    start_log(level_of(options, logging.WARNING))
    try:
        _evaluate(_request(options), options.json)
    except DataMistakesError as error:
        raise MistakesError(str(error).splitlines()) from error
    return Exit.DONE


def _request(options: argparse.Namespace) -> Request:
    report = Path(options.json) if options.json not in (None, TO_STDOUT) else None
    beside = report.parent / f"{report.stem}-worst" if report else None
    paths = options.images, options.labels, options.score_maps, options.maps, options.worst or beside, report
    how = options.checkpoint, options.device, options.objects, options.backend, options.precision
    return Request(*paths, options.json is not None, *how)


def _evaluate(request: Request, json_target: str | None) -> None:
    from jobs.evaluation.pictures import match_pictures
    from jobs.evaluation.work import evaluate

    # Where JSON is all that standard output has, words go to standard error.
    say = partial(print, file=sys.stderr if json_target == TO_STDOUT else sys.stdout)
    request.check()
    source = request.source()
    entries = match_pictures(request.images, request.labels, request.score_maps)
    if request.report:
        request.report.parent.mkdir(parents=True, exist_ok=True)
    found = evaluate(_progress(entries), source, request.maps, detections=request.objects)
    if request.maps:
        say(f"maps: {len(entries)} in {request.maps}")
    if found.rows:
        _publish(found.rows, source, request, json_target)
        if request.report:
            say(f"report: {request.report}")
    if request.worst:
        from jobs.evaluation.sheets import draw_worst

        draw_worst(found.worst, request.worst)
        say(f"worst {len(found.worst)}: {request.worst}")


def _publish(rows: Sequence[Row], source: SaliencySource, request: Request, json_target: str | None) -> None:
    from jobs.evaluation.scoring import build_report, sum_up
    from jobs.evaluation.sheets import print_scores

    if json_target != TO_STDOUT:
        print_scores(sum_up(rows))
    if json_target is not None:
        named = {"images": request.images, "labels": request.labels}
        folders = {name: str(path) for name, path in named.items() if path}
        write_json(build_report(rows, source.facts(), folders), json_target)


def _progress(entries: Sequence[Entry]) -> Iterable[Entry]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(entries, "pictures", console=console, transient=True, disable=not console.is_terminal)
