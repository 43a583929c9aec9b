"""Draw the objects of all current mosaics: polygons with area, saliency and measures, as GeoParquet.

An object is a region of pixels of saliency --threshold and more, 4-connected, joined over blocks. Each
mosaic's are a part below OUTPUT/_objects/parts/; only parts that are missing are made. All of them are in
OUTPUT/objects.parquet, a copy of what the catalogue shows with its current generation. Mosaics and ledger
stay as they are, and a run may be at work.

--new-since, --vanished-since and --history draw nothing: they ask what is known of the published objects.
What has vanished was not shown by a scene that has data all over it and was taken since. When scenes were
taken a STAC catalogue says, or their names by archive.time_pattern of the config.

Exit codes: 0 done; 5 a mosaic is damaged, and its objects are left out; 2 the command is wrong (no
catalogue, no such object); 130 interrupted; 1 anything else, a mosaic of which drawing failed among it: its
objects are left out, and the same command tries again.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from jobs.exits import Exit
from jobs.flags import TO_STDOUT, add_json, add_output, add_verbose, level_of, output_of, write_json
from jobs.logs import start_log
from jobs.objects import add_asked, add_settings, answer, is_asked, settings_of

if TYPE_CHECKING:
    from sgddiff_batch.io.objects import OutputObjects

EXAMPLES = (
    "sgddiff objects --config archive.yaml --threshold 0.6 --low 0.3 --min-area-m2 100",
    "sgddiff objects s3://my-bucket/saliency/ --new-since 2026-11-01 --json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the output, what counts as an object, and what may be asked."""
    add_output(parser)
    add_settings(parser)
    add_asked(parser)
    add_json(parser)
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Draw the objects of the output that the command line names, or tell what is known of them."""
    start_log(level_of(options, logging.WARNING))
    output, config = output_of(options)
    if is_asked(options):
        return answer(options, output)
    settings, least_iou = settings_of(options, None if config is None else config.objects)
    from jobs.printing import print_objects
    from sgddiff_batch.io.objects import find_objects

    found = find_objects(output, settings, least_iou)
    if options.json:
        write_json(_facts(found), options.json)
    if options.json != TO_STDOUT:
        print_objects(found)
    if any(one.is_damaged for one in found.left_out):
        return Exit.DAMAGED
    return Exit.FAILED if any(one.is_undrawn for one in found.left_out) else Exit.DONE


def _facts(found: OutputObjects) -> dict[str, object]:
    """Return what was found as JSON has it."""
    return {
        "file": found.uri,
        "settings": found.settings.to_json(),
        "objects": sum(one.objects for one in found.mosaics),
        "mosaics": [asdict(one) for one in found.mosaics],
        "left_out": [asdict(one) for one in found.left_out],
    }
