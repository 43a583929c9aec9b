"""A run whose config asks for objects draws a part a scene as it commits it; one that does not draws none."""

from __future__ import annotations

import pickle
from pathlib import Path

import geopandas
import pytest

import sgddiff_batch
from sgddiff_batch.config import load_config
from sgddiff_batch.io.ledger import DamageBook
from sgddiff_batch.io.objects import find_objects
from sgddiff_batch.io.objects.parts import PartDrawing, part_key
from sgddiff_batch.runs import Ending, leased_bench, open_bench, run_all
from tests.kit import jobs
from tests.kit.networks import BrightNetwork, KeptView
from tests.kit.pages import seen

OBJECTS = ("objects.threshold=0.6", "objects.simplify_px=0")
SEVERAL_TASKS = ("tiling.task_memory_gib=0.003",)


@pytest.fixture
def scenes(tmp_path):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 150, 200, 1)
    jobs.write_scene(tmp_path / "scenes" / "b.tif", 100, 90, 2, collar_px=20)
    return tmp_path / "scenes"


def night(scenes, name, *assignments):
    """Run over the scenes into a folder of a name; return the config and the ids of stores by scene."""
    folder = scenes.parent
    path = jobs.write_config(folder / "run.yaml", scenes, folder / name, Path("/nowhere"))
    config = load_config(str(path), assignments)
    with leased_bench(config, BrightNetwork()) as bench:
        assert run_all(bench, KeptView()) is Ending.DONE
        stores = [record.store for record in bench.ledger.records().values()]
    return config, folder / name, stores


@pytest.mark.parametrize("more", [(), SEVERAL_TASKS])
def test_each_scene_has_its_part_and_none_is_made_again(scenes, more):
    config, out, stores = night(scenes, "out", *OBJECTS, *more)
    for store in stores:
        assert (out / part_key(store, config.objects.settings)).exists()
    found = find_objects(str(out), config.objects.settings)
    assert not any(one.is_new for one in found.mosaics)
    assert min(one.objects for one in found.mosaics) > 0


def test_parts_do_not_depend_on_the_tasks(scenes):
    def rows(name, *more):
        config, out, _ = night(scenes, name, *OBJECTS, *more)
        found = find_objects(str(out), config.objects.settings)
        return [(one.scene_id, one.objects, one.pixels, one.area_m2) for one in found.mosaics]

    assert rows("one") == rows("other", *SEVERAL_TASKS)


def test_what_makes_workers_in_other_processes_takes_the_settings_along(scenes):
    path = jobs.write_config(scenes.parent / "run.yaml", scenes, scenes.parent / "out", Path("/nowhere"))
    for assignments in (OBJECTS, ()):
        bench = open_bench(load_config(str(path), assignments), BrightNetwork())
        recipe = pickle.loads(pickle.dumps(bench.recipe()))
        parts = recipe.lifecycle(DamageBook()).parts
        assert (None if parts is None else parts.settings.threshold) == (0.6 if assignments else None)


def test_pixels_and_their_stores_are_the_same_with_objects_and_without(scenes):
    _, out, stores = night(scenes, "out")
    _, other, with_objects = night(scenes, "other", *OBJECTS)
    assert sorted(stores) == sorted(with_objects)
    jobs.assert_equal_mosaics(jobs.decoded(other), jobs.decoded(out))
    assert not (out / "_objects").exists()


def test_what_a_run_publishes_has_objects_and_the_next_night_reads_none_of_them(scenes):
    _, out, _ = night(scenes, "out", *OBJECTS)
    frame = geopandas.read_parquet(out / "objects.parquet")
    assert {"a.tif", "b.tif"} == set(frame["scene"])
    files = {path: path.stat().st_mtime_ns for path in (out / "_objects").rglob("*.parquet")}
    night(scenes, "out", *OBJECTS)
    assert {path: path.stat().st_mtime_ns for path in (out / "_objects").rglob("*.parquet")} == files


def test_damaged_ids_hinder_no_mosaic_and_the_run_says_so(scenes, caplog):
    _, out, _ = night(scenes, "out", *OBJECTS)
    (pointer,) = (out / "_objects" / "ids").rglob("current.json")
    pointer.write_bytes(b"torn")
    jobs.write_scene(scenes / "c.tif", 60, 50, 3)
    path = jobs.write_config(scenes.parent / "run.yaml", scenes, out, Path("/nowhere"))
    with leased_bench(load_config(str(path), OBJECTS), BrightNetwork()) as bench:
        assert run_all(bench, KeptView()) is Ending.FAILED
    assert "the objects are still those of before" in caplog.text
    assert len(sgddiff_batch.list_mosaics(str(out))) == 3


@pytest.mark.parametrize("more", [(), SEVERAL_TASKS])
def test_a_mistake_in_drawing_costs_objects_of_its_scene_alone_and_they_come_the_next_night(
    scenes, monkeypatch, caplog, more
):
    def failing(self, window, codes):
        if self._shows.scene_id == "a.tif":
            raise RuntimeError("a bug")
        return add(self, window, codes)

    add = PartDrawing.add
    with monkeypatch.context() as patch:
        patch.setattr(PartDrawing, "add", failing)
        _, out, _ = night(scenes, "out", *OBJECTS, *more)
    assert sorted(row.scene_id for row in sgddiff_batch.list_mosaics(str(out))) == ["a.tif", "b.tif"]
    assert set(geopandas.read_parquet(out / "objects.parquet")["scene"]) == {"b.tif"}
    (report,) = jobs.reports(out)
    told = report["run"]["objects_undrawn"]
    assert (told["mosaics"], [row["scene_id"] for row in told["first"]]) == (1, ["a.tif"])
    notes = {row["scene_id"]: row["notes"] for row in report["scenes"]}
    assert any("could not draw its objects: RuntimeError: a bug" in note for note in notes["a.tif"])
    assert not any("objects" in note for note in notes["b.tif"])
    (page,) = out.glob("report-*.html")
    text = seen(page.read_bytes()).text
    assert "1 mosaic has no objects: a.tif (RuntimeError: a bug)" in text
    assert f"sgddiff objects {out} --threshold 0.6 " in text
    assert caplog.text.count("a bug") == 1, "the log says it once"
    night(scenes, "out", *OBJECTS, *more)
    assert set(geopandas.read_parquet(out / "objects.parquet")["scene"]) == {"a.tif", "b.tif"}
    assert "objects_undrawn" not in jobs.reports(out)[-1]["run"]
