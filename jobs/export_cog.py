"""Write a mosaic as a Cloud-Optimized GeoTIFF, for readers that cannot open Zarr shards (GDAL before 3.13).

    python jobs/export_cog.py MOSAIC OUT.tif

Exit codes: 0 done; 2 the command is wrong (no mosaic there, not complete, no such folder); 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from jobs.commands import fail
from jobs.logs import start_log
from sgddiff_batch.errors import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Export the mosaic that the command line names and return the exit code."""
    asked = _parser().parse_args(arguments)
    start_log(logging.WARNING)
    from sgddiff_batch.io.mosaics import export_cog

    try:
        export_cog(asked.mosaic, asked.out)
    except (ConfigError, FileNotFoundError, ValueError) as error:
        return fail("export_cog", error, 2)
    except Exception as error:
        return fail("export_cog", error, 1)
    print(f"wrote {asked.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="export_cog.py",
        description="Write a mosaic as a Cloud-Optimized GeoTIFF: codes 0..254 (scale 1/254), no data 255.",
    )
    parser.add_argument(
        "mosaic", metavar="MOSAIC", help="URI of a complete mosaic: .../<name>.zarr, local or s3://"
    )
    parser.add_argument("out", metavar="OUT.tif", help="local file to write; replaced if it is there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
