"""A catalogue is brought up to date by the rows that changed alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.catalogue.rows import table_of
from sgddiff_batch.io.catalogue.schema import LEAN
from sgddiff_batch.io.catalogue.update import COMPARED, PublishContext, is_current, updated
from sgddiff_batch.io.ledger import ObjectLedger
from tests.io.catalogue_examples import NIGHT, dying_store, finish, put_mosaic, record_of, store_of

EMPTY = table_of([])


@pytest.fixture
def store(tmp_path):
    return dying_store(tmp_path / "out")


def bring(store, before=EMPTY, withdrawn=frozenset(), context=NIGHT):
    """Bring a catalogue up to date; return it, its stores by scene id, and the roots that were opened."""
    records = ObjectLedger(store).records()
    store.reads.clear()
    table = updated(store, before, records, withdrawn, context)
    opened = [key for key in store.reads if key.endswith("zarr.json")]
    # Some columns tell whether anything has to be done.
    is_same = table.equals(before) and not opened
    rows = before.select(COMPARED)
    for parts in ([rows], [rows[:1], rows[1:]]):
        assert is_current(parts, records, withdrawn, context) is is_same
    return table, dict(zip(table["id"].to_pylist(), table["store"].to_pylist(), strict=True)), opened


def test_without_records_there_are_no_rows_and_all_columns(store):
    table, rows, _ = bring(store)
    assert rows == {}
    assert table.schema == LEAN


def test_every_mosaic_has_a_row_sorted_by_scene(store):
    for name in ("c.tif", "a.tif", "b.tif"):
        finish(store, name)
    _, rows, _ = bring(store)
    assert list(rows.items()) == [(name, store_of(name)) for name in ("a.tif", "b.tif", "c.tif")]


def test_rows_that_hold_are_taken_over_and_nothing_is_opened(store):
    finish(store, "a.tif")
    finish(store, "b.tif")
    before, _, opened = bring(store)
    assert len(opened) == 2
    after, _, opened = bring(store, before)
    assert opened == []
    assert after.equals(before)


def test_of_a_scene_with_a_new_mosaic_that_alone_is_opened(store):
    finish(store, "a.tif")
    finish(store, "b.tif")
    before, _, _ = bring(store)
    finish(store, "b.tif", 2)
    _, rows, opened = bring(store, before)
    assert opened == [f"{store_of('b.tif', 2)}/zarr.json"]
    assert rows == {"a.tif": store_of("a.tif"), "b.tif": store_of("b.tif", 2)}


def test_what_is_withdrawn_or_has_no_record_leaves(store):
    for name in ("a.tif", "b.tif", "c.tif"):
        finish(store, name)
    before, _, _ = bring(store)
    ObjectLedger(store).forget_scene("c.tif")
    _, rows, opened = bring(store, before, {"a.tif"})
    assert (list(rows), opened) == (["b.tif"], [])


def test_a_time_that_became_known_is_laid_on_the_row_and_one_that_is_not_given_keeps_it(store):
    finish(store, "a.tif")
    before, _, _ = bring(store)
    context = PublishContext("run", times={"a.tif": TimeSpan(0.0, 0.0)})
    after, _, opened = bring(store, before, context=context)
    assert opened == []
    assert after["datetime"].to_pylist()[0].isoformat() == "1970-01-01T00:00:00+00:00"
    again, _, opened = bring(store, after)
    assert opened == []
    assert again["datetime"].to_pylist() == after["datetime"].to_pylist()


def test_a_scene_in_quarantine_keeps_its_row_s_mosaic_and_says_why(store):
    done = finish(store, "a.tif")
    before, _, _ = bring(store)
    torn = replace(record_of("a.tif", 2), store=store_of("a.tif"), reason="it is torn")
    ObjectLedger(store).finish(torn)
    table, rows, _ = bring(store, before)
    assert rows == {"a.tif": store_of("a.tif")}
    (found,) = table.select(["state", "reason", "created", "scene_version"]).to_pylist()
    assert (found["state"], found["reason"]) == ("quarantined", "it is torn")
    assert found["created"].isoformat() == done.finished_at
    assert found["scene_version"] == done.version
    assert bring(store, table)[2] == []


def test_a_scene_that_never_had_a_mosaic_has_no_row(store):
    ObjectLedger(store).finish(replace(record_of("a.tif"), store=None, reason="it is torn"))
    assert bring(store)[1] == {}


ROOT = f"{store_of('bad.tif')}/zarr.json"


@pytest.mark.parametrize(
    "root",
    [
        None,
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"attributes": {"complete": true}}',
        b'{"attributes": {"complete": true, "multiscales": {"layout": [{"spatial:shape": [Infinity, 1], '
        b'"spatial:transform": [1, 0, 0, 0, 1, 0]}]}}}',
    ],
)
def test_a_mosaic_that_is_no_good_is_left_out_by_name_and_others_are_shown(store, caplog, root):
    finish(store, "a.tif")
    finish(store, "bad.tif")
    if root is None:
        store.delete(ROOT)
    else:
        store.write(ROOT, root)
    assert list(bring(store)[1]) == ["a.tif"]
    assert f"bad.tif is left out of the catalogue: {store_of('bad.tif')}" in caplog.text


def test_a_mosaic_that_is_not_complete_is_left_out(store, caplog):
    finish(store, "a.tif")
    put_mosaic(store, store_of("a.tif"), complete=False)
    assert bring(store)[1] == {}
    assert "it is not complete" in caplog.text


def test_who_listed_a_scene_last_is_kept_with_it(store):
    finish(store, "a.tif")
    finish(store, "b.tif")
    first = PublishContext("run", "/north", frozenset({"a.tif", "b.tif"}))
    table, _, _ = bring(store, context=first)
    assert table["archive"].to_pylist() == ["/north", "/north"]
    table, _, _ = bring(store, table, context=PublishContext("run", "/south", frozenset({"b.tif"})))
    assert table["archive"].to_pylist() == ["/north", "/south"]
    assert bring(store, table)[0]["archive"].to_pylist() == ["/north", "/south"]


def test_secrets_in_a_reason_are_not_published(store):
    finish(store, "a.tif")
    reason = "cannot read https://user:secret@host/a.tif?sig=secret"
    ObjectLedger(store).finish(replace(record_of("a.tif", 2), store=store_of("a.tif"), reason=reason))
    table, _, _ = bring(store)
    assert "secret" not in str(table["reason"].to_pylist())
    assert bring(store, table)[2] == []
