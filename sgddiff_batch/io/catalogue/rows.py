"""The rows of the archive catalogue: what a mosaic's record and its root say, one STAC item a mosaic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.catalogue.former import FIRST_PICTURE
from sgddiff_batch.io.catalogue.schema import ITEM, LEAN, TIME_KNOWN, TIMES
from sgddiff_batch.io.catalogue.shown import Shown
from sgddiff_batch.io.geodesy import Footprint
from sgddiff_batch.protocols import SceneRecord

DONE, QUARANTINED = "done", "quarantined"
"""States: the newest version of the scene is shown; or it is in quarantine, and an earlier one is shown."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_AWAY = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Current:
    """A scene's current mosaic. ``record`` is the record it was completed with, ``state`` as in the rows."""

    record: SceneRecord
    path: str
    state: str = DONE
    reason: str | None = None


def row(current: Current, shown: Shown, time: TimeSpan | None) -> dict[str, Any]:
    """Return the row of a mosaic from its record and what is shown of it, with the columns of ``LEAN``."""
    record, outline = current.record, shown.outline
    created = instant(record.finished_at)
    is_known, *times = times_of(time, created)
    return {
        "id": record.scene_id,
        **_place(outline),
        **dict(zip(TIMES, times, strict=True)),
        "created": created,
        TIME_KNOWN: is_known,
        "proj:code": shown.code,
        "proj:wkt2": shown.wkt,
        "proj:shape": [shown.height_px, shown.width_px],
        "proj:transform": list(shown.transform.coefficients),
        "state": current.state,
        "reason": current.reason,
        "scene_uri": shown.source or None,
        "scene_version": record.version,
        "run_key": record.run_key,
        "model_digest": shown.model_digest,
        "height_px": record.height_px,
        "width_px": record.width_px,
        "valid_px": record.valid_px,
        "salient_px": record.salient_px,
        "salient_share": record.salient_px / record.valid_px if record.valid_px else None,
        "salient_km2": outline and outline.area_km2 * record.salient_px / (shown.height_px * shown.width_px),
        "store": current.path,
        "archive": None,
        ITEM: None,
    }


def _place(outline: Footprint | None) -> dict[str, Any]:
    return {
        "geometry": outline and outline.wkb,
        "bbox": outline and dict(zip(("xmin", "ymin", "xmax", "ymax"), outline.box, strict=True)),
    }


def times_of(span: TimeSpan | None, created: datetime | None) -> list[Any]:
    """Return whether the time is known, and STAC's datetime, start and end.

    An instant is all three: a start that is null would not be valid. Of a span the first one is null. Where
    the time is not known it is the mosaic's own, or else the widest true span.
    """
    if span is not None:
        with suppress(OverflowError, ValueError):  # of open ends, and of times that are none
            start, end = (_EPOCH + timedelta(seconds=seconds) for seconds in (span.start_s, span.stop_s))
            return [True, start if start == end else None, start, end]
    return [False, *([created] * 3 if created else [None, FIRST_PICTURE, _FAR_AWAY])]


def instant(text: str) -> datetime | None:
    """Return an ISO 8601 time, in UTC where it names no zone; None where it is no time."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def table_of(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a table with the columns of ``LEAN``."""
    return pa.Table.from_pylist(list(rows), schema=LEAN)
