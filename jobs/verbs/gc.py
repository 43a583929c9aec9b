"""Remove what nobody will ask for again below an output: superseded mosaics, old generations, leftovers.

Without --delete nothing is changed. With --config the archive is asked as the runs ask it (archive.access),
and OUTPUT can be left out: it is output.uri then.

Exit codes: 0 done; 4 a run is at work there (with --delete); 2 the command is wrong; 130 interrupted; 1
anything else.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from jobs.exits import Exit
from jobs.flags import TO_STDOUT, add_json, add_output, add_verbose, config_of, lacking, level_of, write_json
from jobs.logs import start_log
from sgddiff_batch.core.words import counted

if TYPE_CHECKING:
    from sgddiff_batch.core.query import BucketAccess
    from sgddiff_batch.io.upkeep import Inventory

EXAMPLES = (
    "sgddiff gc s3://my-bucket/saliency/",
    "sgddiff gc --config archive.yaml --older-than 48 --delete",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the output and the flags."""
    add_output(parser, "how the archive is asked whether the scene of an unfinished mosaic is still there")
    parser.add_argument("--delete", action="store_true", help="remove it; without this nothing is changed")
    parser.add_argument(
        "--older-than",
        type=_hours,
        default=24.0,
        metavar="HOURS",
        help="leave alone what changed in the last hours (default 24)",
    )
    add_json(parser)
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Show or remove the garbage of the output that the command line names."""
    start_log(level_of(options, logging.WARNING))
    from jobs.printing import mebibytes
    from sgddiff_batch.io.upkeep import collect_garbage, find_garbage
    from sgddiff_batch.runs import open_used

    output, access = _asked(options)
    store, older_than_s = open_used(output), options.older_than * 3600.0
    if not options.delete:
        _show(
            options, find_garbage(store, older_than_s, access=access), output, "dry run, --delete removes it"
        )
        return Exit.DONE

    def show(inventory: Inventory) -> None:
        _show(options, inventory, output, "to be removed")

    removed = collect_garbage(store, older_than_s, show, access)
    if options.json != TO_STDOUT:
        print(f"removed {counted(len(removed), 'item')}, {mebibytes(removed)}")
    return Exit.DONE


def _asked(options: argparse.Namespace) -> tuple[str, BucketAccess]:
    """Return the output that is meant, an area's of a config, too, and how the archive is asked."""
    from sgddiff_batch.core.query import OWN

    config = config_of(options)
    if config is None and options.output is None:
        raise lacking("give OUTPUT, or --config", options)
    if config is None:
        return str(options.output), OWN
    return options.output or config.output.uri, config.archive.query().access


def _show(options: argparse.Namespace, inventory: Inventory, output: str, what: str) -> None:
    if options.json:
        write_json({"output": output, **asdict(inventory)}, options.json)
    if options.json != TO_STDOUT:
        from jobs.printing import print_garbage

        print_garbage(inventory, output, what)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = float("nan")
    if not 0 <= hours < float("inf"):
        raise argparse.ArgumentTypeError(f"must be 0 or more hours, got {text!r}")
    return hours
