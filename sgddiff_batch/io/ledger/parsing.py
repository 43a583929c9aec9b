"""Parsing: the record that an object of the ledger holds, and what is no record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from sgddiff_batch.io.ledger.damage import damaged
from sgddiff_batch.protocols import SceneRecord

_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("scene_id", "version", "run_key", "finished_at", "mask_rule"), (str,)),
    **dict.fromkeys(("store", "reason"), (str, type(None))),
    **dict.fromkeys(("valid_px", "salient_px", "height_px", "width_px"), (int,)),
}
"""The fields of a record."""


_LIMIT = 2**63
_NAMES = tuple(SceneRecord.__slots__)
_DONE = (str, str, str, str, type(None), int, int, int, int, str, str)
"""The types of a record of a scene that is done: nearly all are."""


def parse_record(key: str, data: bytes) -> SceneRecord:
    """Return the record that an object holds; fields that only a newer version knows are left out.

    Raises:
        DamagedRecordError: no JSON object, a field missing or of another type.
    """
    try:
        row = json.loads(data)
        if not isinstance(row, dict):
            raise TypeError(f"it is a {type(row).__name__}")
        record = SceneRecord(**{name: row[name] for name in _TYPES if name in row})
        for name, types in _TYPES.items():
            value = getattr(record, name)
            if type(value) not in types or (type(value) is int and not -_LIMIT <= value < _LIMIT):
                raise TypeError(f"{name} is {value!r}")
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged(key, error) from None
    return record


def fields_of(key: str, data: bytes) -> tuple[Any, ...]:
    """Return the fields of the record of a scene in their order, as :func:`parse_record` does, but sooner.

    Raises:
        DamagedRecordError: as that.
    """
    try:
        row = json.loads(data)
    except (ValueError, RecursionError):
        row = None  # parse_record says what is wrong
    if type(row) is dict and tuple(row) == _NAMES and tuple(map(type, row.values())) == _DONE:
        fields = tuple(row.values())
        if min(fields[5:9]) >= 0 and max(fields[5:9]) < _LIMIT:
            return fields
    return astuple(parse_record(key, data))
