"""Say where a pixel of a mosaic comes from: scene, tiles and weights, model, settings, run, stored object.

ROW and COL count from 0; X and Y are in units of the mosaic's CRS. A pixel without data is looked up in the
scene, which is asked for as the run did it (archive.access) where --config says how.

Exit codes: 0 done; 2 the command is wrong: no such mosaic or pixel; 130 interrupted; 1 anything else.
"""

from __future__ import annotations

import argparse
import logging

from jobs.exits import Exit
from jobs.flags import TO_STDOUT, add_config, add_json, add_verbose, config_of, lacking, level_of, write_json
from jobs.logs import start_log
from sgddiff_batch.errors import ConfigError

EXAMPLES = (
    "sgddiff explain s3://my-bucket/saliency/a.tif/0123456789ab-0123456789ab.zarr 1200 3400",
    "sgddiff explain mosaics/a.tif/0123456789ab-0123456789ab.zarr --xy 500000 5000000 --json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the mosaic, the pixel and the flags."""
    parser.add_argument("mosaic", metavar="MOSAIC", help="URI of a mosaic: .../<name>.zarr, local or s3://")
    parser.add_argument("row", type=int, nargs="?", metavar="ROW", help="from 0, down")
    parser.add_argument("col", type=int, nargs="?", metavar="COL", help="from 0, to the right")
    parser.add_argument("--xy", type=float, nargs=2, metavar=("X", "Y"), help="a point in the mosaic's CRS")
    add_json(parser)
    add_config(parser, required=False, why="how the scene is asked for where it has to be")
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Explain the pixel that the command line names."""
    start_log(level_of(options, logging.WARNING))
    _check_pixel(options)
    from jobs.printing import print_explained
    from sgddiff_batch.core.explaining import pixel_at
    from sgddiff_batch.core.query import OWN
    from sgddiff_batch.runs.checking import explain_pixel, open_explained

    stored = open_explained(options.mosaic)
    row, col = pixel_at(stored.mosaic.grid, *options.xy) if options.xy else (options.row, options.col)
    config = config_of(options)
    facts = explain_pixel(stored, row, col, OWN if config is None else config.archive.query().access)
    if options.json:
        write_json(facts, options.json)
    if options.json != TO_STDOUT:
        print_explained(facts)
    return Exit.DONE


def _check_pixel(options: argparse.Namespace) -> None:
    """Raise ConfigError unless one pixel is named."""
    if options.xy is not None and options.row is not None:
        raise ConfigError("give ROW and COL, or --xy X Y, not both")
    if options.xy is None and options.col is None:
        raise lacking("give ROW and COL, or --xy X Y", options)
