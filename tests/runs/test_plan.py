"""Planning a run: what is listed and opened, and what a plan leaves behind, which is nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sgddiff_batch.config import load_config
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.ledger import mark_redo
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs import Scope, leased_bench, open_bench, plan_run
from tests.kit import jobs
from tests.kit.networks import BrightNetwork


@pytest.fixture
def config(tmp_path):
    """Two small scenes of which nothing is done yet."""
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 40, 50, 1)
    jobs.write_scene(tmp_path / "scenes" / "b.tif", 30, 40, 2)
    return jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", Path("/nowhere"))


def bench_of(config, *assignments):
    return open_bench(load_config(str(config), assignments), BrightNetwork())


def finished(bench, plan, **changes):
    """Record the scenes of a plan as finished."""
    for mosaic in plan.mosaics:
        record = SceneRecord(mosaic.id, mosaic.version, bench.run_key, mosaic.path, finished_at="now")
        bench.ledger.finish(replace(record, **changes))


def ids(mosaics):
    return [mosaic.id for mosaic in mosaics]


def test_a_plan_has_all_that_is_new_and_its_numbers(config):
    run = plan_run(bench_of(config))
    assert ids(run.plan.mosaics) == ["a.tif", "b.tif"]
    assert (run.forecast.scenes, run.forecast.mosaic_px) == (2, 40 * 50 + 30 * 40)
    assert (run.records, run.marks, run.withdrawals.withdrawn) == ({}, {}, ())


def test_without_a_lease_nothing_is_written(config, tmp_path):
    plan_run(bench_of(config))
    assert not (tmp_path / "out").exists()


def test_with_a_lease_the_marks_of_what_was_opened_are_gone_when_it_is_planned(config):
    with leased_bench(load_config(str(config)), BrightNetwork()) as bench:
        assert len(plan_run(bench).plan.mosaics) == 2
        assert bench.ledger.deaths() == set()


def test_what_is_finished_is_not_planned_again_until_its_settings_change(config):
    bench = bench_of(config)
    finished(bench, plan_run(bench).plan)
    again = plan_run(bench_of(config))
    assert (ids(again.plan.mosaics), len(again.plan.unchanged)) == ([], 2)
    other = bench_of(config, "input.stretch=none")
    assert ids(plan_run(other).plan.mosaics) == ["a.tif", "b.tif"]
    assert other.run_key != bench.run_key


def test_a_scene_that_is_marked_is_planned_again_in_another_store_if_its_own_is_damaged(config):
    bench = bench_of(config)
    first = plan_run(bench).plan
    finished(bench, first)
    record = bench.ledger.record("a.tif")
    mark_redo(bench.output, record, "damaged", "now")
    (mosaic,) = plan_run(bench_of(config)).plan.mosaics
    assert mosaic.id == "a.tif"
    assert mosaic.path == record.store.replace(".zarr", ".r1.zarr")


def test_what_a_list_names_and_is_not_there_is_for_quarantine(config, tmp_path):
    (tmp_path / "list.txt").write_text("scenes/a.tif\nscenes/gone.tif\n")
    run = plan_run(bench_of(config, f"archive.uri={tmp_path / 'list.txt'}"))
    (refusal,) = run.plan.refused
    assert (refusal.scene.uri, refusal.scene.version, refusal.retry) == ("scenes/gone.tif", "missing", False)
    assert [mosaic.scene.uri for mosaic in run.plan.mosaics] == [str(tmp_path / "scenes" / "a.tif")]


def test_a_scene_that_cannot_be_opened_is_for_quarantine_and_stops_no_other(config, tmp_path):
    (tmp_path / "scenes" / "torn.tif").write_bytes(b"II*\0" + bytes(60))
    run = plan_run(bench_of(config))
    assert [(one.scene.scene_id, one.retry) for one in run.plan.refused] == [("torn.tif", False)]
    assert ids(run.plan.mosaics) == ["a.tif", "b.tif"]


def test_scenes_that_are_left_for_another_run_are_told(config, caplog):
    caplog.set_level("INFO")
    run = plan_run(bench_of(config), Scope(only=frozenset({"b.tif"})))
    assert (ids(run.plan.mosaics), run.plan.postponed) == (["b.tif"], {"a.tif": "not asked for"})
    assert "1 scene is new or changed, and left for another run: not asked for" in caplog.text


def test_an_archive_without_a_scene_is_warned_of(config, tmp_path, caplog):
    (tmp_path / "empty").mkdir()
    run = plan_run(bench_of(config, f"archive.uri={tmp_path / 'empty'}"))
    assert run.plan.mosaics == ()
    assert f"archive.uri: there are no .tif or .tiff files in {tmp_path / 'empty'}" in caplog.text
    caplog.clear()
    plan_run(bench_of(config))
    assert "there are no" not in caplog.text


def test_a_plan_that_does_not_fit_its_memory_is_refused(config):
    with pytest.raises(ConfigError, match=r"tiling\.task_memory_gib: a worker holds"):
        plan_run(bench_of(config, "tiling.task_memory_gib=0.00001"))


def test_an_archive_that_is_not_there_is_refused(config, tmp_path):
    with pytest.raises(ConfigError, match="archive"):
        plan_run(bench_of(config, f"archive.uri={tmp_path / 'typo'}"))
