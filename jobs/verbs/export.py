"""Write mosaics in another format, for readers that cannot open Zarr shards and for people who only look.

One mosaic, or by --all the current ones of an output into a folder; what is there of them is left alone; or
the objects of an output. Exit codes: 0 done; 2 the command is wrong (no mosaic, no such folder); 130
interrupted; 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from jobs.exits import Exit
from jobs.flags import add_json, add_verbose, instant, level_of, positive_count, write_json
from jobs.logs import start_log
from jobs.objects import EXPORT, add_export, export
from jobs.parser import add_actions
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from sgddiff_batch.runs import Exported

_MOSAIC = "s3://my-bucket/saliency/harbour.tif/4f2a-9c1b.zarr"
_FORMATS = {
    "cog": (
        "write a Cloud-Optimized GeoTIFF: codes 0..254 (scale 1/254), no data 255; GDAL before 3.13 reads it",
        f"{_MOSAIC} saliency.tif",
        "s3://my-bucket/saliency/ s3://my-bucket/cogs/ --all --since 2026-11-01",
    ),
    "objects": EXPORT,
    "png": (
        "draw a quicklook: the level that fits, in the COG's colours, no data transparent",
        f"{_MOSAIC} saliency.png --size 2048",
        "s3://my-bucket/saliency/ quicklooks/ --all",
    ),
}
EXAMPLES = (f"sgddiff export cog {_FORMATS['cog'][1]}", f"sgddiff export png {_FORMATS['png'][2]}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the formats, each with what it asks for."""
    cog, objects, png = add_actions(parser, "export", "format", _FORMATS)
    add_export(objects)
    for one in (cog, png):
        one.add_argument(
            "mosaic",
            metavar="MOSAIC",
            help="a complete mosaic, .../<name>.zarr; with --all the output of the runs; local or s3://",
        )
        one.add_argument(
            "file",
            metavar="FILE",
            help="the file to write, replaced if it is there; with --all a folder; local or s3://",
        )
        one.add_argument("--all", action="store_true", help="all current mosaics of the output MOSAIC")
        one.add_argument("--since", type=instant, metavar="DATE", help="of --all those published since")
        add_json(one)
        add_verbose(one)
    png.add_argument(
        "--size", type=positive_count, metavar="N", help="the most px of a side of the picture; 1024"
    )


def run(options: argparse.Namespace) -> Exit:
    """Write the files."""
    start_log(level_of(options, logging.WARNING))
    if options.format == "objects":
        return export(options)
    from jobs.printing import print_export_counts, print_exported

    if options.since is not None and not options.all:
        raise ConfigError("--since chooses among the mosaics of an output: give --all, too")
    rows: list[Exported] = []
    for row in _rows(options):
        print_exported(row)
        rows.append(row)
    if options.all:
        print_export_counts(rows)
    code = Exit.FAILED if any(row.state == "failed" for row in rows) else Exit.DONE
    if options.json:
        write_json({"exit_code": int(code), "mosaics": [asdict(row) for row in rows]}, options.json)
    return code


def _rows(options: argparse.Namespace) -> Iterator[Exported]:
    from sgddiff_batch.io.mosaics import DEFAULT_SIZE_PX, CogExport, PngExport, clear_up
    from sgddiff_batch.runs import Exported, export_all

    wanted = CogExport() if options.format == "cog" else PngExport(options.size or DEFAULT_SIZE_PX)
    if options.all:
        yield from export_all(options.mosaic, options.file, wanted, options.since)
    else:
        clear_up([options.file])
        wanted.write(options.mosaic, options.file)
        yield Exported(None, options.mosaic, options.file, "written")
