"""Look at the scenes that could not be worked on, and try them again.

    python jobs/quarantine.py list --config archive.yaml [--json]
    python jobs/quarantine.py show --config archive.yaml SCENE_ID
    python jobs/quarantine.py replay --config archive.yaml [SCENE_ID ... | --all] [--now]

Exit codes: 0 done; 2 the config or the command is wrong, or there is no such scene in quarantine; 1 anything
else. With --now those of infer_archive.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from rich.table import Table

from jobs.commands import fail
from jobs.exits import Exit
from jobs.logs import start_log
from jobs.network import network_of
from jobs.printing import PrintedRun, console
from sgddiff_batch.config import ArchiveJobConfig, load_config
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError, LeaseHeldError, SgddiffBatchError
from sgddiff_batch.runs import (
    Quarantine,
    Scope,
    leased_bench,
    open_bench,
    read_quarantine,
    reason_of,
    run_all,
)

EXIT_DONE, EXIT_FAILED, EXIT_CONFIG, EXIT_HELD = 0, 1, 2, 4


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks and return the exit code."""
    options = _parse(argv)
    start_log()
    try:
        config = load_config(options.config, options.set)
        quarantine = read_quarantine(open_bench(config, network_of(config)).ledger)
        if options.verb == "list":
            return _list(quarantine, as_json=options.json)
        if options.verb == "show":
            print(json.dumps(quarantine.all_facts(quarantine.find(options.scene)), indent=1))
            return EXIT_DONE
        return _replay(options, config, quarantine)
    except LeaseHeldError as error:
        return fail("quarantine", error, EXIT_HELD)
    except ConfigError as error:
        return fail("quarantine", error, EXIT_CONFIG)
    except (SgddiffBatchError, OSError) as error:
        return fail("quarantine", error, EXIT_FAILED)


def _list(quarantine: Quarantine, *, as_json: bool) -> int:
    rows = quarantine.scenes()
    if as_json:
        print(json.dumps(list(map(quarantine.facts, rows)), indent=1))
        return EXIT_DONE
    table = Table(title=f"{len(rows)} scenes in quarantine")
    for heading in ("scene", "reason", "version", "since", "earlier mosaic", "next run"):
        table.add_column(heading, overflow="fold")
    for record in rows:
        earlier = "is current" if record.store else "none"
        again = "tries it again" if quarantine.is_marked(record) else "leaves it"
        cells = (record.scene_id, reason_of(record), record.version, record.finished_at, earlier, again)
        table.add_row(*map(printable, cells))
    console(200).print(table, markup=False)
    return EXIT_DONE


def _replay(options: argparse.Namespace, config: ArchiveJobConfig, quarantine: Quarantine) -> int:
    if options.all == bool(options.scenes):
        raise ConfigError("replay: give the ids of scenes in quarantine, or --all")
    found = quarantine.scenes() if options.all else map(quarantine.find, options.scenes)
    chosen = {record.scene_id: record for record in found}
    quarantine.mark(chosen.values())
    if not options.now:
        print(f"{len(chosen)} scenes will be tried again by the next run")
        return EXIT_DONE
    if not chosen:
        print("no scene is in quarantine; nothing was run")
        return EXIT_DONE
    with leased_bench(config, network_of(config)) as bench:
        return Exit[run_all(bench, PrintedRun(), Scope(only=frozenset(chosen))).name]


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="quarantine.py", description=(__doc__ or "").partition("\n")[0])
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", required=True, metavar="FILE", help="that of infer_archive.py")
    common.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="lay over the file")
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", parents=[common], help="the scenes in quarantine, as a table")
    listing.add_argument("--json", action="store_true", help="as JSON instead")
    show = verbs.add_parser("show", parents=[common], help="all that is known of one, as JSON")
    show.add_argument("scene", metavar="SCENE_ID")
    replay = verbs.add_parser("replay", parents=[common], help="try scenes again in the next run")
    replay.add_argument("scenes", nargs="*", metavar="SCENE_ID")
    replay.add_argument("--all", action="store_true", help="all scenes in quarantine")
    replay.add_argument("--now", action="store_true", help="run the job for just these now")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
