"""Draw the objects of all current mosaics: polygons with area, saliency and measures, as GeoParquet.

An object is a region of pixels of saliency --threshold and more, 4-connected, joined over blocks. Each
mosaic's are a part below OUTPUT/_objects/parts/; only parts that are missing are made. All of them are in
OUTPUT/objects.parquet, which is written anew. Mosaics, ledger and catalogue stay as they are, and a run may
be at work.

Exit codes: 0 done; 5 a mosaic is damaged, and its objects are left out; 2 the command is wrong (no
catalogue); 130 interrupted; 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from jobs.exits import Exit
from jobs.flags import TO_STDOUT, add_json, add_output, add_verbose, level_of, output_of, write_json
from jobs.logs import start_log
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from sgddiff_batch.core.object_settings import ObjectSettings
    from sgddiff_batch.io.objects import OutputObjects

EXAMPLES = (
    "sgddiff objects s3://my-bucket/saliency/",
    "sgddiff objects --config archive.yaml --threshold 0.6 --low 0.3 --min-area-m2 100",
)
_SETTINGS = {
    "threshold": ("T", "an object holds saliency 0..1 of so much; default: 0.5"),
    "low": ("L", "its pixels have so much (hysteresis); default: --threshold"),
    "min_area_m2": ("A", "leave smaller ones out, where there is a CRS; default: 0"),
    "match_iou": ("I", "an object seen again shares so much (0..1) with what it was; default: 0.2"),
    "simplify_px": ("S", "outlines may be so far from the edges of pixels; default: 1"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the output and what counts as an object."""
    add_output(parser)
    for name, (letter, words) in _SETTINGS.items():
        parser.add_argument(_flag(name), type=float, metavar=letter, help=words)
    add_json(parser)
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Draw the objects of the output that the command line names."""
    start_log(level_of(options, logging.WARNING))
    settings, least_iou = _settings(options)
    output, _ = output_of(options)
    from jobs.printing import print_objects
    from sgddiff_batch.io.objects import find_objects

    found = find_objects(output, settings, least_iou)
    if options.json:
        write_json(_facts(found), options.json)
    if options.json != TO_STDOUT:
        print_objects(found)
    return Exit.DAMAGED if any(one.is_damaged for one in found.left_out) else Exit.DONE


def _settings(options: argparse.Namespace) -> tuple[ObjectSettings, float]:
    from sgddiff_batch.core.object_settings import ObjectSettings
    from sgddiff_batch.io.objects import LEAST_IOU

    given = {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    least_iou = given.pop("match_iou", LEAST_IOU)
    if not 0 < least_iou <= 1:
        raise ConfigError(f"--match-iou must be above 0 and at most 1, got {least_iou}")
    try:
        return ObjectSettings(**given), least_iou
    except ValueError as error:
        name, _, words = str(error).partition(" ")
        raise ConfigError(f"{_flag(name)} {words}") from None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _facts(found: OutputObjects) -> dict[str, object]:
    """Return what was found as JSON has it."""
    return {
        "file": found.uri,
        "settings": found.settings.to_json(),
        "objects": sum(one.objects for one in found.mosaics),
        "mosaics": [asdict(one) for one in found.mosaics],
        "left_out": [asdict(one) for one in found.left_out],
    }
