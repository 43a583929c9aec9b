"""Make the page of a run's report, or of a training, again: one HTML file without network or script.

A run writes its own at its end. This one draws what the run had no time for, and what was written since. Of
the storage of a training the page shows curves, pictures, model cards, settings, and where the time went.

Exit codes: 0 done; 2 the config or the command is wrong, or there is no such report; 130 interrupted; 1
anything else.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from jobs.exits import Exit
from jobs.files import write_whole
from jobs.flags import add_output, add_verbose, level_of, output_of
from jobs.logs import start_log
from sgddiff_batch.errors import ConfigError

EXAMPLES = (
    "sgddiff report --config archive.yaml --run 20261123T010203Z-4f2a --file report.html",
    "sgddiff report s3://my-bucket/trainings/first",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the output, the run, and the flags."""
    add_output(parser, why="says where the output is, and how buckets of scenes are asked")
    parser.add_argument("--run", metavar="ID", help="the run's id, as its report has it; else the last one's")
    parser.add_argument(
        "--history", action="store_true", help="one page over all runs, as report-history.html"
    )
    parser.add_argument("--file", metavar="FILE", help="write the page there, and not into the output")
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Write the page that the command line asks for, and print where it is."""
    start_log(level_of(options, logging.WARNING))
    output, config = output_of(options)
    from sgddiff_batch.core.query import OWN
    from sgddiff_batch.runs import history_page, report_page

    if options.history and options.run:
        raise ConfigError("--history is of all runs, and --run of one: give one of them")
    access = config.archive.query().access if config else OWN
    page = history_page(output) if options.history else report_page(output, options.run, access)
    if options.file is None:
        print(page.write(output))
    else:
        write_whole(Path(options.file), page.html)
        print(options.file)
    return Exit.DONE
