"""What the ledger keeps of blocks: read back as it was written, and never guessed where it is damaged."""

import json
from dataclasses import asdict

import pytest

from sgddiff_batch.core.window import Window
from sgddiff_batch.io.ledger.contents import contents_row, kept_contents, parse_blocks, parse_contents
from sgddiff_batch.io.ledger.damage import DamagedRecordError
from sgddiff_batch.protocols import BlockRecord, MosaicContents

BLOCKS = (BlockRecord(Window(0, 4, 0, 5), "aa", 20, 3), BlockRecord(Window(4, 8, 0, 5), "bb", 0, 0))
CONTENTS = MosaicContents("root", BLOCKS)


def data_of(row):
    return json.dumps(row).encode()


def test_contents_are_those_that_were_written_also_among_other_fields():
    assert parse_contents("k", data_of({"scene_id": "a", **contents_row(CONTENTS)})) == CONTENTS


def test_a_record_of_before_it_held_contents_has_none():
    assert parse_contents("k", data_of({"scene_id": "a"})) is None


def test_contents_are_kept_as_they_stand():
    row = contents_row(CONTENTS)
    assert kept_contents(data_of({"scene_id": "a", **row})) == row
    assert kept_contents(data_of({"scene_id": "a"})) == {}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"5", b"\xff", b"[" * 100_000, b'{"blocks": 5}', b'{"blocks": [5]}']
)
def test_damaged_contents_are_told_with_their_key(data):
    with pytest.raises(DamagedRecordError, match="k is damaged"):
        parse_contents("k", data)
    assert isinstance(kept_contents(data), dict)


@pytest.mark.parametrize("data", [b"", b"{", b"[5]", b'[{"window": 5}]', b'[{"digest": 5}]', b"[" * 100_000])
def test_damaged_marks_are_told_with_their_key(data):
    with pytest.raises(DamagedRecordError, match="k is damaged"):
        parse_blocks("k", data)


def test_blocks_of_a_mark_are_those_that_were_written():
    assert parse_blocks("k", data_of([asdict(block) for block in BLOCKS])) == list(BLOCKS)
