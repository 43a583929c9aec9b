"""Compose area mosaics, one a cell and period, from the mosaics of scenes: those that changed since the last.

Run it after `sgddiff run`; the areas section of the same config says what is made. Exit codes: 0 all done; 3
done, but area mosaics were newly put into quarantine, or scenes newly left out; 4 another run is at work on
an area, which was left alone; 2 the config or the command is wrong; 130 interrupted; 1 anything else: run it
again, or with --allow-withdrawals where it says that more than half of an area's mosaics would leave its
catalogue. An area that is no longer in the config stays on show until --withdraw-area takes it out of its
catalogue, which then is all that is done.
"""

from __future__ import annotations

import argparse
from functools import partial

from jobs.exits import Exit, gravest, logged, logged_apart
from jobs.flags import add_config, add_verbose, level_of, needed_config
from jobs.logs import start_log
from jobs.printing import print_area_plan
from sgddiff_batch.config import ArchiveJobConfig, AreaConfig
from sgddiff_batch.runs.areas import (
    chosen_areas,
    compose_area,
    leased_area,
    plan_area,
    tell_former_areas,
    withdraw_area,
)

EXAMPLES = (
    "sgddiff compose --config archive.yaml --dry-run",
    "sgddiff compose --config archive.yaml --area monthly",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a run over areas."""
    add_config(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--area", action="append", default=[], metavar="NAME", help="only this one; repeatable"
    )
    which.add_argument(
        "--withdraw-area",
        action="append",
        default=[],
        metavar="NAME",
        help="take one that is no longer in the config out of its catalogue, and compose nothing; repeatable",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    parser.add_argument(
        "--retry-quarantined",
        action="store_true",
        help="try those in quarantine again, also if their scenes are the same",
    )
    parser.add_argument(
        "--allow-withdrawals",
        action="store_true",
        help="let mosaics without a scene leave the catalogue also if they are more than half of the area's",
    )
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Compose the areas that the command line names, all by default."""
    start_log(level_of(options))
    return logged(lambda: _compose(options))


def _compose(options: argparse.Namespace) -> Exit:
    config = needed_config(options)
    if options.withdraw_area:
        for name in dict.fromkeys(options.withdraw_area):
            withdraw_area(config, name, dry_run=options.dry_run)
        return Exit.DONE
    tell_former_areas(config)
    areas = chosen_areas(config, options.area)
    return gravest({logged_apart(one.name, partial(_compose_one, config, one, options)) for one in areas})


def _compose_one(config: ArchiveJobConfig, area: AreaConfig, options: argparse.Namespace) -> Exit:
    flags = {name: getattr(options, name) for name in ("retry_quarantined", "allow_withdrawals")}
    if options.dry_run:
        print_area_plan(plan_area(config, area, **flags))
        return Exit.DONE
    with leased_area(config, area) as lease:
        run = plan_area(config, area, lease, **flags)
        print_area_plan(run)
        return Exit[compose_area(run).name]
