"""Area mosaics: the mosaics of scenes composed into one a cell and period, those that changed since the last.

    python jobs/compose.py --config archive.yaml [--area NAME ...] [--dry-run] [--retry-quarantined] \
        [--allow-withdrawals] [--withdraw-area NAME ...]

Run it after jobs/infer_archive.py; the ``areas`` section of the same config says what is made. Exit codes: 0
all done; 3 done, but area mosaics were newly put into quarantine, or scenes newly left out; 4 another run is
at work on an area, which was left alone; 2 the config or the command is wrong; 1 anything else: run it again,
or with --allow-withdrawals where it says that more than half of an area's mosaics would leave its catalogue.
An area that is no longer in the config stays on show until --withdraw-area takes it out of its catalogue,
which then is all that is done.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial

from jobs.commands import under_ray_job
from jobs.exits import Exit, logged
from jobs.logs import start_log
from jobs.printing import print_area_plan
from sgddiff_batch.config import ArchiveJobConfig, AreaConfig, load_config
from sgddiff_batch.errors import ConfigError, LeaseHeldError, SgddiffBatchError
from sgddiff_batch.io.ledger import Lease
from sgddiff_batch.io.reports import new_run_id
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.runs import check_output
from sgddiff_batch.runs.areas import (
    AreaRun,
    area_uri,
    compose_area,
    plan_area,
    settings_of,
    tell_former_areas,
    withdraw_area,
)

log = logging.getLogger(__name__)

_GRAVITY = (Exit.FAILED, Exit.HELD, Exit.QUARANTINED, Exit.DONE)
"""Of several areas the gravest code is that of the run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compose the areas that the command line names, all by default, and return the exit code."""
    start_log()
    options = _parse(argv)
    return logged(partial(_compose, options))


def _compose(options: argparse.Namespace) -> Exit:
    config = load_config(options.config, options.set, under_ray_job=under_ray_job())
    if options.withdraw_area:
        for name in dict.fromkeys(options.withdraw_area):
            withdraw_area(config, name, dry_run=options.dry_run)
        return Exit.DONE
    tell_former_areas(config)
    areas = _chosen(config, options.area)
    for area in areas:
        settings_of(area)  # before any work
    codes = {_run(config, area, options) for area in areas}
    return next(code for code in _GRAVITY if code in codes)


def _run(config: ArchiveJobConfig, area: AreaConfig, options: argparse.Namespace) -> Exit:
    """Compose one area; what hinders it does not hinder the others.

    Raises:
        ConfigError: if the config or the output is wrong.
    """
    try:
        if options.dry_run:
            run = _planned(config, area, options, None)
            print_area_plan(run)
            return Exit.DONE
        check_output(area_uri(config, area))
        store = open_store(area_uri(config, area))
        with Lease(store, new_run_id(), config.lease.seconds, alone=True) as lease:
            run = _planned(config, area, options, lease)
            print_area_plan(run)
            return Exit[compose_area(run).name]
    except LeaseHeldError as error:
        log.error("%s: %s", area.name, error)
        return Exit.HELD
    except ConfigError:
        raise
    except SgddiffBatchError as error:
        log.error("%s: the run stopped: %s", area.name, error)
        return Exit.FAILED


def _planned(
    config: ArchiveJobConfig, area: AreaConfig, options: argparse.Namespace, lease: Lease | None
) -> AreaRun:
    return plan_area(
        config,
        area,
        lease,
        retry_quarantined=options.retry_quarantined,
        allow_withdrawals=options.allow_withdrawals,
    )


def _chosen(config: ArchiveJobConfig, names: Sequence[str]) -> list[AreaConfig]:
    """Return the areas to compose.

    Raises:
        ConfigError: if there are none, or none of that name.
    """
    known = {area.name: area for area in config.areas}
    if not known:
        raise ConfigError("areas: the config has none; give a list of name, crs and resolution")
    for name in names:
        if name not in known:
            raise ConfigError(f"--area {name}: the config has no such area; it has {', '.join(known)}")
    return [area for name, area in known.items() if not names or name in names]


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compose", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", required=True, metavar="FILE", help="the YAML file of infer_archive.py")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="lay over the file")
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
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
