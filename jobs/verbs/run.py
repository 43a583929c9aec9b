"""Make the saliency mosaics of an archive: of the scenes that are new or changed since the last run.

Exit codes: 0 all done; 3 done, but scenes were put into quarantine since a run last told so; 4 another run is
at work on the same output, and nothing was done; 2 the config or the command is wrong; 130 interrupted; 1
anything else. After 130 and 1 the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from jobs import flags
from jobs.exits import Exit, Kinds
from jobs.logs import start_log
from jobs.supervisor import supervised
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from sgddiff_batch.runs import Scope

EXAMPLES = (
    "sgddiff run --config archive.yaml --dry-run --exact",
    "sgddiff run --config archive.yaml --set engine.kind=ray --limit 1000",
)
MISTAKES: Kinds = ()
"""In hours of work a ValueError is a fault of ours, and a file that is gone is one of the storage."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the main job."""
    flags.add_config(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plan and start nothing")
    parser.add_argument(
        "--exact",
        action="store_true",
        help="with --dry-run: open every scene of the plan, on the workers, and tell what cannot be read",
    )
    parser.add_argument(
        "--allow-withdrawals",
        action="store_true",
        help="withdraw scenes that are no longer listed also if they are more than half of the archive",
    )
    parser.add_argument(
        "--limit",
        type=flags.positive_count,
        metavar="N",
        help="work on at most N scenes: marked ones first, then those whose files are oldest, then by id",
    )
    parser.add_argument(
        "--since",
        type=flags.instant,
        metavar="DATE",
        help="work only on scenes whose file was written since: 2026-01-31 or 2026-01-31T10:00:00Z (UTC); "
        "scenes of which that is not known are worked on too",
    )
    parser.add_argument("--retry-quarantined", action="store_true", help="try the scenes in quarantine again")
    flags.add_json(parser)
    flags.add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Run the job; what it does it tells in its log, its plan and its results on standard output."""
    if options.exact and not options.dry_run:
        raise ConfigError("--exact: is for --dry-run alone, a run opens all its scenes anyway; add --dry-run")
    start_log(flags.level_of(options))
    config = flags.needed_config(options)
    journal = supervised(options, config)
    # What is heavy is loaded by the process that does the work.
    from jobs.network import network_of
    from jobs.printing import PrintedRun
    from sgddiff_batch.runs import Attempt, leased_bench, open_bench, plan_run, run_all

    view = PrintedRun(prints=options.json != flags.TO_STDOUT, keeps=options.json is not None)
    network, scope, allow = network_of(config), _scope_of(options), options.allow_withdrawals
    if options.dry_run:
        bench = open_bench(config, network, attempt=Attempt.at(config.output.uri, journal))
        plan = plan_run(bench, scope, allow_withdrawals=allow, exact=options.exact)
        view.planned(plan)
        code = Exit.DONE
    else:
        with leased_bench(config, network, journal) as bench:
            code = Exit[run_all(bench, view, scope, allow_withdrawals=allow).name]
    if options.json is not None:
        flags.write_json({"exit_code": int(code), **view.facts}, options.json)
    return code


def _scope_of(options: argparse.Namespace) -> Scope:
    """Return the scope that a command line asks for."""
    from sgddiff_batch.runs import Scope

    return Scope(options.limit, options.since, options.retry_quarantined)
