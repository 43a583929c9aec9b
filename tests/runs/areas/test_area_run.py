"""A run over an area as a value: what it takes, how it ends, what it publishes and reports."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from sgddiff_batch.config import ArchiveJobConfig
from sgddiff_batch.core.cells import Cell
from sgddiff_batch.core.composite_planning import AreaScene, Changes, plan_areas
from sgddiff_batch.core.times import parse_span
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.io.areas import Membership, cell_bytes
from sgddiff_batch.io.catalogue import read_catalogue
from sgddiff_batch.io.catalogue.generations import POINTER
from sgddiff_batch.io.ledger import RefusedScene, untold
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs import Attempt, Ending
from sgddiff_batch.runs.areas.area_run import (
    AreaResult,
    AreaRun,
    area_ending,
    log_result,
    publish_area,
    write_area_report,
)
from sgddiff_batch.runs.areas.cells import CellRecipe
from tests.io.area_examples import area_settings
from tests.io.catalogue_examples import finish

JANUARY, MARCH = "2026-01/x625y6624", "2026-03/x625y6624"
REFUSED = (RefusedScene("pixel.tif", "it has no CRS", "v1"), RefusedScene("late.tif", "its time", "v1"))
MONTHLY = {"name": "monthly", "crs": "EPSG:32633", "resolution": 10, "cell_px": 80, "block_px": 512}


def area_run(folder, **changes):
    """A run over two area mosaics of one scene each, of which nothing is touched."""
    config = ArchiveJobConfig(
        archive={"uri": str(folder / "scenes")}, output={"uri": str(folder / "out")}, areas=[MONTHLY]
    )
    scenes = [
        (AreaScene(name, f"{name}/v1-key.zarr", "2026", parse_span(time)), [Cell(625, 6624)])
        for name, time in (("a.tif", "2026-01-05"), ("b.tif", "2026-03-05"))
    ]
    settings, area = area_settings(), open_store(str(folder / "out" / "_areas" / "monthly"))
    run = AreaRun(
        "run-1", config, config.areas[0], settings, 2, open_store(config.output.uri), area,
        Membership(tuple(scenes), ()), (), plan_areas(settings, scenes), {}, Changes(), {},
        CellRecipe(config.output.uri, area.uri, "monthly", settings, 512, "run-1"),
    )  # fmt: skip
    return replace(run, **changes)


def with_refused(run):
    return replace(run, members=replace(run.members, refused=REFUSED), left_out=REFUSED)


def test_a_result_has_the_names_that_reports_have_for_scenes():
    names = [field.name for field in fields(AreaResult)]
    ours = {"scenes"}
    assert set(names) - ours <= {field.name for field in fields(SceneResult)}
    assert names[:4] == ["scene_id", "state", "reason", "store"]


@pytest.mark.parametrize(("touched", "workers", "at_once"), [(0, 2, 1), (1, 2, 1), (2, 2, 2), (2, 1, 1)])
def test_it_takes_the_memory_of_the_cells_that_are_composed_at_once(tmp_path, touched, workers, at_once):
    run = area_run(tmp_path, workers=workers)
    run = replace(run, changes=Changes(tuple(run.plans.values())[:touched]))
    assert run.peak_memory_bytes == 600 * 2**20 + at_once * cell_bytes(512)
    assert (run.engine.kind, run.engine.threads) == ("local", workers)
    engine = run.config.engine.model_copy(update={"kind": "ray"})
    run = replace(run, config=run.config.model_copy(update={"engine": engine}))
    assert run.peak_memory_bytes == at_once * (600 * 2**20 + cell_bytes(512))
    assert (run.engine.threads, run.engine.workers) == (1, workers)
    assert run.engine.worker_bytes == 600 * 2**20 + cell_bytes(512)


class TestEnding:
    def test_a_run_after_which_nothing_is_wrong_is_done(self, tmp_path):
        run = area_run(tmp_path)
        assert area_ending(run, [AreaResult(JANUARY, "done")], published=True) is Ending.DONE

    @pytest.mark.parametrize("what", ["unpublished", "failed", "pending", "refusal"])
    def test_a_run_that_did_not_end_well_has_failed_and_tells_of_nobody(self, tmp_path, what):
        run = with_refused(area_run(tmp_path))
        if what == "refusal":
            run = replace(run, changes=Changes(refusal="more than half"))
        results = [AreaResult(JANUARY, what)] if what in ("failed", "pending") else []
        ending = area_ending(run, results, published=what != "unpublished")
        assert ending is Ending.FAILED
        assert untold(run.area_store, REFUSED) == REFUSED, "the next run is the one to tell"

    def test_scenes_that_are_left_out_are_told_of_once(self, tmp_path, caplog):
        run = with_refused(area_run(tmp_path))
        assert area_ending(run, [], published=True) is Ending.QUARANTINED
        assert "monthly: 2 scenes are in no area mosaic" in caplog.text
        assert "late.tif, pixel.tif" in caplog.text
        again = replace(run, left_out=untold(run.area_store, REFUSED))
        assert again.left_out == ()
        assert area_ending(again, [], published=True) is Ending.DONE

    def test_what_is_newly_in_quarantine_is_told_of_by_the_exit_code(self, tmp_path):
        run = area_run(tmp_path)
        run.ledger.finish(SceneRecord(JANUARY, "v1", "key", None, "torn"))
        results = [AreaResult(JANUARY, "quarantined", "torn")]
        assert area_ending(run, results, published=True) is Ending.QUARANTINED
        still = [AreaResult(JANUARY, "still quarantined", "torn")]
        assert area_ending(run, still, published=True) is Ending.DONE


class TestPublishing:
    def test_all_that_is_recorded_and_not_withdrawn_is_shown_with_its_period(self, tmp_path):
        run = area_run(tmp_path)
        for area_id in (JANUARY, MARCH, "2025-12/x625y6624"):
            finish(run.area_store, area_id)
        run.ledger.withdraw("2025-12/x625y6624", "2026-04-01T00:00:00+00:00")
        assert publish_area(run)
        rows = {row["id"]: row for row in read_catalogue(run.area_store).to_pylist()}
        assert rows.keys() == {JANUARY, MARCH}
        assert rows[MARCH]["start_datetime"].isoformat() == "2026-03-01T00:00:00+00:00"

    def test_what_hinders_it_is_logged_on_one_line_and_breaks_nothing_off(self, tmp_path, caplog):
        run = area_run(tmp_path)
        finish(run.area_store, JANUARY)
        run.area_store.write(POINTER, b"{")
        assert not publish_area(run)
        (line,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
        assert line.startswith("the catalogue of monthly is still that of before, the next run publishes: ")


class TestReport:
    def test_it_says_what_became_of_each_and_what_was_left_out(self, tmp_path):
        run = with_refused(area_run(tmp_path))
        done = AreaResult(JANUARY, "done", None, "store", 1, 100, 7, seconds={"compose": 1.5})
        failed = AreaResult(MARCH, "failed", "no room")
        write_area_report(run, [done, failed], Attempt(), Ending.FAILED)
        report = json.loads(run.area_store.read("report-run-1.json"))
        assert report["totals"]["states"] == {"done": 1, "failed": 1}
        assert (report["totals"]["valid_px"], report["totals"]["salient_px"]) == (100, 7)
        assert [row["scene_id"] for row in report["scenes"]] == [JANUARY, MARCH]
        assert report["run"]["area"] == "monthly"
        assert (report["run"]["mosaics"], report["run"]["scenes_left_out"]) == (2, 2)
        assert report["ignored"] == [
            {"path": "pixel.tif", "reason": "it has no CRS"},
            {"path": "late.tif", "reason": "its time"},
        ]

    def test_that_it_cannot_be_written_is_logged(self, tmp_path, caplog):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "_areas").write_text("in the way")
        write_area_report(area_run(tmp_path), [], Attempt(), Ending.DONE)
        assert "the report could not be written: " in caplog.text


@pytest.mark.parametrize(
    ("result", "level", "words"),
    [
        (AreaResult(JANUARY, "done", scenes=3), "INFO", f"{JANUARY}: done, of 3 scenes"),
        (AreaResult(JANUARY, "empty", scenes=1), "INFO", f"{JANUARY}: empty, of 1 scene"),
        (AreaResult(JANUARY, "failed", "no room"), "WARNING", f"{JANUARY}: failed: no room"),
        (AreaResult(JANUARY, "quarantined", "torn"), "WARNING", f"{JANUARY}: quarantined: torn"),
    ],
)
def test_what_somebody_has_to_look_at_is_warned_of(result, level, words, caplog):
    caplog.set_level("INFO")
    log_result(result)
    assert [(record.levelname, record.message) for record in caplog.records] == [(level, words)]
