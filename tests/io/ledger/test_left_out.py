"""Of a scene that an area leaves out a run tells once, until it is another version of it."""

from __future__ import annotations

import pytest

from sgddiff_batch.io.ledger.left_out import LEFT_OUT, RefusedScene, note_told, untold
from sgddiff_batch.io.storage.store import open_store
from tests.io.mosaic_examples import counting_store

A = RefusedScene("a.tif", "it has no time", "v1")
B = RefusedScene("b.tif", "it has no CRS", "v1")
A_AGAIN = RefusedScene("a.tif", "it has no time", "v2")


@pytest.fixture
def area(tmp_path):
    return open_store(str(tmp_path / "area"))


def test_at_first_all_are_untold(area):
    assert untold(area, [A, B]) == (A, B)
    assert area.keys() == []


def test_what_was_told_is_not_told_again_and_what_is_new_is(area):
    note_told(area, [A])
    assert untold(area, [A, B]) == (B,)
    note_told(area, [A, B])
    assert untold(area, [A, B]) == ()


def test_another_version_is_told_and_another_reason_is_not(area):
    note_told(area, [A])
    assert untold(area, [A_AGAIN]) == (A_AGAIN,)
    assert untold(area, [RefusedScene("a.tif", "another reason", "v1")]) == ()


def test_a_scene_that_was_taken_in_between_is_told_again(area):
    note_told(area, [A])
    note_told(area, [])
    assert untold(area, [A]) == (A,)


def test_what_did_not_change_is_not_written_again(tmp_path):
    area = counting_store(tmp_path)
    note_told(area, [])
    assert area.keys_of("write") == []
    note_told(area, [A, B])
    note_told(area, [B, A])
    assert area.keys_of("write") == [LEFT_OUT]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_a_damaged_object_is_told_and_scenes_are_told_again(area, caplog, data):
    area.write(LEFT_OUT, data)
    assert untold(area, [A]) == (A,)
    assert "is damaged" in caplog.text
    assert "are told again" in caplog.text
    note_told(area, [A])
    assert untold(area, [A]) == ()
