"""Show an output as a map in a browser: mosaics over their scenes, objects, and where a pixel comes from.

The page comes from this machine, to this machine's browser alone: a server on 127.0.0.1, whose address, with
a token in it, is printed. Buckets are read with your own credentials. Ctrl-C ends it. OUTPUT is only read.

Exit codes: 2 the command is wrong (no catalogue, no such port); 130 interrupted, which is how it ends; 1
anything else.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from jobs.exits import Exit
from jobs.flags import add_output, add_verbose, level_of, output_of
from jobs.logs import start_log
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from sgddiff_batch.core.query import BucketAccess
    from sgddiff_batch.viewer import Basemap

EXAMPLES = (
    "sgddiff view s3://my-bucket/saliency/",
    "sgddiff view --config archive.yaml --no-browser --port 8080",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the output, and how it is shown."""
    add_output(parser, why="says where the output is, and how buckets of scenes are asked")
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="listen there; else where it is free"
    )
    parser.add_argument("--no-browser", action="store_true", help="open none; the address is printed anyhow")
    parser.add_argument(
        "--basemap", metavar="URL", help="lay pictures of a server below: https://host/{z}/{x}/{y}.png"
    )
    parser.add_argument(
        "--attribution", metavar="WORDS", help="whose they are; default: the host of --basemap"
    )
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Serve the output that the command line names until Ctrl-C."""
    start_log(level_of(options, logging.WARNING))
    output, config = output_of(options)
    from sgddiff_batch.core.query import OWN
    from sgddiff_batch.viewer import LoopbackServer, open_site

    access = config.archive.query().access if config else OWN
    site = open_site(output, access=access, explain=explaining(access), basemap=basemap_of(options))
    with LoopbackServer(site, options.port) as server:
        print(server.url, flush=True)
        if not options.no_browser:
            open_browser(server.url)
        server.wait()
    return Exit.DONE


def basemap_of(options: argparse.Namespace) -> Basemap | None:
    """Return the basemap that a command line names.

    Raises:
        ConfigError: if it is no address of tiles, or there are only words on it.
    """
    from sgddiff_batch.viewer import Basemap

    if options.basemap is None:
        if options.attribution is not None:
            raise ConfigError("--attribution says whose pictures --basemap are: give --basemap, too")
        return None
    basemap = Basemap(options.basemap, options.attribution or "")
    return basemap if options.attribution else Basemap(basemap.url, basemap.origin)


def explaining(access: BucketAccess) -> Any:  # noqa: ANN401 - an Explain, whose name would load the viewer
    """Return what says where a pixel comes from, as `sgddiff explain` does."""
    from sgddiff_batch.runs.checking import explain_pixel, open_explained

    return lambda uri, row, col: explain_pixel(open_explained(uri), row, col, access)


def open_browser(url: str) -> None:
    """Open an address in the browser of whoever sits at a screen: one for terminals would take this one."""
    import webbrowser

    has_screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if not (has_screen and webbrowser.open(url)):
        print("no browser could be opened: open the address yourself", file=sys.stderr)
