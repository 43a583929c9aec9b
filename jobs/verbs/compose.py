"""Compose area mosaics, one a cell and period, from the mosaics of scenes: those that changed since the last.

Run it after `sgddiff run`; the areas section of the same config says what is made. Exit codes: 0 all done; 3
done, but area mosaics were newly put into quarantine, or scenes newly left out; 4 another run is at work on
an area, which was left alone; 2 the config or the command is wrong; 130 interrupted; 1 anything else: run it
again, or with --allow-withdrawals where it says that more than half of an area's mosaics would leave its
catalogue. An area that is no longer in the config stays on show until --withdraw-area takes it out of its
catalogue, which then is all that is done.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import TYPE_CHECKING

from jobs.exits import Exit, Kinds, gravest, guarded_apart
from jobs.flags import TO_STDOUT, add_config, add_json, add_verbose, level_of, needed_config, write_json
from jobs.logs import start_log
from jobs.supervisor import supervised, told_once
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from jobs.printing import PrintedArea
    from sgddiff_batch.config import ArchiveJobConfig, AreaConfig

EXAMPLES = (
    "sgddiff compose --config archive.yaml --dry-run",
    "sgddiff compose --config archive.yaml --area monthly",
)
MISTAKES: Kinds = ()
"""In hours of work a ValueError is a fault of ours, and a file that is gone is one of the storage."""


def add_arguments(parser: ArgumentParser) -> None:
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
    add_json(parser)
    add_verbose(parser)


def run(options: Namespace) -> Exit:
    """Compose the areas that the command line names, all by default."""
    start_log(level_of(options))
    config = needed_config(options)
    supervised(options, config)  # before anything heavy is loaded
    from jobs.printing import PrintedArea
    from sgddiff_batch.runs.areas import chosen_areas, tell_former_areas, withdraw_area

    if options.withdraw_area:
        if options.json is not None:
            raise ConfigError("--json: --withdraw-area has nothing to tell but how it ended")
        for name in dict.fromkeys(options.withdraw_area):
            withdraw_area(config, name, dry_run=options.dry_run)
        return Exit.DONE
    tell_former_areas(config)
    areas = chosen_areas(config, options.area)
    views = [PrintedArea(area.name, prints=options.json != TO_STDOUT) for area in areas]
    codes = [
        guarded_apart("compose", area.name, partial(_compose_one, config, area, options, view))
        for area, view in zip(areas, views, strict=True)
    ]
    if options.json is not None:
        told = [{**view.facts, "exit_code": int(code)} for view, code in zip(views, codes, strict=True)]
        write_json({"exit_code": int(gravest(codes)), "areas": told}, options.json)
    return gravest(codes)


def _compose_one(config: ArchiveJobConfig, area: AreaConfig, options: Namespace, view: PrintedArea) -> Exit:
    from sgddiff_batch.runs.areas import plan_area, run_area

    flags = {name: getattr(options, name) for name in ("retry_quarantined", "allow_withdrawals")}
    if options.dry_run:
        view.planned(plan_area(config, area, **flags))
        return Exit.DONE
    work = partial(run_area, config, area, view, options.journal, **flags)
    return told_once(options.journal, area.name, view.facts, lambda: Exit[work().name])
