"""Look at the archive catalogue of an output, and turn it back.

    python jobs/catalogue.py show OUTPUT [--generation N] [--state done|quarantined] [--json]
    python jobs/catalogue.py generations OUTPUT
    python jobs/catalogue.py rollback OUTPUT [--to N]

Exit codes: 0 done; 2 the command is wrong (no catalogue, no such generation); 1 anything else.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from jobs.commands import fail
from jobs.logs import start_log
from sgddiff_batch.core.generations import Pointer
from sgddiff_batch.errors import ConfigError, SgddiffBatchError
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.catalogue import MosaicEntry, list_mosaics
from sgddiff_batch.io.storage import open_store

EXIT_DONE, EXIT_FAILED, EXIT_COMMAND = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for and return the exit code."""
    asked = _parse(arguments)
    start_log(logging.WARNING)
    commands = {"show": _show, "generations": _generations, "rollback": _rollback}
    try:
        commands[asked.command](asked)
        return EXIT_DONE
    except (ConfigError, FileNotFoundError, ValueError) as error:
        return fail("catalogue", error, EXIT_COMMAND)
    except (SgddiffBatchError, OSError) as error:
        return fail("catalogue", error, EXIT_FAILED)


def _show(asked: argparse.Namespace) -> None:
    entries = list_mosaics(asked.output, state=asked.state, generation=asked.generation)
    if asked.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=1))
        return
    table = Table(title=f"{len(entries)} mosaics")
    for heading in ("scene", "state", "size", "salient", "finished", "model", "mosaic"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        table.add_row(*_cells(entry))
    _print(table)


def _cells(entry: MosaicEntry) -> tuple[str, ...]:
    share = f"{entry.salient_px / entry.valid_px:.2%}" if entry.valid_px else "-"
    size = f"{entry.width_px} x {entry.height_px}"
    model = (entry.model_digest or "-")[:12]
    return entry.scene_id, entry.state, size, share, entry.finished_at, model, entry.uri


def _generations(asked: argparse.Namespace) -> None:
    pointer = _pointer(asked.output)
    table = Table(title=f"generations of {asked.output}")
    for heading in ("generation", "mosaics", "created", "run", ""):
        table.add_column(heading, overflow="fold")
    for one in pointer.kept:
        mark = "current" if one.number == pointer.current else ""
        table.add_row(str(one.number), str(one.rows), one.created, one.run_id, mark)
    _print(table)


def _rollback(asked: argparse.Namespace) -> None:
    before = _pointer(asked.output).current
    pointer = catalogue.rollback(open_store(asked.output), asked.to)
    print(f"generation {pointer.current} is current, {pointer.generation.rows} mosaics; before: {before}")


def _pointer(output: str) -> Pointer:
    pointer = catalogue.read_pointer(open_store(output))
    if pointer is None:
        raise FileNotFoundError(f"{output!r} has no catalogue: give the output.uri of a run that has ended")
    return pointer


def _print(table: Table) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    console.print(table, markup=False)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="catalogue.py", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="print the current mosaic of every scene")
    show.add_argument("--generation", type=int, metavar="N", help="an earlier catalogue")
    show.add_argument("--state", choices=("done", "quarantined"), help="only those in this state")
    show.add_argument("--json", action="store_true", help="print JSON instead of a table")
    generations = commands.add_parser("generations", help="print the generations that are kept")
    rollback = commands.add_parser("rollback", help="turn readers back to an earlier generation")
    rollback.add_argument("--to", type=int, metavar="N", help="which; default: the one before the current")
    for command in (show, generations, rollback):
        command.add_argument("output", metavar="OUTPUT", help="output.uri of the runs: a folder or s3://")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
