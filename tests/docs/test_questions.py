"""The answers of docs/questions.md that are code, run as they stand."""

from __future__ import annotations

import geopandas

from jobs import cli
from sgddiff_batch.io.storage import open_store
from tests.docs.blocks import DOCS, blocks_of
from tests.io.objects.examples import put_scene
from tests.io.objects.test_generation import PIER, SHIP, night, picture


def test_the_new_objects_alone_become_a_gpkg(tmp_path, monkeypatch):
    """Of two nights the second, of 2 January, shows the pier again and a ship that is new."""
    store = open_store(str(tmp_path / "out"))
    for number, (scene, places) in enumerate((("a.tif", [PIER]), ("b.tif", [PIER, SHIP])), 1):
        put_scene(store, scene, picture(*places))
        night(store, str(number))
    monkeypatch.chdir(tmp_path)
    [(language, code)] = [found for found in blocks_of("questions.md")["Results"] if found[0]]
    asked = "sgddiff objects OUTPUT --new-since 2026-11-01 --json=new.json"
    assert (language, asked in (DOCS / "questions.md").read_text(encoding="utf-8")) == ("python", True)
    words = asked.replace("2026-11-01", "2026-01-02").replace("OUTPUT", store.uri).split()
    assert cli.main(words[1:]) == 0
    exec(compile(code.replace("OUTPUT", store.uri), "docs/questions.md", "exec"), {})
    found = geopandas.read_file("new.gpkg")
    assert [*found["scene"]] == ["b.tif"]
    assert found["area_m2"].tolist() == [picture(SHIP).astype(bool).sum() * 100]


def test_no_other_answer_is_code_that_is_not_run():
    blocks = [found for blocks in blocks_of("questions.md").values() for found in blocks]
    assert [language for language, _ in blocks] == ["", "python"]
