"""Stores of mosaics, written without a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.protocols import BlockRecord, BlockWriter, Claim


def begun(writer: BlockWriter, mosaic: Mosaic, provenance: Mapping[str, object]) -> Claim:
    """Claim a mosaic of which nothing is there, and put its metadata."""
    claim = writer.claim(mosaic, provenance)
    assert claim is not None, f"{mosaic.path} is there already"
    return writer.describe(mosaic, claim)


def committed(writer: BlockWriter, mosaic: Mosaic, claim: Claim, blocks: Sequence[BlockRecord] = ()) -> str:
    """Commit a mosaic with the records of blocks that a test wants, and return the digest of its root."""
    return writer.commit(mosaic, claim, blocks)
