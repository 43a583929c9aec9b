"""Check what a run needs: this machine, the packages, the network, and with --config archive and output.

Each line says what was looked at, what was found and, where it is not as it should be, what mends it. The
archive is listed as a run lists it, which takes as long; an object is put into the output and removed again.
Exit codes: 0 a run can start; 1 a check has failed that a run needs; 130 interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobs.exits import Exit
from jobs.flags import TO_STDOUT, add_config, add_json, add_verbose, config_of, level_of, write_json
from jobs.logs import start_log
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from jobs.checks import Check

EXAMPLES = (
    "sgddiff doctor",
    "sgddiff doctor --config archive.yaml --json=doctor.json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config and the form of the answer."""
    add_config(parser, required=False, why="archive, output, device and engine are checked, too")
    add_json(parser)
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Print the checks as they are made."""
    start_log(level_of(options, logging.ERROR))
    made = []
    for check in _checks(options):
        made.append(check)
        if options.json != TO_STDOUT:
            print(line_of(check), flush=True)
    if options.json is not None:
        write_json({"checks": [dataclasses.asdict(check) for check in made]}, options.json)
    return Exit.FAILED if any(check.state == "failed" for check in made) else Exit.DONE


def _checks(options: argparse.Namespace) -> Iterator[Check]:
    from jobs.checks import Check, examine

    config = None
    config = None
    try:
        config = config_of(options)
    except ConfigError as error:
        yield Check(
            "config", "failed", str(error), "the key that it names; `sgddiff init` writes a sound one"
        )
    else:
        if config is not None:
            yield Check("config", "ok", f"{options.config} is sound")
    yield from examine(config, os.environ)


def line_of(check: Check) -> str:
    """Return a check as people read it; what mends it is a line of its own."""
    line = f"{check.state:6}  {check.what}: {printable(check.found)}"
    return f"{line}\n        mend: {check.mend}" if check.mend else line
