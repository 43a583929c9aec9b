"""Write a mosaic in another format: a Cloud-Optimized GeoTIFF, for readers that cannot open Zarr shards.

Exit codes: 0 done; 2 the command is wrong (no mosaic there, not complete, no such folder); 130
interrupted; 1 anything else.
"""

from __future__ import annotations

import argparse
import logging

from jobs.exits import Exit
from jobs.flags import add_verbose, level_of
from jobs.logs import start_log

EXAMPLES = (
    "sgddiff export cog s3://my-bucket/saliency/harbour/4f2a-9c1b.zarr saliency.tif",
    "sgddiff export cog demo-output/mosaics/harbour/4f2a-9c1b.zarr /tmp/harbour.tif",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the formats, each with what it asks for."""
    formats = parser.add_subparsers(dest="format", metavar="FORMAT", required=True)
    words = "a Cloud-Optimized GeoTIFF: codes 0..254 (scale 1/254), no data 255; GDAL before 3.13 reads it"
    cog = formats.add_parser("cog", help=words, description=f"Write {words}.")
    cog.add_argument("mosaic", metavar="MOSAIC", help="a complete mosaic: .../<name>.zarr, local or s3://")
    cog.add_argument("file", metavar="FILE", help="local file to write; replaced if it is there")
    add_verbose(cog)


def run(options: argparse.Namespace) -> Exit:
    """Write the file."""
    start_log(level_of(options, logging.WARNING))
    from sgddiff_batch.io.mosaics import export_cog

    export_cog(options.mosaic, options.file)
    print(f"wrote {options.file}")
    return Exit.DONE
