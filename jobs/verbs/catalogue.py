"""Show the archive catalogue of an output, and turn it back.

Exit codes: 0 done; 2 the command is wrong (no catalogue, no such generation); 130 interrupted; 1 anything
else.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict

from jobs.exits import Exit
from jobs.flags import TO_STDOUT, add_json, add_output, add_verbose, level_of, output_of, write_json
from jobs.logs import start_log
from jobs.printing import print_generations, print_mosaics
from sgddiff_batch.core.generations import Pointer
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.storage import open_store

EXAMPLES = (
    "sgddiff catalogue show s3://my-bucket/saliency/ --state quarantined",
    "sgddiff catalogue rollback --config archive.yaml",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with a catalogue, each with its flags."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print the current mosaic of every scene")
    show.add_argument("--generation", type=int, metavar="N", help="an earlier catalogue")
    show.add_argument("--state", choices=("done", "quarantined"), help="only those in this state")
    generations = actions.add_parser("generations", help="print the generations that are kept")
    rollback = actions.add_parser("rollback", help="turn readers back to an earlier generation")
    rollback.add_argument("--to", type=int, metavar="N", help="which; default: the one before the current")
    for action in (show, generations, rollback):
        add_output(action)
        add_verbose(action)
    for action in (show, generations):
        add_json(action)


def run(options: argparse.Namespace) -> Exit:
    """Do what the command line asks for."""
    start_log(level_of(options, logging.WARNING))
    output, _ = output_of(options)
    {"show": _show, "generations": _generations, "rollback": _rollback}[options.action](options, output)
    return Exit.DONE


def _show(options: argparse.Namespace, output: str) -> None:
    entries = catalogue.list_mosaics(output, state=options.state, generation=options.generation)
    if options.json:
        write_json([asdict(entry) for entry in entries], options.json)
    if options.json != TO_STDOUT:
        print_mosaics(entries)


def _generations(options: argparse.Namespace, output: str) -> None:
    pointer = _pointer(output)
    if options.json:
        rows = [{**asdict(one), "is_current": one.number == pointer.current} for one in pointer.kept]
        write_json(rows, options.json)
    if options.json != TO_STDOUT:
        print_generations(output, pointer)


def _rollback(options: argparse.Namespace, output: str) -> None:
    before = _pointer(output).current
    pointer = catalogue.rollback(open_store(output), options.to)
    print(f"generation {pointer.current} is current, {pointer.generation.rows} mosaics; before: {before}")


def _pointer(output: str) -> Pointer:
    pointer = catalogue.read_pointer(open_store(output))
    if pointer is None:
        raise FileNotFoundError(f"{output!r} has no catalogue: give the output.uri of a run that has ended")
    return pointer
