"""Show who is at work on an output and how far, what readers see, and how the last run ended; areas too.

It changes nothing, and asks for a few objects, whatever the archive. Ages go by the clock of the storage.

Exit codes: 0 done, also where nobody is at work; 1 no run has ever written there, or anything else; 2 the
command is wrong; 130 interrupted.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from jobs.exits import Exit, Kinds
from jobs.flags import TO_STDOUT, add_json, add_output, add_verbose, level_of, output_of, write_json
from jobs.logs import start_log

if TYPE_CHECKING:
    from sgddiff_batch.runs import OutputStatus

EXAMPLES = (
    "sgddiff status s3://my-bucket/saliency/",
    "sgddiff status --config archive.yaml --json",
)
MISTAKES: Kinds = ()
"""Where no run has written yet, a watcher comes too early: that is no mistake in its command."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the output and the flags."""
    add_output(parser)
    add_json(parser)
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Show the status of the output that the command line names, and of its areas."""
    start_log(level_of(options, logging.WARNING))
    output, _ = output_of(options)
    from jobs.printing import print_status
    from sgddiff_batch.runs import read_status

    facts = _facts(read_status(output))
    facts["areas"] = _areas(output)
    if options.json:
        write_json(facts, options.json)
    if options.json != TO_STDOUT:
        print_status(facts)
    return Exit.DONE


def _areas(output: str) -> list[dict[str, object]]:
    """Return the facts of the areas of an output; a folder that no run has written to is none."""
    from sgddiff_batch.runs import read_status
    from sgddiff_batch.runs.areas import area_outputs

    told = []
    for name, uri in area_outputs(output).items():
        try:
            told.append({"area": name, **_facts(read_status(uri))})
        except FileNotFoundError:
            continue
    return told


def _facts(status: OutputStatus) -> dict[str, object]:
    """Return a status as JSON has it."""
    facts: dict[str, object] = {"output": status.output, "at_work": None, "catalogue": None, "last_run": None}
    if (holder := status.at_work) is not None:
        progress = None if holder.progress is None else holder.progress.to_json()
        seconds = None if holder.progress is None else holder.progress.seconds_left
        facts["at_work"] = {**asdict(holder), "progress": progress, "seconds_left": seconds}
    if (pointer := status.catalogue) is not None:
        current, newest = pointer.generation, pointer.newest
        facts["catalogue"] = {
            **{name: getattr(current, name) for name in ("number", "rows", "created", "run_id")},
            "newest": newest.number,
        }
    if (last := status.last_run) is not None:
        code = Exit.__members__.get((last.ending or "").upper())
        facts["last_run"] = {**asdict(last), "exit_code": None if code is None else int(code)}
    return facts
