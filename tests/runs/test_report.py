"""The page of a run is there when the run has ended, can be made again, and is never a reason to fail."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sgddiff_batch.core.leasing import LeaseState
from sgddiff_batch.core.query import OWN
from sgddiff_batch.io import pages
from sgddiff_batch.io.ledger.fence import LEASE
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.runs import report_page
from sgddiff_batch.runs.report import write_page_at_end
from tests.io.pages.page_examples import made_output, run_once
from tests.kit import jobs
from tests.kit.faulty import StoreFault
from tests.kit.outputs import output_on
from tests.kit.pages import seen
from tests.kit.scripted import scripted, scripted_uri


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_output(tmp_path_factory.mktemp("report"))


def test_a_page_is_named_by_its_run_and_has_its_pictures(made):
    (report,) = jobs.reports(made)
    page = report_page(str(made), report["run_id"])
    assert page.name == f"report-{report['run_id']}.html"
    assert len(seen(page.html).all("img")) == 9
    assert page.write(str(made)) == f"{made}/{page.name}"
    assert (made / page.name).read_bytes() == page.html


def test_a_run_that_was_killed_left_no_report_and_the_page_of_the_last_one_says_so(tmp_path):
    output = made_output(tmp_path)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    owner = {"machine": "another", "host": "far", "pid": 4, "user": "ann"}
    state = LeaseState("run-7", "token", owner, now, 120.0, beat_at=now)
    (output / LEASE).write_bytes(state.encode())
    page = seen(report_page(str(output)).html)
    assert f"Run run-7, begun {now} on far, is at work now" in page.text
    (output / LEASE).write_text("{")
    assert "Whether a run is at work cannot be told" in seen(report_page(str(output)).html).text


def test_a_run_leaves_its_page_beside_the_json_which_tells_why_and_with_what(made):
    (report,) = jobs.reports(made)
    page = seen((made / f"report-{report['run_id']}.html").read_bytes())
    assert len(page.all("img")) == 9
    assert page.reaching_out() == []
    assert report["run"]["why"] == {"new": 4, "changed": 0}
    assert report["run"]["model"]["digest"] == "b" * 64
    assert 2**20 < report["run"]["measured_memory_bytes"] < 2**36
    assert report["totals"]["made"]["scenes"] == 3
    seams = {row["scene_id"]: row["seam"] for row in report["scenes"]}
    assert seams["bad.tif"] is None
    assert seams["a.tif"]["across_px"] > 1000, "of all its tasks"
    assert report["totals"]["made"]["seam"]["across"] == sum(one["across"] for one in seams.values() if one)
    assert "peak memory, measured in the process of the run" in page.text


def test_a_page_that_nobody_wants_is_not_written(tmp_path):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 40, 40, 1)
    run_once(tmp_path, "report.html=false")
    assert [*(tmp_path / "out").glob("report-*.html")] == []
    assert len(jobs.reports(tmp_path / "out")) == 1


def test_a_page_that_cannot_be_written_is_a_line_of_the_log_and_no_fault_of_the_run(tmp_path, caplog):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 40, 40, 1)
    with scripted(StoreFault("write", "*.html", None)) as script:
        run_once(tmp_path, f"output.uri={scripted_uri(tmp_path / 'out')}")
    assert script.failed.total() == 1
    assert "the report's page could not be written" in caplog.text
    (report,) = jobs.reports(tmp_path / "out")
    assert report["ending"] == "done"


@pytest.fixture
def again(made, tmp_path):
    """An output whose page is not there yet, and its report."""
    shutil.copytree(made, tmp_path / "out")
    (report,) = jobs.reports(made)
    (tmp_path / "out" / f"report-{report['run_id']}.html").unlink()
    return tmp_path / "out", report


@pytest.mark.parametrize(("ending", "count"), [("interrupted", 0), ("wrong", 0), ("failed", 1)])
def test_a_run_that_is_broken_off_makes_no_page_which_is_made_later(again, ending, count):
    output, report = again
    write_page_at_end(open_store(str(output)), "uri", report | {"ending": ending}, OWN)
    assert len([*output.glob("report-*.html")]) == count
    assert len(seen(report_page(str(output)).html).all("img")) == 9


def test_a_run_that_is_asked_to_end_while_it_makes_its_page_ends_as_it_has(again, monkeypatch, caplog):
    def interrupted(*_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    output, report = again
    monkeypatch.setattr(pages, "page_of", interrupted)
    write_page_at_end(open_store(str(output)), "uri", report, OWN)
    assert "`sgddiff report` makes it" in caplog.text
    assert [*output.glob("report-*.html")] == []


@pytest.mark.parametrize("said", [{"run_id": "x/../../evil"}, {}])
def test_a_page_is_named_as_its_report_whatever_that_says(tmp_path, said):
    output = tmp_path / "out"
    output.mkdir()
    (output / "report-7.json").write_text(json.dumps({"ending": "done", **said}))
    page = report_page(str(output))
    assert page.write(str(output)) == f"{output}/report-7.html"
    assert [path.name for path in tmp_path.rglob("*.html")] == ["report-7.html"]


def test_whatever_goes_wrong_with_a_page_passes_nobody(tmp_path, caplog):
    report = {
        "config": {},
        "ending": "done",
        "scenes": [{"state": "done", "store": "x", "salient_px": "many"}],
    }
    write_page_at_end(open_store(str(tmp_path)), "uri", report, OWN)
    assert "could not be written" in caplog.text


def test_an_output_without_a_report_has_no_page(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no report"):
        report_page(str(tmp_path))


def test_a_page_of_a_bucket_is_that_of_a_folder(tmp_path, made, request):
    (report,) = jobs.reports(made)
    with output_on("s3", "report-bucket", request) as uri:
        store = open_store(uri)
        for path in made.rglob("*"):
            if path.is_file():
                store.write(str(path.relative_to(made)), path.read_bytes())
        page = report_page(uri)
        there = page.write(uri)
        assert there == f"{uri}/report-{report['run_id']}.html"
        assert store.read(page.name) == page.html
    assert len(seen(page.html).all("img")) == 9


def test_a_night_without_anything_new_has_a_page_that_says_so(tmp_path):
    jobs.write_archive(tmp_path / "scenes")
    run_once(tmp_path)
    run_id = run_once(tmp_path)
    page = seen(report_page(str(tmp_path / "out"), run_id).html)
    assert "Everything is done. Exit code 0." in page.text
    assert "This run made no mosaic." in page.text
    assert "Nothing." in page.text


def test_an_archive_of_which_nothing_can_be_read_has_a_page_without_a_map(tmp_path):
    for number in range(3):
        jobs.write_broken(tmp_path / "scenes" / f"{number}.tif", number)
    run_id = run_once(tmp_path)
    page = seen(report_page(str(tmp_path / "out"), run_id).html)
    assert "Exit code 3." in page.text
    assert page.text.count("sgddiff quarantine replay") == 4
    assert page.all("img") == []


def test_a_run_reads_no_mosaic_and_no_scene_again_for_its_pictures(tmp_path):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 700, 650, 1)
    jobs.write_scene(tmp_path / "scenes" / "b.tif", 200, 320, 2)
    scenes, away = tmp_path / "scenes", tmp_path / "away"
    gone = StoreFault("write", "*/report-*.json", then=lambda: scenes.rename(away))
    with scripted(gone) as script:
        whole = ("tiling.block_px=1024", "tiling.task_memory_gib=1")
        run_id = run_once(tmp_path, f"output.uri={scripted_uri(tmp_path / 'out')}", *whole)
    asked = [*script.calls]
    written = next(n for n, (_, key) in enumerate(asked) if key.endswith(f"report-{run_id}.json"))
    assert [key for _, key in asked[written:] if ".zarr" in key] == []
    page = seen((tmp_path / "out" / f"report-{run_id}.html").read_bytes())
    assert len(page.all("img")) == 6
    away.rename(scenes)
    again = seen(report_page(str(tmp_path / "out")).html)
    assert {one["alt"] for one in again.all("img")} == {one["alt"] for one in page.all("img")}


def test_the_report_tells_what_the_run_asked_of_its_storage_and_its_page_shows_it(made):
    (report,) = jobs.reports(made)
    costs = report["run"]["costs"]
    assert costs["storage_calls"] > costs["storage_writes"] > 10
    assert (costs["retries"], costs["retry_wait_s"], costs["device_busy_s"]) == (0, 0.0, 0.0)
    assert 2**20 < costs["worker_memory_bytes"] < 2**36
    assert costs["worker_memory_predicted_bytes"] > 2**30
    page = seen((made / f"report-{report['run_id']}.html").read_bytes())
    assert f"{costs['storage_calls']:,}, {costs['storage_writes']:,} of them writes" in page.text


def test_borders_between_tasks_are_in_the_report(made):
    (report,) = jobs.reports(made)
    seams = {row["scene_id"]: row["seam"] for row in report["scenes"]}
    assert seams["a.tif"]["block_px"] > 1000, "it has several blocks, by several tasks"
    made_by_run = report["totals"]["made"]["seam"]
    assert made_by_run["block_px"] == sum(one["block_px"] for one in seams.values() if one)


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.io.pages.page_examples import run_once
from tests.kit.faulty import StoreFault
from tests.kit.scripted import scripted, scripted_uri

folder = Path(sys.argv[1])
with scripted(StoreFault("write", "*.html", then=lambda: os.kill(os.getpid(), signal.SIGKILL))):
    run_once(folder, f"output.uri={scripted_uri(folder / 'out')}")
"""


def test_a_run_that_is_killed_while_its_page_is_written_has_its_report_and_its_page_is_made_later(tmp_path):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 40, 40, 1)
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=root, check=False)
    assert ended.returncode == -signal.SIGKILL
    (report,) = jobs.reports(tmp_path / "out")
    assert (report["ending"], [*(tmp_path / "out").rglob("*.html")]) == ("done", [])
    page = report_page(str(tmp_path / "out"), report["run_id"])
    assert len(seen(page.html).all("img")) == 3
    run_once(tmp_path)
    assert {one["ending"] for one in jobs.reports(tmp_path / "out")} == {"done"}
