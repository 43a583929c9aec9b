"""Damaged records are told once each, and gone round by whoever can do without them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.ledger.damage import (
    DamageBook,
    DamagedRecord,
    DamagedRecordError,
    damaged,
    log_damage,
)

DAMAGE = DamagedRecord("_ledger/scenes/a.tif~.json", "a.tif", "it is torn", "its scene is new now")


def test_what_is_damaged_and_what_was_done_is_an_error_in_the_log(caplog):
    log_damage(DAMAGE)
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("ERROR", "it is torn; its scene is new now")
    ]


def test_a_record_is_noted_and_told_once_however_often_it_is_met(caplog):
    book = DamageBook()
    again = DamagedRecord(DAMAGE.key, "a.tif", "torn again", "nothing")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(book, [DAMAGE] * 50))
    book(again)
    assert book.records == {DAMAGE.key: DAMAGE}
    assert len(caplog.records) == 1


def test_records_of_other_keys_are_told_each(caplog):
    book = DamageBook()
    other = DamagedRecord("_ledger/scenes/b.tif~.json", "b.tif", "no JSON", "none")
    for one in (DAMAGE, other):
        book(one)
    assert list(book.records.values()) == [DAMAGE, other]
    assert "no JSON; none" in caplog.text


def test_two_books_share_nothing():
    DamageBook()(DAMAGE)
    assert DamageBook().records == {}


def test_the_error_names_the_object_what_is_wrong_and_what_to_do():
    error = damaged("_ledger/scenes/a.tif~.json", ValueError("no JSON"))
    assert isinstance(error, DamagedRecordError)
    assert isinstance(error, FatalError)
    assert str(error) == (
        "the ledger object _ledger/scenes/a.tif~.json is damaged (no JSON); restore it, "
        "or delete it to redo its work"
    )
