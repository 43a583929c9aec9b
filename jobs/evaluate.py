"""Run the student over a folder of pictures, and score its maps, or anybody's, against labels.

    python jobs/evaluate.py --images DIR [--labels DIR] [--checkpoint bundled|PATH] [--maps DIR] [--json FILE]
    python jobs/evaluate.py --score-maps DIR --labels DIR [--images DIR] [--json FILE]

Pictures keep their native resolution: tiles of 576 px with 64 px of overlap, blended as in the main job.
Exit codes: 0 done; 2 the command or the data is wrong, with every mistake in the data in one list; 1 anything
else.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track

from jobs.commands import fail
from jobs.evaluation.pictures import DataMistakesError, Entry, read_label, read_picture, survey
from jobs.logs import start_log
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from jobs.evaluation.scoring import Row
    from jobs.evaluation.sources import SaliencySource

Scored = tuple["Row", Entry, NDArray[np.uint8]]

WORST = 10
EXIT_DONE, EXIT_FAILED, EXIT_CONFIG = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate what the command line names and return the exit code."""
    options = _parser().parse_args(arguments)
    start_log(logging.WARNING)
    try:
        check_options(options)
        source = make_source(options)
        entries = survey(options.images, options.labels, options.score_maps)
        evaluate(entries, source, options)
    except DataMistakesError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except ConfigError as error:
        return fail("evaluate", error, EXIT_CONFIG)
    except KeyboardInterrupt:
        return fail("evaluate", RuntimeError("interrupted; run the same command again"), EXIT_FAILED)
    except Exception as error:
        return fail("evaluate", error, EXIT_FAILED)
    return EXIT_DONE


def check_options(options: argparse.Namespace) -> None:
    """Settle where the worst pictures go, and raise ConfigError for a command that makes no sense."""
    if options.worst is None and options.json is not None:
        options.worst = options.json.with_name(f"{options.json.stem}-worst")
    if options.images is None and options.score_maps is None:
        raise ConfigError("--images: which pictures? Only --score-maps can do without them")
    if options.score_maps and options.maps:
        raise ConfigError("--maps: nothing is computed with --score-maps, so there are no maps to write")
    if options.labels is None and (options.score_maps or options.json or options.worst):
        raise ConfigError("--labels: needed for scores (--score-maps, --json and --worst)")
    if options.labels is None and options.maps is None:
        raise ConfigError("nothing to do: give --maps to write maps, --labels to score them, or both")
    if options.labels and importlib.util.find_spec("scipy") is None:
        raise ConfigError("--labels: scores need SciPy; pip install 'sgddiff-batch[train]'")
    _check_outputs(options)


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse outputs that cannot be written, or would overwrite what is read."""
    if options.json and options.json.is_dir():
        raise ConfigError(f"--json: is a folder, a file is needed: {options.json}")
    inputs = {"--images": options.images, "--labels": options.labels, "--score-maps": options.score_maps}
    for out in ("maps", "worst"):
        folder: Path | None = getattr(options, out)
        if folder and folder.exists() and not folder.is_dir():
            raise ConfigError(f"--{out}: is a file, a folder is needed: {folder}")
        for name, path in inputs.items():
            if folder and path and folder.resolve() == path.resolve():
                raise ConfigError(f"--{out}: is the folder of {name}, which must stay as it is: {path}")
    if options.maps and options.worst and options.maps.resolve() == options.worst.resolve():
        raise ConfigError(f"--worst: is the folder of --maps, which takes only maps: {options.maps}")


def make_source(options: argparse.Namespace) -> SaliencySource:
    """The student that was asked for, or the folder of maps. Raises ConfigError."""
    from jobs.evaluation.sources import MapFolder, load_student

    if options.score_maps:
        return MapFolder(options.score_maps)
    from models.checkpoint import BUNDLED, CheckpointError

    try:
        return load_student(options.checkpoint or BUNDLED, options.device)
    except CheckpointError as error:
        raise ConfigError(f"--checkpoint: {error}") from None
    except ValueError as error:
        raise ConfigError(f"--device: {str(error).removeprefix('model.device ')}") from None


def evaluate(entries: Sequence[Entry], source: SaliencySource, options: argparse.Namespace) -> None:
    """Make or read every map, write and score it as asked, then print and write what came out."""
    rows: list[Row] = []
    worst: list[Scored] = []
    for folder in (options.maps, options.json.parent if options.json else None):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    for entry in _progress(entries):
        saliency = source.read(entry)
        if options.maps:
            write_whole(options.maps / f"{entry.name}.png", _png(saliency))
        if entry.label:
            from jobs.evaluation.scoring import score_picture

            rows.append(score_picture(entry.name, saliency, read_label(entry.label)))
            # Only the ten worst so far, so that no more than ten maps are held.
            worst = sorted([*worst, (rows[-1], entry, saliency)], key=lambda each: each[0].rank)[:WORST]
    if options.maps:
        print(f"maps: {len(entries)} in {options.maps}")
    if rows:
        _publish(rows, source, options)
    if options.worst:
        draw_worst(worst, options.worst)


def _publish(rows: list[Row], source: SaliencySource, options: argparse.Namespace) -> None:
    from jobs.evaluation.scoring import build_report, sum_up
    from jobs.evaluation.sheets import print_scores

    print_scores(sum_up(rows))
    if options.json:
        named = {"images": options.images, "labels": options.labels}
        folders = {name: str(path) for name, path in named.items() if path}
        report = build_report(rows, source.facts(), folders)
        write_whole(options.json, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())
        print(f"report: {options.json}")


def draw_worst(worst: Sequence[Scored], folder: Path) -> None:
    """Draw the worst pictures, in place of those of an earlier run."""
    from jobs.evaluation.sheets import clear_sheets, draw_sheet

    clear_sheets(folder)
    for place, (row, entry, saliency) in enumerate(worst, 1):
        panels = [read_picture(entry.picture).transpose(1, 2, 0)] if entry.picture else []
        if entry.label:
            panels.append(read_label(entry.label).astype(np.uint8) * 255)
        draw_sheet(folder, place, row, [*panels, saliency])
    print(f"worst {len(worst)}: {folder}")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in place of an earlier one."""
    fresh = path.with_name(f".{os.getpid()}.part")
    fresh.write_bytes(content)
    fresh.replace(path)


def _png(saliency: NDArray[np.uint8]) -> bytes:
    target = io.BytesIO()
    Image.fromarray(saliency).save(target, "PNG")
    return target.getvalue()


def _progress(entries: Sequence[Entry]) -> Iterable[Entry]:
    console = Console(stderr=True)
    return track(entries, "pictures", console=console, transient=True, disable=not console.is_terminal)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="evaluate.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of 8-bit pictures of any sizes")
    parser.add_argument("--labels", type=Path, metavar="DIR", help="masks (0 and 255) of the same stems")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--checkpoint", metavar="bundled|PATH", help="the student (default: bundled)")
    source.add_argument(
        "--score-maps", type=Path, metavar="DIR", help="score these maps of the same stems, by anybody"
    )
    parser.add_argument(
        "--maps", type=Path, metavar="DIR", help="write maps as <stem>.png, 0..255 = probability"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write totals and every picture's scores")
    parser.add_argument(
        "--worst",
        type=Path,
        metavar="DIR",
        help="draw the ten pictures of the lowest S here (default: <FILE>-worst beside --json)",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return parser


if __name__ == "__main__":
    sys.exit(main())
