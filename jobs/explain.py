"""Say where a pixel of a mosaic comes from: scene, tiles and weights, model, settings, run, stored object.

    python jobs/explain.py MOSAIC ROW COL [--json] [--config archive.yaml [--set key=value ...]]
    python jobs/explain.py MOSAIC --xy X Y [--json]

ROW and COL count from 0; X and Y are in units of the mosaic's CRS. A pixel without data is looked up in the
scene, which is asked for as the run did it (archive.access) where --config says how.

Exit codes: 0 done; 2 the command is wrong: no such mosaic or pixel; 1 anything else.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from jobs.commands import add_config, config_of, fail
from jobs.logs import start_log
from sgddiff_batch.core.archive import OWN
from sgddiff_batch.core.explaining import pixel_at
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.mosaics import StoredMosaic
from sgddiff_batch.runs import explain_pixel, open_explained

EXIT_DONE, EXIT_FAILED, EXIT_COMMAND = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Explain the pixel that the command line names and return the exit code."""
    options = _parse(argv)
    start_log(logging.WARNING)
    try:
        stored = open_explained(options.mosaic)
        row, col = _pixel(stored, options)
        config = config_of(options)
        facts = explain_pixel(stored, row, col, OWN if config is None else config.archive.query().access)
    except (ConfigError, FileNotFoundError, ValueError) as error:
        return fail("explain", error, EXIT_COMMAND)
    except Exception as error:
        return fail("explain", error, EXIT_FAILED)
    print(json.dumps(facts, indent=1) if options.json else _as_text(facts))
    return EXIT_DONE


def _pixel(stored: StoredMosaic, options: argparse.Namespace) -> tuple[int, int]:
    if options.xy is not None:
        if options.row is not None:
            raise ConfigError("give ROW and COL, or --xy X Y, not both")
        return pixel_at(stored.mosaic.grid, *options.xy)
    if options.row is None or options.col is None:
        raise ConfigError("give ROW and COL, or --xy X Y")
    return options.row, options.col


def _as_text(facts: Mapping[str, Any]) -> str:
    lines = []
    for name, value in facts.items():
        if name == "tiles":
            lines += [_tile_line(tile, facts["weight_total"]) for tile in value]
        elif isinstance(value, Mapping):
            lines += [f"{f'{name} {key}':<24} {_shown(inner)}" for key, inner in value.items()]
        elif name != "weight_total":
            lines.append(f"{name:<24} {_shown(value)}")
    return "\n".join(lines)


def _tile_line(tile: Mapping[str, Any], total: int) -> str:
    window = tile["window"]
    place = (
        f"rows {window['row_start']}-{window['row_stop']}, columns {window['col_start']}-{window['col_stop']}"
    )
    edge = ", filled up by reflection" if tile["reflects"] else ""
    name = f"tile {tile['row']},{tile['col']}"
    return f"{name:<24} {place}, weight {tile['weight']} of {total} ({tile['share']:.1%}){edge}"


def _shown(value: object) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="explain.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("mosaic", metavar="MOSAIC", help="URI of a mosaic: .../<name>.zarr, local or s3://")
    parser.add_argument("row", type=int, nargs="?", metavar="ROW", help="from 0, down")
    parser.add_argument("col", type=int, nargs="?", metavar="COL", help="from 0, to the right")
    parser.add_argument("--xy", type=float, nargs=2, metavar=("X", "Y"), help="a point in the mosaic's CRS")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_config(parser, "how the scene is asked for where it has to be")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
