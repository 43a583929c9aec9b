"""What is printed of the quarantine: a row a scene, why it is there, and what the next run does."""

from __future__ import annotations

from jobs.printing import print_quarantine
from sgddiff_batch.io.ledger import ObjectLedger, RedoMark
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs import Quarantine

AT = "2026-01-01T00:00:00+00:00"
RECORDS = (
    SceneRecord("b.tif", "v2", "k", "b.tif/x.zarr", "torn", finished_at=AT),
    SceneRecord("a.tif", "v1", "k", None, "\x1b[2J[red] https://me:secret@h/a?key=secret", finished_at=AT),
    SceneRecord("c.tif", "v3", "k", "c.tif/x.zarr", finished_at=AT),
)


def said_of(tmp_path, capsys):
    marks = {"a.tif": RedoMark("a.tif", "replay", None, AT, AT)}
    records = {record.scene_id: record for record in RECORDS}
    print_quarantine(Quarantine(ObjectLedger(open_store(str(tmp_path))), records, marks))
    return capsys.readouterr().out


def test_scenes_in_quarantine_are_rows_by_id_and_the_others_are_not(tmp_path, capsys):
    said = said_of(tmp_path, capsys)
    rows = [[c.strip() for c in line.split("│")[1:-1]] for line in said.splitlines() if "│" in line]
    assert "2 scenes in quarantine" in said
    assert [row[0] for row in rows] == ["a.tif", "b.tif"]
    assert rows[0][2:] == ["v1", AT, "none", "tries it again"]
    assert rows[1][1:] == ["torn", "v2", AT, "is current", "leaves it"]


def test_a_reason_shows_no_secret_and_moves_no_cursor(tmp_path, capsys):
    said = said_of(tmp_path, capsys)
    assert "secret" not in said
    assert "\x1b" not in said
    assert r"\x1b[2J[red] https://h/a" in said
