"""Show the archive catalogue of an output, and turn it back.

Exit codes: 0 done; 2 the command is wrong (no catalogue, no such generation); 130 interrupted; 1 anything
else.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from jobs.exits import Exit
from jobs.flags import TO_STDOUT, add_json, add_output, add_verbose, level_of, output_of, write_json
from jobs.logs import start_log
from jobs.parser import add_actions
from sgddiff_batch.core.words import counted

if TYPE_CHECKING:
    from sgddiff_batch.core.generations import Pointer

EXAMPLES = (
    "sgddiff catalogue show s3://my-bucket/saliency/ --state quarantined",
    "sgddiff catalogue rollback --config archive.yaml",
)
_URI, _CONFIG = "s3://my-bucket/saliency/", "--config archive.yaml"
_ACTIONS = {
    "show": ("print the current mosaic of every scene", f"{_URI} --state quarantined", f"{_CONFIG} --json"),
    "generations": ("print the generations that are kept", _URI, _CONFIG),
    "rollback": ("turn readers back to an earlier generation", _URI, f"{_CONFIG} --to 12"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with a catalogue, each with its flags."""
    show, generations, rollback = add_actions(parser, "catalogue", "action", _ACTIONS)
    show.add_argument("--generation", type=int, metavar="N", help="an earlier catalogue")
    show.add_argument("--state", choices=("done", "quarantined"), help="only those in this state")
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
    from jobs.printing import print_mosaics
    from sgddiff_batch.io import catalogue

    entries = catalogue.list_mosaics(output, state=options.state, generation=options.generation)
    if options.json:
        write_json([asdict(entry) for entry in entries], options.json)
    if options.json != TO_STDOUT:
        print_mosaics(entries)


def _generations(options: argparse.Namespace, output: str) -> None:
    from jobs.printing import print_generations

    pointer = _pointer(output)
    if options.json:
        rows = [{**asdict(one), "is_current": one.number == pointer.current} for one in pointer.kept]
        write_json(rows, options.json)
    if options.json != TO_STDOUT:
        print_generations(output, pointer)


def _rollback(options: argparse.Namespace, output: str) -> None:
    from sgddiff_batch.io import catalogue
    from sgddiff_batch.io.storage import open_store

    before = _pointer(output).current
    pointer = catalogue.rollback(open_store(output), options.to)
    rows = counted(pointer.generation.rows, "mosaic")
    print(f"generation {pointer.current} is current, {rows}; before: {before}")


def _pointer(output: str) -> Pointer:
    from sgddiff_batch.io import catalogue
    from sgddiff_batch.io.storage import open_store

    pointer = catalogue.read_pointer(open_store(output))
    if pointer is None:
        raise FileNotFoundError(f"{output!r} has no catalogue: give the output.uri of a run that has ended")
    return pointer
