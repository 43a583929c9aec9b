"""The root object of a mosaic as a claim and a commit: who may commit it, whether it is complete, of what."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import astuple

from sgddiff_batch.core.fingerprint import bytes_digest, canonical_json
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics import conventions
from sgddiff_batch.protocols import BlockRecord

CLAIM, BLOCKS, REMOVED = "claim", "blocks", "removed"
"""Root attributes: a text that each claim has of its own; the blocks that a mosaic was committed with, each
as its window, digest, valid and salient pixels; the digest of the root that a store had before its removal.
"""
PASSING = frozenset({"created", "run_id", "software"})
"""Provenance keys that say when and by what a store was made, not what is in it."""

_OF_ONE_CLAIM = frozenset({conventions.COMPLETE, CLAIM, BLOCKS})
_NOT_A_ROOT = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def new_claim() -> dict[str, str]:
    """Return a root attribute that no other call returns: who put that root can tell it from others."""
    return {CLAIM: secrets.token_hex(8)}


def emptied(root: bytes) -> bytes:
    """Return the root of a store that is being removed, a group without arrays, of the root that it had."""
    attributes = {REMOVED: bytes_digest(root)}
    return canonical_json({"attributes": attributes, "node_type": "group", "zarr_format": 3}).encode()


def is_emptied(root: bytes) -> bool:
    """Whether a root object is that of a store that is being removed."""
    try:
        return REMOVED in json.loads(root)["attributes"]
    except _NOT_A_ROOT:
        return False


def completed(root: bytes, blocks: Sequence[BlockRecord]) -> bytes:
    """Return a root object that is marked complete, with the blocks that it is complete of."""
    document = json.loads(root)
    document["attributes"][conventions.COMPLETE] = True
    document["attributes"][BLOCKS] = [
        [*astuple(block.window), block.digest, block.valid_px, block.salient_px] for block in blocks
    ]
    return canonical_json(document).encode()


def blocks_of(root: bytes) -> tuple[BlockRecord, ...] | None:
    """Return the blocks that a root was completed with, None where it does not say."""
    try:
        return tuple(_block(row) for row in json.loads(root)["attributes"][BLOCKS])
    except _NOT_A_ROOT:
        return None


def is_complete(root: bytes) -> bool:
    """Whether a root object is marked complete; one that cannot be understood is not."""
    try:
        return conventions.is_complete(json.loads(root)["attributes"])
    except _NOT_A_ROOT:
        return False


def describe_same(one: bytes, other: bytes) -> bool:
    """Whether two root objects have the same layout and provenance, times, claim and completeness apart."""
    try:
        return _lasting(one) == _lasting(other)
    except _NOT_A_ROOT:
        return False


def _lasting(root: bytes) -> object:
    document = json.loads(root)
    attributes = {k: v for k, v in document["attributes"].items() if k not in _OF_ONE_CLAIM}
    provenance = attributes[conventions.PROVENANCE].items()
    attributes[conventions.PROVENANCE] = {k: v for k, v in provenance if k not in PASSING}
    return document | {"attributes": attributes}


def _block(row: list[object]) -> BlockRecord:
    *window, digest, valid_px, salient_px = row
    numbers = (*window, valid_px, salient_px)
    if len(window) != 4 or type(digest) is not str or any(type(number) is not int for number in numbers):
        raise TypeError(f"{row} is no block")
    return BlockRecord(Window(*window), digest, valid_px, salient_px)  # type: ignore[arg-type]
