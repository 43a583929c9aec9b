"""The scenes of an area: what the archive catalogue says of them, and which cells each touches."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyproj
from rasterio.crs import CRS
from rasterio.errors import CRSError

from sgddiff_batch.core.cells import Cell, CellGrid
from sgddiff_batch.core.composite_planning import AreaScene
from sgddiff_batch.core.periods import period_of, span_in_name
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.areas.cells import Placing, RefusedError
from sgddiff_batch.io.catalogue import TIME_KNOWN, read_catalogue
from sgddiff_batch.io.ledger import RefusedScene
from sgddiff_batch.io.storage import Store

COLUMNS = [
    "id", "store", "geometry", "datetime", "start_datetime", "end_datetime", "created",
    "proj:code", "proj:wkt2", "proj:shape", "proj:transform", "model_digest", "scene_version",
    TIME_KNOWN,
]  # fmt: skip

_ROWS = 1000
"""Rows of the catalogue that are unpacked at once: a table of them takes a tenth of the memory."""

Found = tuple[AreaScene, list[Cell]]


@dataclass(frozen=True, slots=True)
class Membership:
    """The scenes that area mosaics are made of with the cells that they touch, and those that are refused."""

    scenes: tuple[Found, ...]
    refused: tuple[RefusedScene, ...]


def parse_crs(text: str) -> CRS:
    """Return the CRS of an area.

    Raises:
        ConfigError: if GDAL does not know it, it has no plane or degrees to lay pixels on, or its degrees are
            others than those east of Greenwich that a turn of the globe is counted in.
    """
    try:
        crs = CRS.from_user_input(text)
    except CRSError as error:
        own, _, _ = str(error).partition(" PROJ: ")
        raise ConfigError(f"areas.crs: {text!r} is no CRS that GDAL knows: {own}") from None
    if not (crs.is_projected or crs.is_geographic):
        raise ConfigError(f"areas.crs: must be projected or geographic, got {text!r}")
    if crs.is_geographic and not _counts_from_greenwich(crs):
        raise ConfigError(
            f"areas.crs: a geographic one must count degrees from Greenwich, got {text!r}: take EPSG:4326, "
            "or a projected one"
        )
    return crs


def _counts_from_greenwich(crs: CRS) -> bool:
    system = pyproj.CRS.from_wkt(crs.to_wkt()).geodetic_crs
    if system is None or system.prime_meridian is None:
        return False
    degrees = (math.isclose(axis.unit_conversion_factor, math.pi / 180) for axis in system.axis_info[:2])
    return system.prime_meridian.longitude == 0 and all(degrees)


def find_members(output: Store, cells: CellGrid, time_pattern: str | None = None) -> Membership:
    """Return the scenes of the current archive catalogue of an output, each with the cells it touches.

    Refused by name are scenes without CRS or time, and those that are far outside of the area's CRS.
    time_pattern: a regular expression with groups, searched in the id where the catalogue knows no time.

    Raises:
        ConfigError: if the output has no catalogue.
        FatalError: if the catalogue is damaged.
    """
    table = read_catalogue(output, columns=COLUMNS)
    if table is None:
        raise ConfigError(f"output.uri: {output.uri} has no archive catalogue yet: run `sgddiff run` first")
    pattern = re.compile(time_pattern) if time_pattern else None
    scenes: list[Found] = []
    refused: list[RefusedScene] = []
    place = Placing(cells)
    for part in table.to_batches(max_chunksize=_ROWS):
        for row in part.to_pylist():
            try:
                scenes.append((_scene(row, pattern), place.cells(row)))
            except RefusedError as error:
                refused.append(RefusedScene(row["id"], str(error), row["scene_version"] or ""))
    return Membership(tuple(scenes), tuple(refused))


def _scene(row: Mapping[str, Any], pattern: re.Pattern[str] | None) -> AreaScene:
    span = _catalogued_span(row) or (pattern and span_in_name(row["id"], pattern))
    if span is None:
        hint = "and there is no time_pattern"
        if pattern is not None:
            hint = f"and the time_pattern {pattern.pattern} finds none in its id"
        raise RefusedError(f"its time is not known: the catalogue has none, {hint}")
    try:
        period_of(span.start_s, "year")
    except ValueError as error:
        raise RefusedError(f"its time is of no period: {error}") from None
    created = row["created"].isoformat() if row["created"] else ""
    return AreaScene(row["id"], row["store"], created, span, row["model_digest"])


def _catalogued_span(row: Mapping[str, Any]) -> TimeSpan | None:
    instant, start, end = (row[name] for name in ("datetime", "start_datetime", "end_datetime"))
    if not row[TIME_KNOWN]:
        return None
    if instant is not None:
        return TimeSpan(_seconds(instant), _seconds(instant))
    if start is None or end is None or end < start:
        return None
    return TimeSpan(_seconds(start), _seconds(end))


def _seconds(time: datetime) -> float:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
