"""The root object as a claim and a commit: what it says, and which others it is the same as."""

from __future__ import annotations

import json

import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.metadata import levels_of, metadata_objects
from sgddiff_batch.io.mosaics.root import (
    PASSING,
    blocks_of,
    completed,
    describe_same,
    emptied,
    is_complete,
    new_claim,
)
from sgddiff_batch.protocols import BlockRecord
from tests.io.mosaic_examples import GRIDS, mosaic_of, tiling

PROVENANCE = {"run_key": "key", "created": "2026-11-23T12:00:00Z", "run_id": "1", "software": {"a": "1"}}
BLOCKS = (BlockRecord(Window(0, 48, 0, 48), "d", 5, 1), BlockRecord(Window(0, 48, 48, 75), "e", 0, 0))


def root_of(grid: Grid = GRIDS["north-up"], cut: Tiling | None = None, **provenance: object) -> bytes:
    levels = levels_of(mosaic_of(grid, cut or tiling()))
    return metadata_objects(grid, levels, PROVENANCE | provenance)[1]


def claimed_root() -> bytes:
    return metadata_objects(
        GRIDS["north-up"], levels_of(mosaic_of(GRIDS["north-up"])), PROVENANCE, claim=new_claim()
    )[1]


def test_a_new_root_is_not_complete_and_completion_changes_nothing_else():
    root = root_of()
    assert not is_complete(root)
    assert is_complete(completed(root, BLOCKS))
    assert completed(completed(root, BLOCKS), BLOCKS) == completed(root, BLOCKS)
    assert blocks_of(completed(root, BLOCKS)) == BLOCKS
    one, other = json.loads(root), json.loads(completed(root, BLOCKS))
    assert len(other["attributes"].pop("blocks")) == len(BLOCKS)
    assert other["attributes"].pop("complete") is True
    assert one["attributes"].pop("complete") is False
    assert one == other


@pytest.mark.parametrize("key", sorted(PASSING))
def test_when_and_by_what_a_store_was_made_does_not_make_it_another(key):
    assert root_of(**{key: "other"}) != root_of()
    assert describe_same(root_of(**{key: "other"}), completed(claimed_root(), BLOCKS))


@pytest.mark.parametrize(
    "other",
    [
        root_of(run_key="other"),
        root_of(new="entry"),
        root_of(GRIDS["dateline"]),
        root_of(cut=tiling(1)),
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff",
        b'{"attributes": {"provenance": 5}}',
        b"[" * 100_000,
    ],
)
def test_another_layout_provenance_or_a_damaged_root_is_not_the_same(other):
    assert not describe_same(root_of(), other)
    assert not describe_same(other, root_of())


def test_each_claim_is_another_object_of_the_same_mosaic():
    one, other = claimed_root(), claimed_root()
    assert one != other
    assert describe_same(one, other)
    assert describe_same(one, root_of())


def test_an_emptied_root_is_of_no_mosaic_and_always_the_same_for_one_claim():
    root = claimed_root()
    assert emptied(root) == emptied(root) != emptied(claimed_root())
    assert not is_complete(emptied(completed(root, BLOCKS)))
    assert not describe_same(emptied(root), root)
    assert not describe_same(emptied(root), emptied(root))


@pytest.mark.parametrize(
    "blocks",
    [
        None,
        5,
        [5],
        [[0, 1, 0, 1, "d", 1]],
        [[0, 1, 0, 1, 7, 1, 1]],
        [[0, 1, 0, "1", "d", 1, 1]],
        [["d", 1, 1]],
    ],
)
def test_blocks_that_are_none_are_not_known(blocks):
    document = json.loads(completed(root_of(), BLOCKS))
    document["attributes"]["blocks"] = blocks
    assert blocks_of(json.dumps(document).encode()) is None
    assert blocks_of(root_of()) is None
    assert blocks_of(b"{") is None
