"""What the ledger keeps of stored blocks: as marks, and in the record of the mosaic once it is committed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple

from sgddiff_batch.core.window import Window
from sgddiff_batch.io.ledger.damage import damaged
from sgddiff_batch.protocols import BlockRecord, MosaicContents

_CONTENTS = ("root", "blocks")


def kept_contents(data: bytes) -> dict[str, object]:
    """Return the contents that a mosaic's record holds, as they stand there; nothing of a damaged one."""
    try:
        before = json.loads(data)
        return {name: before[name] for name in _CONTENTS if name in before}
    except (ValueError, TypeError, RecursionError):
        return {}


def parse_blocks(key: str, data: bytes) -> list[BlockRecord]:
    """Return the blocks that a mark is of.

    Raises:
        DamagedRecordError: if it is damaged.
    """
    try:
        return [_block_record(**row) for row in json.loads(data)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise damaged(key, error) from None


def _block_record(window: Mapping[str, int], digest: str, valid_px: int, salient_px: int) -> BlockRecord:
    numbers = (*window.values(), valid_px, salient_px)
    if type(digest) is not str or any(type(number) is not int for number in numbers):
        raise TypeError(f"it holds {digest!r} and {numbers}")
    return BlockRecord(Window(**window), digest, valid_px, salient_px)


def contents_row(contents: MosaicContents) -> dict[str, object]:
    """Return the contents of a mosaic as its record holds them."""
    blocks = [[*astuple(b.window), b.digest, b.valid_px, b.salient_px] for b in contents.blocks]
    return {"root": contents.root_digest, "blocks": blocks}


def parse_contents(key: str, data: bytes) -> MosaicContents | None:
    """Return the contents that a mosaic's record holds; None of one that was written before it held them.

    Raises:
        DamagedRecordError: if it is damaged.
    """
    try:
        row = json.loads(data)
        if not isinstance(row, dict):
            raise TypeError(f"it is a {type(row).__name__}")
        if "blocks" not in row:
            return None
        blocks = (BlockRecord(Window(*block[:4]), *block[4:]) for block in row["blocks"])
        return MosaicContents(str(row["root"]), tuple(blocks))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise damaged(key, error) from None
