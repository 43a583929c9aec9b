"""`sgddiff run` on this machine, whose process dies: of a scene, of something else, or with its parent."""

import json
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.kit import jobs
from tests.kit.processes import ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
HOOK = Path(jobs.__file__).parent / "deadly"


@pytest.fixture
def deadly(tmp_path, monkeypatch):
    """A folder of scenes that end who opens them, see its hook; and temporary files of this test apart."""
    folder = tmp_path / "deadly"
    folder.mkdir()
    monkeypatch.setenv("TEST_DEADLY", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return folder


@pytest.fixture
def config(tmp_path, archive, checkpoint):
    return jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint)


def run(config, *flags):
    """Run the job to its end; return its exit code and the one report that it left."""
    with ended(started(config, *flags)) as process:
        code = process.wait()
    (report,) = jobs.reports(config.parent / "out")
    return code, report


def started(config, *flags):
    return jobs.start_job(config, *flags, also=(HOOK,))


def states(report):
    return {row["scene_id"]: row["state"] for row in report["scenes"]}


def deaths(report):
    return [(death["signal"], "a.tif" in death["reading"]) for death in report["run"].get("deaths", [])]


@pytest.mark.parametrize(("name", "times"), [("SIGSEGV", 2), ("SIGKILL", 3)], ids=["crash", "no memory"])
def test_a_scene_that_ends_its_readers_is_quarantined_and_all_others_are_done(
    config, deadly, unbroken, name, times
):
    (deadly / "a.tif").write_text(f"{name}\n" * times)
    code, report = run(config)
    assert code == 3, config.with_suffix(".log").read_text()
    assert states(report) == {"a.tif": "quarantined", "north/b.tif": "done", "c.tif": "done"}
    assert deaths(report) == [(name, True)]
    (reason,) = [row["reason"] for row in report["scenes"] if row["scene_id"] == "a.tif"]
    assert reason.startswith("reading it ended the reading process twice")
    found, wanted = jobs.decoded(config.parent / "out"), jobs.decoded(unbroken)
    jobs.assert_equal_mosaics(found, {name: wanted[name] for name in wanted if not name.startswith("/a.tif")})
    assert (deadly / "a.tif").read_text() == ""


@pytest.mark.parametrize("exact", [(), ("--exact",)], ids=["sample", "exact"])
def test_a_plan_outlives_a_scene_that_ends_its_readers_and_an_exact_one_names_it(config, deadly, exact):
    (deadly / "a.tif").write_text("SIGSEGV\n" * 3)
    plan = config.parent / "plan.json"
    with ended(started(config, "--dry-run", *exact, "--json", str(plan))) as process:
        assert process.wait() == 0, config.with_suffix(".log").read_text()
    refused = json.loads(plan.read_text())["plan"]["refused"]
    assert [row["scene_id"] for row in refused] == ["a.tif"] * len(exact)
    assert not (config.parent / "out").exists()


def test_a_scene_that_ends_its_reader_once_is_done(config, deadly, unbroken):
    (deadly / "a.tif").write_text("SIGBUS")
    code, report = run(config)
    assert code == 0, config.with_suffix(".log").read_text()
    assert set(states(report).values()) == {"done"}
    assert deaths(report) == [("SIGBUS", True)]
    jobs.assert_equal_mosaics(jobs.decoded(config.parent / "out"), jobs.decoded(unbroken))


def test_a_death_with_nothing_to_blame_costs_no_scene_and_is_told_as_one_run(config, deadly, unbroken):
    output = config.parent / "out"
    with ended(started(config, "--set", "engine.workers=1")) as process:
        worker = worker_after_first_record(process, output)
        worker.kill()
        assert process.wait() == 0, config.with_suffix(".log").read_text()
    (report,) = jobs.reports(output)
    assert states(report) == {"a.tif": "done", "north/b.tif": "done", "c.tif": "done"}
    assert "unchanged" not in report["totals"]["states"]
    assert [death["signal"] for death in report["run"]["deaths"]] == ["SIGKILL"]
    jobs.assert_equal_mosaics(jobs.decoded(output), jobs.decoded(unbroken))


def test_what_was_done_before_a_death_counts_for_the_limit(config, deadly):
    with ended(started(config, "--limit", "2", "--set", "engine.workers=1")) as process:
        worker_after_first_record(process, config.parent / "out").kill()
        assert process.wait() == 0, config.with_suffix(".log").read_text()
    (report,) = jobs.reports(config.parent / "out")
    assert (list(states(report).values()), report["totals"]["states"]) == (["done"] * 2, {"done": 2})


def test_with_its_parent_the_work_ends_and_the_next_run_goes_on_from_what_it_noted(config, deadly, unbroken):
    output = config.parent / "out"
    with ended(started(config)) as process, hung(deadly / "a.tif"):
        worker = worker_at(process, deadly / "a.tif")
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs([worker], timeout=20)
        assert alive == []
    code, report = run(config)
    log = config.with_suffix(".log").read_text()
    assert code == 0, log
    assert "the lease was taken over from a run that is gone" in log
    assert "deaths" not in report["run"]
    assert report["run"]["opened"] < 3, "the suspect was left to who reads it with care"
    jobs.assert_equal_mosaics(jobs.decoded(output), jobs.decoded(unbroken))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_asked_to_end_begins_nothing_again(config, deadly, number):
    with ended(started(config)) as process, hung(deadly / "a.tif"):
        worker = worker_at(process, deadly / "a.tif")
        process.send_signal(number)
        os.truncate(deadly / "a.tif", 0)
        assert process.wait(60) == (130 if number == signal.SIGINT else -number)
        _, alive = psutil.wait_procs([worker], timeout=20)
        assert alive == []
    assert "begun again" not in config.with_suffix(".log").read_text()


@contextmanager
def hung(note):
    """Have who opens a scene wait until its note is emptied."""
    note.write_text("hang")
    try:
        yield
    finally:
        note.write_text("")


def worker_at(process, note):
    """The process that works, once it opens a scene that hangs."""
    while not (opens := note.with_suffix(".opened")).exists():
        assert process.poll() is None
        time.sleep(0.02)
    return psutil.Process(int(opens.read_text()))


def worker_after_first_record(process, output):
    """The process that works, once it has recorded a scene."""
    while not list(output.glob("_ledger/scenes/**/*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    (worker,) = psutil.Process(process.pid).children()
    return worker
