"""Who is at work on an output and how far, what readers see, how the last run ended: from a few objects."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sgddiff_batch.config import load_config
from sgddiff_batch.core.leasing import LeaseState
from sgddiff_batch.core.progress import Progress
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.catalogue import rollback
from sgddiff_batch.io.ledger import Lease
from sgddiff_batch.io.ledger.fence import LEASE
from sgddiff_batch.io.reports import build_report, write_report
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.runs import leased_bench, read_status, run_all
from tests.io.catalogue_examples import finish, publish_all
from tests.kit import jobs
from tests.kit.networks import BrightNetwork, KeptView
from tests.kit.outputs import KINDS, output_on
from tests.kit.scripted import scripted, scripted_uri

FAR = Progress(done=1200, quarantined=3, failed=1, left=98_000, rate=2.5)


@pytest.fixture(params=KINDS)
def store(request):
    with output_on(request.param, "status-bucket", request) as uri:
        yield open_store(uri)


@pytest.fixture
def folder(tmp_path):
    return open_store(str(tmp_path / "out"))


def report(store, run_id="20260101T010203Z-4f2a", **more):
    facts = {"started_at": "2026-01-01T01:02:03+00:00", "seconds": 60.0, "ending": "failed"} | more
    rows = [{"state": "failed", "scene_id": "a", "tiles": 1, "valid_px": 1, "salient_px": 0, "seconds": {}}]
    return write_report(store, build_report(run_id, **facts, config={}, run={}, scenes=rows, ignored=[]))


def foreign(store, progress=None):
    """Leave a lease that a run of another machine holds."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    owner = {"machine": "another", "host": "far", "pid": 4, "user": "ann"}
    state = LeaseState("run-7", "token", owner, now, 120.0, beat_at=now, progress=progress)
    store.write(LEASE, state.encode())
    return state


def later(seconds):
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_an_output_that_no_run_has_written_to_is_none(store):
    with pytest.raises(FileNotFoundError, match="neither a lease nor a catalogue nor a report"):
        read_status(store.uri)


def test_who_is_at_work_is_told_with_its_heartbeat_and_how_far_it_is(store):
    state = foreign(store, FAR)
    status = read_status(store.uri, later(30))
    holder = status.at_work
    assert (holder.run_id, holder.user, holder.host, holder.process) == ("run-7", "ann", "far", 4)
    assert (holder.life, holder.since, holder.progress) == ("at work", state.started_at, FAR)
    assert 20 < holder.heartbeat_age_s < 100
    assert (status.catalogue, status.last_run) == (None, None)
    assert status.output == store.uri


def test_a_heart_that_is_silent_for_longer_than_the_lease_is_told(folder):
    foreign(folder)
    assert read_status(folder.uri, later(100)).at_work.life == "at work"
    assert read_status(folder.uri, later(130)).at_work.life == "silent"
    assert read_status(folder.uri, later(-500)).at_work.heartbeat_age_s == 0, "clocks need not agree"


def test_a_holder_whose_process_has_ended_here_is_gone(folder):
    with Lease(folder, "run-7", 120.0):
        assert read_status(folder.uri).at_work.life == "at work"
        tree = json.loads(folder.read(LEASE))
        tree["owner"]["started"] = 1
        folder.write(LEASE, json.dumps(tree).encode())
        assert read_status(folder.uri).at_work.life == "gone"


def test_a_lease_of_a_former_version_is_read(folder):
    foreign(folder, FAR)
    tree = json.loads(folder.read(LEASE))
    del tree["owner"]["progress"], tree["owner"]["beat_at"]
    folder.write(LEASE, json.dumps(tree).encode())
    holder = read_status(folder.uri, later(30)).at_work
    assert (holder.life, holder.progress) == ("at work", None)
    assert holder.heartbeat_age_s > 20


def test_after_a_run_nobody_is_at_work(folder):
    with Lease(folder, "run-7", 120.0):
        pass
    assert read_status(folder.uri).at_work is None


def test_the_generation_that_readers_see_is_told_and_the_newest(store):
    for name in ("a.tif", "b.tif"):
        finish(store, name)
        publish_all(store)
    rollback(store)
    pointer = read_status(store.uri).catalogue
    assert (pointer.current, pointer.generation.rows, pointer.newest.number) == (1, 1, 2)


def test_the_last_run_is_told_by_its_report(store):
    report(store)
    uri = report(store, "20260102T010203Z-0000", ending="quarantined", seconds=7.5)
    last = read_status(store.uri).last_run
    assert (last.run_id, last.ending, last.seconds) == ("20260102T010203Z-0000", "quarantined", 7.5)
    assert (last.started_at, last.states) == ("2026-01-01T01:02:03+00:00", {"failed": 1})
    assert last.report == uri


def test_a_report_of_a_former_version_does_not_say_how_it_ended(folder):
    path = Path(report(folder))
    tree = json.loads(path.read_text())
    del tree["ending"]
    path.write_text(json.dumps(tree))
    assert read_status(folder.uri).last_run.ending is None


@pytest.mark.parametrize("key", [LEASE, "_catalogue/current.json", "report-1.json"])
def test_what_is_damaged_is_named(folder, key):
    folder.write(key, b"{")
    with pytest.raises(FatalError, match=key.replace(".", r"\.")):
        read_status(folder.uri)


def test_a_whole_run_leaves_its_status_and_a_few_objects_are_asked_for(tmp_path):
    for number in range(3):
        jobs.write_scene(tmp_path / "scenes" / f"{number}.tif", 30, 40, number)
    jobs.write_broken(tmp_path / "scenes" / "bad.tif")
    config = jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", Path("/nowhere"))
    with leased_bench(load_config(str(config)), BrightNetwork()) as bench:
        run_all(bench, KeptView())
    with scripted() as script:
        status = read_status(scripted_uri(tmp_path / "out"))
    assert status.at_work is None
    assert status.catalogue.generation.rows == 3
    assert (status.last_run.run_id, status.last_run.ending) == (bench.run_id, "quarantined")
    assert status.last_run.states == {"done": 3, "quarantined": 1}
    assert script.calls.total() == 4
