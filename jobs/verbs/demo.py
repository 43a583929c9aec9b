"""Draw a small archive, run the main job on it, and make a picture of each mosaic.

Everything lies below the folder. Run again, it computes nothing that is there already. Exit codes: 0 done;
130 interrupted; those of `sgddiff run` where the main job did not go as expected; 1 anything else.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from jobs.exits import Exit, Kinds
from jobs.flags import add_verbose
from sgddiff_batch.core.words import counted

EXAMPLES = ("sgddiff demo", "sgddiff demo --folder somewhere/else")
MISTAKES: Kinds = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the verb."""
    parser.add_argument("--folder", type=Path, default=Path("demo-output"), help="default: %(default)s")
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Run the demo; end as the main job does where that did not go as expected."""
    return show(options.folder.resolve(), partial(run_main_job, verbose=options.verbose))


def run_main_job(config: Path, *, verbose: bool = False) -> int:
    """Run the main job; return its exit code."""
    from jobs import infer_archive

    return infer_archive.main(["--config", str(config), *(["-v"] if verbose else [])])


def show(folder: Path, run_job: Callable[[Path], int]) -> Exit:
    """Prepare the demo below a folder, have the main job run, and draw what came out."""
    from jobs.demo import SCENES, draw_pictures, lacks_scenes, prepare

    if lacks_scenes(folder):
        _say(f"drawing {len(SCENES)} scenes into {_short(folder / 'archive')} (about 10 s)")
    config = prepare(folder)
    _say(f"running: sgddiff run --config {_short(config)}")
    code = run_job(config)
    if code not in (Exit.DONE, Exit.QUARANTINED):
        _say(f"the main job ended with exit code {int(code)}, and the demo with it")
        return Exit(code)
    pictures = draw_pictures(folder / "mosaics", folder / "pictures")
    print(_farewell(folder, pictures))
    return Exit.DONE


def _farewell(folder: Path, pictures: Sequence[Path]) -> str:
    from jobs.demo import SCENES

    broken = ", ".join(scene.path for scene in SCENES if scene.truncated)
    lines = [
        "",
        f"{counted(len(pictures), 'picture')} to look at, each a scene beside its saliency:",
        *(f"  {_short(path)}" for path in pictures),
        f"all of it as a map: sgddiff view {shlex.quote(_short(folder / 'mosaics'))}",
        *(f"what the run says: {_short(page)}" for page in _pages(folder / "mosaics")[-1:]),
        f"mosaics: {_short(folder / 'mosaics')}   archive: {_short(folder / 'archive')}",
        f"{broken} is cut off in the middle on purpose: it is in quarantine, with its reason.",
        "Run it again: nothing is computed twice.",
    ]
    return "\n".join(lines)


def _pages(output: Path) -> list[Path]:
    """Return the pages of the output's runs, the last one last: ids begin with their time."""
    return sorted(path for path in output.glob("report-*.html") if path.name != "report-history.html")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _short(path: Path) -> str:
    """Return a path as seen from the working directory, where it lies below that."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
