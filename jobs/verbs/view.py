"""Show an output as a map in a browser: mosaics over their scenes, objects, and where a pixel comes from.

The page comes from this machine, to this machine's browser alone: a server on 127.0.0.1, whose address, with
a token in it, is printed. Buckets are read with your own credentials. Ctrl-C ends it. OUTPUT is only read. By
--export the page is written as files instead, which read the output by themselves: docs/viewing.md.

Exit codes: 0 shown until Ctrl-C, or exported; 2 the command is wrong (no catalogue, no such port); 130
interrupted before the page was there, or while it was exported; 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from jobs.browser import open_browser
from jobs.exits import Exit
from jobs.flags import add_output, add_verbose, level_of, output_of
from jobs.logs import start_log
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from sgddiff_batch.config import ArchiveJobConfig
    from sgddiff_batch.viewer import Basemap

EXAMPLES = (
    "sgddiff view s3://my-bucket/saliency/",
    "sgddiff view --config archive.yaml --export s3://my-bucket/saliency/_view/",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the output, and how it is shown."""
    add_output(parser, why="says where the output is, and how buckets of scenes are asked")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="listen there, else on a free one")
    parser.add_argument("--no-browser", action="store_true", help="open none; the address is printed anyhow")
    parser.add_argument(
        "--basemap", metavar="URL", help="lay pictures of a server below: https://host/{z}/{x}/{y}.png"
    )
    parser.add_argument(
        "--attribution", metavar="WORDS", help="whose they are; default: the host of --basemap"
    )
    parser.add_argument(
        "--export", metavar="TARGET", help="write the page there as files, in place of an earlier one"
    )
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Serve the output that the command line names until Ctrl-C."""
    start_log(level_of(options, logging.WARNING))
    output, config = output_of(options)
    from sgddiff_batch.core.query import OWN
    from sgddiff_batch.runs.checking import explain_pixel, open_explained
    from sgddiff_batch.viewer import LoopbackServer, open_site

    if options.export is not None:
        return _export(options, output, config)
    access = config.archive.query().access if config else OWN
    site = open_site(
        output,
        access=access,
        explain=lambda uri, row, col: explain_pixel(open_explained(uri), row, col, access),
        basemap=_basemap_of(options),
    )
    server = LoopbackServer(site, options.port)
    # Ctrl-C is how showing ends, and so no interruption; nor is a second one while connections are closed.
    with suppress(KeyboardInterrupt), server:
        print(server.url, flush=True)
        if not (options.no_browser or open_browser(server.url)):
            print("no browser could be opened: open the address yourself", file=sys.stderr)
        server.wait()
    return Exit.DONE


def _export(options: argparse.Namespace, output: str, config: ArchiveJobConfig | None) -> Exit:
    """Write the page as files, and print where it is."""
    from jobs.printing import print_static_page
    from sgddiff_batch.core.query import ArchiveQuery
    from sgddiff_batch.viewer import write_static

    if options.port or options.no_browser:
        raise ConfigError("--port and --no-browser are of a server: by --export none is started")
    query = config.archive.query() if config else ArchiveQuery(())
    roots = [*(source.uri for source in query.sources), *query.buckets.values()]
    basemap, access = _basemap_of(options), query.access
    print_static_page(write_static(output, options.export, roots=roots, access=access, basemap=basemap))
    return Exit.DONE


def _basemap_of(options: argparse.Namespace) -> Basemap | None:
    from sgddiff_batch.viewer import Basemap

    if options.basemap is None and options.attribution is not None:
        raise ConfigError("--attribution says whose pictures --basemap are: give --basemap, too")
    return None if options.basemap is None else Basemap(options.basemap, options.attribution or "")
