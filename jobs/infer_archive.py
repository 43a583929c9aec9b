"""The main job: an archive of scenes in, saliency mosaics out.

    python jobs/infer_archive.py --config archive.yaml [--set key=value ...] [--dry-run]

Exit codes: 0 all done; 3 done, but scenes were put into quarantine since a run last told so; 4 another run is
at work on the same output, and nothing was done; 2 the config or the command is wrong; 1 anything else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from jobs.commands import under_ray_job
from jobs.exits import Exit, logged
from jobs.logs import start_log
from jobs.network import network_of
from jobs.printing import PrintedRun
from sgddiff_batch.config import load_config
from sgddiff_batch.core.times import parse_time
from sgddiff_batch.runs import Scope, leased_bench, open_bench, plan_run, run_all

EXIT_DONE, EXIT_FAILED, EXIT_CONFIG, EXIT_QUARANTINED, EXIT_HELD = 0, 1, 2, 3, 4


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job and return its exit code."""
    start_log()
    return logged(partial(_run, _parse(argv)))


def _run(options: argparse.Namespace) -> Exit:
    config = load_config(options.config, options.set, under_ray_job=under_ray_job())
    network, scope, view = network_of(config), _scope_of(options), PrintedRun()
    allow = options.allow_withdrawals
    if options.dry_run:
        view.planned(plan_run(open_bench(config, network), scope, allow_withdrawals=allow))
        return Exit.DONE
    with leased_bench(config, network) as bench:
        return Exit[run_all(bench, view, scope, allow_withdrawals=allow).name]


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="infer_archive", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--config", required=True, metavar="FILE", help="YAML file; archive.uri and output.uri"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="lay over the file")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and start nothing")
    parser.add_argument(
        "--allow-withdrawals",
        action="store_true",
        help="withdraw scenes that are no longer listed also if they are more than half of the archive",
    )
    _add_scope(parser)
    return parser.parse_args(argv)


def _add_scope(parser: argparse.ArgumentParser) -> None:
    """Add the flags that limit or widen a run."""
    parser.add_argument(
        "--limit",
        type=_count,
        metavar="N",
        help="work on at most N scenes: marked ones first, then those whose files are oldest, then by id",
    )
    parser.add_argument(
        "--since",
        type=_instant,
        metavar="DATE",
        help="work only on scenes whose file was written since: 2026-01-31 or 2026-01-31T10:00:00Z (UTC); "
        "scenes of which that is not known are worked on too",
    )
    parser.add_argument("--retry-quarantined", action="store_true", help="try the scenes in quarantine again")


def _scope_of(options: argparse.Namespace) -> Scope:
    """Return the scope that a command line asks for."""
    return Scope(options.limit, options.since, options.retry_quarantined)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def _instant(text: str) -> float:
    try:
        return parse_time(text).start_s
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
