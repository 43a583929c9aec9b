"""Remove what nobody will ask for again below an output: superseded mosaics, old generations, leftovers.

    python jobs/gc.py OUTPUT [--delete] [--older-than HOURS] [--config archive.yaml [--set key=value ...]]

Without --delete nothing is changed. With --config the archive is asked as the runs ask it (archive.access),
and OUTPUT can be left out: it is output.uri then.

Exit codes: 0 done; 4 a run is at work there (with --delete); 2 the command is wrong; 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.table import Table

from jobs.commands import add_config, config_of, fail
from jobs.logs import start_log
from jobs.printing import console
from sgddiff_batch.core.archive import OWN, BucketAccess
from sgddiff_batch.errors import ConfigError, LeaseHeldError, SgddiffBatchError
from sgddiff_batch.io.storage import Store
from sgddiff_batch.io.upkeep import Garbage, Inventory, find_garbage
from sgddiff_batch.runs import collect_garbage, open_used

EXIT_DONE, EXIT_FAILED, EXIT_COMMAND, EXIT_HELD = 0, 1, 2, 4

_MIB = 2.0**20


def main(arguments: Sequence[str] | None = None) -> int:
    """Show or remove the garbage of the output that the command line names; return the exit code."""
    asked = _parse(arguments)
    start_log(logging.WARNING, "%(levelname)s %(message)s")
    try:
        output, access = _asked(asked)
        store = open_used(output)
        older_than_s = asked.older_than * 3600.0
        if not asked.delete:
            _show(find_garbage(store, older_than_s, access=access), output, "dry run, --delete removes it")
            return EXIT_DONE
        return _delete(store, older_than_s, output, access)
    except LeaseHeldError as error:
        return fail("gc", error, EXIT_HELD)
    except (ConfigError, FileNotFoundError) as error:
        return fail("gc", error, EXIT_COMMAND)
    except (SgddiffBatchError, OSError) as error:
        return fail("gc", error, EXIT_FAILED)
    except KeyboardInterrupt:
        return fail("gc", InterruptedError("interrupted; run it again to go on"), EXIT_FAILED)


def _asked(asked: argparse.Namespace) -> tuple[str, BucketAccess]:
    """Return the output that is meant, and how the buckets of its archive are asked."""
    config = config_of(asked)
    if config is None and asked.output is None:
        raise ConfigError("give OUTPUT, or --config")
    if config is None:
        return str(asked.output), OWN
    return asked.output or config.output.uri, config.archive.query().access


def _delete(store: Store, older_than_s: float, output: str, access: BucketAccess) -> int:
    def show(inventory: Inventory) -> None:
        _show(inventory, output, "to be removed")

    removed = collect_garbage(store, older_than_s, show, access)
    print(f"removed {len(removed)} items, {_mib(removed)}")
    return EXIT_DONE


def _show(inventory: Inventory, output: str, what: str) -> None:
    table = Table(title=f"garbage: {len(inventory.garbage)} items, {_mib(inventory.garbage)}")
    for heading in ("kind", "what", "objects", "MiB", "why"):
        table.add_column(
            heading, overflow="fold", justify="right" if heading in ("objects", "MiB") else "left"
        )
    for item in inventory.garbage:
        size = f"{item.size_bytes / _MIB:.2f}"
        table.add_row(item.kind, item.path, str(item.objects), size, item.why)
    console().print(table, markup=False)
    for kind, count in sorted(Counter(item.kind for item in inventory.young).items()):
        print(f"left alone for now, too young: {count} of kind {kind}")
    for name in inventory.broken:
        print(
            f"named, but not there: {name}; `sgddiff verify --mark-for-redo` lets the next run make it anew"
        )
    for name in inventory.unknown:
        print(f"left alone, complete, but the ledger does not know it: {name}")
    if inventory.garbage:
        print(f"{what}; output: {output}")


def _mib(items: Iterable[Garbage]) -> str:
    return f"{sum(item.size_bytes for item in items) / _MIB:.2f} MiB"


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 <= hours < float("inf"):
        raise argparse.ArgumentTypeError(f"must be 0 or more hours, got {text}")
    return hours


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gc.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "output", nargs="?", metavar="OUTPUT", help="output.uri of the runs: a folder or s3://"
    )
    add_config(parser, "how the archive is asked whether the scene of an unfinished mosaic is still there")
    parser.add_argument("--delete", action="store_true", help="remove it; without this nothing is changed")
    parser.add_argument(
        "--older-than",
        type=_hours,
        default=24.0,
        metavar="HOURS",
        help="leave alone what changed in the last hours (default 24)",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
