"""Objects of area mosaics: drawn as cells are composed, with ids that last over periods."""

from __future__ import annotations

from collections import Counter

import geopandas
import numpy as np
import pytest

from jobs import cli
from sgddiff_batch.io.objects.parts import PartDrawing
from sgddiff_batch.io.storage.store import open_store
from tests.io.area_examples import publish_scenes, put_scene
from tests.runs.areas.test_compose import World

TIMES = {"jan.tif": "2026-01-05T10:00:00Z", "feb.tif": "2026-02-05T10:00:00Z"}
ON = ("--set", "objects.threshold=0.7")


def picture(*places):
    codes = np.zeros((80, 80), np.uint8)
    for rows, cols in places:
        codes[rows, cols] = 230
    return codes


PIER, SHIP = (slice(5, 60), slice(5, 12)), (slice(30, 40), slice(40, 70))


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    put_scene(world.output, "jan.tif", picture(PIER, SHIP))
    put_scene(world.output, "feb.tif", picture(PIER))
    publish_scenes(world.output, TIMES)
    return world


def rows(world):
    frame = geopandas.read_parquet(f"{world.area.uri}/objects.parquet")
    return {(row.scene[:7], row.pixels): (row.id, row.state) for row in frame.itertuples()}


def test_ids_last_over_periods_and_a_further_period_draws_its_own_alone(world):
    assert world.night(*ON) == 0
    found = rows(world)
    assert len(found) == 3
    ((pier, count),) = Counter(own for own, _ in found.values()).most_common(1)
    assert count == 2
    assert [key for key, (own, _) in found.items() if own == pier and key[0] == "2026-02"]
    assert {state for own, state in found.values() if own != pier} == {"vanished"}
    parts = {
        key: open_store(world.area.uri).stat(key).modified_s for key in world.area.keys("_objects/parts")
    }
    assert len(parts) == 2
    put_scene(world.output, "mar.tif", picture(PIER, SHIP))
    publish_scenes(world.output, TIMES | {"mar.tif": "2026-03-05T10:00:00Z"})
    assert world.night(*ON) == 0
    assert {own for own, _ in rows(world).values()} == {own for own, _ in found.values()}
    assert {state for _, state in rows(world).values()} == {"seen"}
    now = {key: world.area.stat(key).modified_s for key in world.area.keys("_objects/parts")}
    assert {key: at for key, at in now.items() if key in parts} == parts


def test_the_command_draws_them_where_the_config_does_not_and_asks_by_period(world, capsys):
    assert world.night() == 0
    assert not world.area.keys("_objects")
    assert cli.main(["objects", world.area.uri, "--threshold", "0.7"]) == 0
    assert len(rows(world)) == 3
    assert cli.main(["objects", world.area.uri, "--vanished-since", "2026-02-01"]) == 0
    assert "1 object" in capsys.readouterr().out
    assert world.night(*ON) == 0
    assert len(rows(world)) == 3


def test_a_mistake_in_drawing_leaves_area_mosaics_and_exit_code_as_they_are_and_is_told(world, monkeypatch):
    def failing(self, window, codes):
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(PartDrawing, "add", failing)
        assert world.night(*ON) == 0
    report = world.report()
    assert report["totals"]["states"] == {"done": 2}
    assert report["run"]["objects_undrawn"]["mosaics"] == 2
    assert report["run"]["objects_undrawn"]["first"][0]["reason"] == "RuntimeError: a bug"
    assert world.night(*ON) == 0
    assert len(rows(world)) == 3
