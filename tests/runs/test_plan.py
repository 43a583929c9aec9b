"""Planning a run: what is listed and opened, and what a plan leaves behind, which is nothing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.supervisor import Journal
from sgddiff_batch.config import load_config
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.ledger import mark_redo
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs import Scope, leased_bench, open_bench, plan_run
from tests.kit import jobs
from tests.kit.deaths import die
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
    for scene in plan.todo:
        path = plan.path_of(scene)
        record = SceneRecord(scene.scene_id, scene.version, bench.run_key, path, finished_at="now")
        bench.ledger.finish(replace(record, **changes))


def ids(scenes):
    return sorted(scene.scene_id for scene in scenes)


def test_a_plan_has_all_that_is_new_and_its_numbers(config):
    run = plan_run(bench_of(config))
    assert ids(run.plan.todo) == ["a.tif", "b.tif"]
    assert (run.forecast.scenes, run.forecast.mosaic_px) == (2, 40 * 50 + 30 * 40)
    assert (run.records, run.marks, run.withdrawals.withdrawn) == ({}, {}, ())


def test_without_a_lease_nothing_is_written(config, tmp_path):
    plan_run(bench_of(config))
    assert not (tmp_path / "out").exists()


def test_what_a_process_was_reading_when_it_died_is_read_with_care_by_the_next_run(config, tmp_path):
    died = f"""
import os, signal
from sgddiff_batch.io.ledger.activity import FileActivity
with FileActivity({str(tmp_path / "out")!r}, "worker").reading("a.tif"):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", died], check=False)
    assert plan_run(bench_of(config)).plan.suspects == {"a.tif"}
    with leased_bench(load_config(str(config)), BrightNetwork()) as bench:
        run = plan_run(bench)
        assert run.plan.suspects == {"a.tif"}
        assert (run.forecast.scenes, run.forecast.opened) == (2, 1)


def test_marks_that_a_former_version_left_of_reading_make_suspects_too(config, tmp_path):
    mark = tmp_path / "out" / "_ledger" / "reading" / "b.tif" / "profile~.json"
    mark.parent.mkdir(parents=True)
    mark.write_text('{"host": "elsewhere", "pid": 1, "started": 1}')
    with leased_bench(load_config(str(config)), BrightNetwork()) as bench:
        assert plan_run(bench).plan.suspects == {"b.tif"}


def test_of_many_scenes_a_few_of_all_sizes_are_opened_for_the_numbers(config, tmp_path):
    for number in range(30):
        jobs.write_scene(tmp_path / "scenes" / f"s{number}.tif", 30 + number, 40, number)
    run = plan_run(bench_of(config))
    exact = sum(40 * (30 + number) for number in range(30)) + 40 * 50 + 30 * 40
    assert run.forecast.opened <= 16 < run.forecast.scenes == 32
    assert not run.forecast.is_exact
    assert abs(run.forecast.mosaic_px / exact - 1) < 0.2


def test_what_is_finished_is_not_planned_again_until_its_settings_change(config):
    bench = bench_of(config)
    finished(bench, plan_run(bench).plan)
    again = plan_run(bench_of(config))
    assert (ids(again.plan.todo), len(again.plan.unchanged)) == ([], 2)
    other = bench_of(config, "input.stretch=none")
    assert ids(plan_run(other).plan.todo) == ["a.tif", "b.tif"]
    assert other.run_key != bench.run_key


def test_what_the_run_finished_in_a_process_that_died_since_is_its_own_and_not_unchanged(config, tmp_path):
    journal, network = Journal(), BrightNetwork()
    with leased_bench(load_config(str(config)), network, journal) as bench:
        first = plan_run(bench).plan
        finished(bench, replace(first, todo=first.todo.take(np.arange(1))))
    die(journal, str(tmp_path / "out"), "reading b.tif")
    with leased_bench(load_config(str(config)), network, journal) as bench:
        plan = plan_run(bench, Scope(limit=1)).plan
        assert bench.run_id == bench.lease.run_id == bench.attempt.run_id
    assert [scene.scene_id for scene, _ in plan.finished] == ids(first.todo.take(np.arange(1)))
    assert (len(plan.unchanged), ids(plan.todo), len(plan.postponed)) == (0, [], 1)


def test_a_scene_that_is_marked_is_planned_again_in_another_store_if_its_own_is_damaged(config):
    bench = bench_of(config)
    first = plan_run(bench).plan
    finished(bench, first)
    record = bench.ledger.record("a.tif")
    mark_redo(bench.output, record, "damaged", "now")
    again = plan_run(bench_of(config)).plan
    (scene,) = again.todo
    assert scene.scene_id == "a.tif"
    assert again.path_of(scene) == record.store.replace(".zarr", ".r1.zarr")


def test_what_a_list_names_and_is_not_there_is_for_quarantine(config, tmp_path):
    (tmp_path / "list.txt").write_text("scenes/a.tif\nscenes/gone.tif\n")
    run = plan_run(bench_of(config, f"archive.uri={tmp_path / 'list.txt'}"))
    ((scene, reason),) = run.plan.missing
    assert (scene.uri, scene.version) == ("scenes/gone.tif", "missing")
    assert reason
    assert [scene.uri for scene in run.plan.todo] == [str(tmp_path / "scenes" / "a.tif")]


def test_a_scene_that_cannot_be_opened_takes_nothing_and_is_told(config, tmp_path):
    (tmp_path / "scenes" / "torn.tif").write_bytes(b"II*\0" + bytes(60))
    run = plan_run(bench_of(config))
    assert ids(run.plan.todo) == ["a.tif", "b.tif", "torn.tif"]
    assert (run.forecast.opened, run.forecast.refused, run.forecast.is_exact) == (2, 1, True)
    assert [(row.scene_id, row.state) for row in run.refused] == [("torn.tif", "quarantined")]


def test_scenes_that_are_left_for_another_run_are_told(config, caplog):
    caplog.set_level("INFO")
    run = plan_run(bench_of(config), Scope(only=frozenset({"b.tif"})))
    assert (ids(run.plan.todo), run.plan.postponed) == (["b.tif"], {"a.tif": "not asked for"})
    assert "1 scene is new or changed, and left for another run: not asked for" in caplog.text


def test_an_archive_without_a_scene_is_warned_of(config, tmp_path, caplog):
    (tmp_path / "empty").mkdir()
    run = plan_run(bench_of(config, f"archive.uri={tmp_path / 'empty'}"))
    assert list(run.plan.todo) == []
    assert f"archive.uri: there are no .tif or .tiff files in {tmp_path / 'empty'}" in caplog.text
    caplog.clear()
    plan_run(bench_of(config))
    assert "there are no" not in caplog.text


def test_a_plan_that_does_not_fit_its_memory_is_refused(config):
    with pytest.raises(ConfigError, match=r"tiling\.task_memory_gib: one tile of"):
        plan_run(bench_of(config, "tiling.task_memory_gib=0.00001"))


def test_an_archive_that_is_not_there_is_refused(config, tmp_path):
    with pytest.raises(ConfigError, match="archive"):
        plan_run(bench_of(config, f"archive.uri={tmp_path / 'typo'}"))
