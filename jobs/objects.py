"""Objects: flags that say what counts as one, and what verbs do that ask for those that are published."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from jobs.exits import Exit
from jobs.flags import TO_STDOUT, add_json, add_verbose, instant, span, write_json
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from sgddiff_batch.config import ObjectsConfig
    from sgddiff_batch.core.object_settings import ObjectSettings
    from sgddiff_batch.core.times import TimeSpan

_SETTINGS = {
    "threshold": ("T", "an object holds saliency 0..1 of so much; default: 0.5"),
    "low": ("L", "its pixels have so much (hysteresis); default: --threshold"),
    "min_area_m2": ("A", "leave smaller ones out, where there is a CRS; default: 0"),
    "match_iou": ("I", "an object seen again shares so much (0..1) with what it was; default: 0.2"),
    "simplify_px": ("S", "outlines may be so far from the edges of pixels; default: 1"),
}
EXPORT = (
    "write the published objects in the format of the file's suffix, in degrees (EPSG:4326)",
    "s3://my-bucket/saliency/ objects.gpkg",
    "s3://my-bucket/saliency/ s3://my-bucket/november.pmtiles --since 2026-11-01 --until 2026-11-30",
)
"""What an export of objects does, and two examples without the command."""
_ASKED = {
    "new_since": "list the objects that a scene taken since was the first to show",
    "vanished_since": "list those that a scene taken since has data of, and does not show",
    "history": "tell all that is known of an object: the scenes that show it, its state and relatives",
}


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add what counts as an object."""
    for name, (letter, words) in _SETTINGS.items():
        parser.add_argument(_flag(name), type=float, metavar=letter, help=words)


def add_asked(parser: argparse.ArgumentParser) -> None:
    """Add what may be asked of the published objects."""
    asked = parser.add_mutually_exclusive_group()
    for name, words in _ASKED.items():
        if name == "history":
            asked.add_argument(_flag(name), metavar="ID", help=words)
        else:
            asked.add_argument(_flag(name), metavar="DATE", type=instant, help=words)


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add the words and flags of an export of objects."""
    parser.add_argument("output", metavar="OUTPUT", help="the output of the runs; local or s3://")
    parser.add_argument(
        "file",
        metavar="FILE",
        help="the file to write, replaced if it is there; local or s3://; .parquet, .geojson, .fgb or .gpkg "
        "(extra vector), .pmtiles (extra tiles)",
    )
    for flag, words in (("--since", "or later"), ("--until", "or earlier, a day being whole")):
        parser.add_argument(flag, type=span, metavar="DATE", help=f"those of scenes taken then {words}")
    add_json(parser)
    add_verbose(parser)


def settings_of(options: argparse.Namespace, section: ObjectsConfig | None) -> tuple[ObjectSettings, float]:
    """Return the settings of the config's section, or the defaults, with the flags laid over them.

    Raises:
        ConfigError: naming the flag that is out of its range.
    """
    from sgddiff_batch.core.object_settings import LEAST_IOU, ObjectSettings

    given = {} if section is None else section.model_dump()
    given |= {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    least_iou = given.pop("match_iou", LEAST_IOU)
    if not 0 < least_iou <= 1:
        raise ConfigError(f"--match-iou must be above 0 and at most 1, got {least_iou}")
    try:
        return ObjectSettings(**given), least_iou
    except ValueError as error:
        name, _, words = str(error).partition(" ")
        raise ConfigError(f"{_flag(name)} {words}") from None


def is_asked(options: argparse.Namespace) -> bool:
    """Whether something is asked, and nothing drawn."""
    return any(getattr(options, name) is not None for name in _ASKED)


def answer(options: argparse.Namespace, output: str) -> Exit:
    """Tell what is asked of the objects that are published."""
    from jobs.printing import print_history, print_news
    from sgddiff_batch.io.objects import Published

    given = [_flag(name) for name in _SETTINGS if getattr(options, name) is not None]
    if given:
        raise ConfigError(f"{given[0]}: what is asked is of the published objects, as they were drawn")
    published = Published(output)
    if options.history is not None:
        history = published.history(options.history)
        if options.json:
            write_json(asdict(history), options.json)
        if options.json != TO_STDOUT:
            print_history(history)
        return Exit.DONE
    is_new = options.new_since is not None
    ask = published.new_since if is_new else published.vanished_since
    news, unknown = ask(options.new_since if is_new else options.vanished_since)
    if options.json:
        write_json({"objects": [asdict(one) for one in news], "unknown_time": unknown}, options.json)
    if options.json != TO_STDOUT:
        print_news(news, unknown)
    return Exit.DONE


def export(options: argparse.Namespace) -> Exit:
    """Write the published objects to the file that the command line names."""
    from jobs.printing import print_objects_exported
    from sgddiff_batch.io.vectors import export_objects

    written = export_objects(options.output, options.file, _taken(options))
    print_objects_exported(options.file, written)
    if options.json:
        write_json({"file": options.file, **asdict(written)}, options.json)
    return Exit.DONE


def _taken(options: argparse.Namespace) -> TimeSpan | None:
    """Return the span of --since and --until, None where neither is given."""
    from sgddiff_batch.core.times import TimeSpan

    if options.since is None and options.until is None:
        return None
    start_s = -math.inf if options.since is None else options.since.start_s
    stop_s = math.inf if options.until is None else options.until.stop_s
    if start_s > stop_s:
        raise ConfigError("--since lies after --until: no scene was taken then")
    return TimeSpan(start_s, stop_s)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
