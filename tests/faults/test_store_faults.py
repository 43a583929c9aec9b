"""The store fails by script: calls are counted, and the bytes are those of a quiet run."""

import random
import re
import shutil
from dataclasses import replace

import pytest

from sgddiff_batch.core.retrying import RetryBudget
from sgddiff_batch.core.store_names import id_of
from sgddiff_batch.engine.driver import Driver
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.engine.steps import TaskLimits
from sgddiff_batch.engine.survey import survey
from sgddiff_batch.engine.work import TaskOutcome
from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage import s3_client as object_access
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.lifecycle import MosaicLifecycle
from tests.kit import jobs
from tests.kit.broken_s3 import Rule, run_broken_s3
from tests.kit.fakes import TINY, SyntheticReader, ToyPredictor, make_scene
from tests.kit.faulty import StoreFault, faulty
from tests.kit.s3 import lead_to

SCENES = {"a.tif": make_scene(40, 52, 1), "b.tif": make_scene(33, 20, 2, collar_px=3)}
ONE_BLOCK = 32 * 32 * 24


class Night:
    """One run over a faulty local store, with a fake clock; ``pauses`` is how long it would have waited."""

    def __init__(self, root, *faults, budget=None):
        self.store, self.pauses = faulty(open_store(str(root)), *faults), []
        draw = random.Random(1).random
        self.retries = Retries(budget, sleep=self.pauses.append, draw=draw)
        self.reader, self.predictor = SyntheticReader(SCENES), ToyPredictor()
        self.outcomes = []

    def run(self):
        ledger, writer = ObjectLedger(self.store), ZarrBlockWriter(self.store)
        plain = ObjectLedger(open_store(self.store.root))
        records, marked = plain.records(), {id_of(id_of(name)) for name in plain.names("blocks")}
        plan = replace(survey(self.reader.scenes(), records, "key"), marked=marked)
        lifecycle = MosaicLifecycle(writer, ledger, "key", lambda mosaic: {})
        limits = TaskLimits(TINY, ONE_BLOCK, 3 * ONE_BLOCK)
        worker = Worker(self.reader, self.predictor, lifecycle, limits, retries=self.retries)
        results = Driver(plan, records).run(lambda take: run_local(take, worker), self.outcomes.append)
        return {result.scene_id: result.state for result in results}


DONE = dict.fromkeys(SCENES, "done")


def level0(root):
    """The bytes of all shards of level 0 and of the metadata below it."""
    names = (path for path in root.rglob("*.zarr/0/**/*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in names}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    root = tmp_path_factory.mktemp("quiet")
    night = Night(root)
    assert night.run() == DONE
    assert night.pauses == []
    return level0(root), night.store.script.calls, night.predictor.tiles_computed


@pytest.mark.parametrize(
    ("operation", "key", "lost"),
    [
        *[("write", "*/0/saliency/c/*", lost) for lost in (False, True)],
        *[("write", "_ledger/blocks/*", lost) for lost in (False, True)],
        *[("write", "_ledger/scenes/*", lost) for lost in (False, True)],
        *[("write", "_ledger/mosaics/*", lost) for lost in (False, True)],
        *[("create", "*.zarr/zarr.json", lost) for lost in (False, True)],
        *[("replace", "*.zarr/zarr.json", lost) for lost in (False, True)],
        *[("write", "*.zarr/0/zarr.json", lost) for lost in (False, True)],
        *[("delete_tree", "_ledger/blocks/*", lost) for lost in (False, True)],
    ],
)
def test_calls_that_fail_twice_are_made_again_and_nothing_differs(tmp_path, quiet, operation, key, lost):
    night = Night(tmp_path, StoreFault(operation, key, (1, 2), lost=lost))
    assert night.run() == DONE
    assert level0(tmp_path) == quiet[0]
    assert night.predictor.tiles_computed == quiet[2], "a call to the store that failed costs no computing"
    assert night.store.script.failed.total() == len(night.pauses) == 2


def test_one_more_call_is_made_for_each_that_failed(tmp_path, quiet):
    night = Night(tmp_path, StoreFault("write", "_ledger/scenes/a.tif~.json", (1, 2, 3)))
    assert night.run() == DONE
    key = ("write", "_ledger/scenes/a.tif~.json")
    assert night.store.script.calls[key] == quiet[1][key] + 3 == 4
    assert [pause <= bound for pause, bound in zip(night.pauses, [1, 3, 9], strict=True)] == [True] * 3


def test_a_scene_whose_store_goes_on_failing_is_left_for_the_next_run_and_costs_no_other(tmp_path, quiet):
    night = Night(tmp_path, StoreFault("write", "a.tif/*/0/saliency/c/*", None))
    assert night.run() == {"a.tif": "failed", "b.tif": "done"}
    # Three tasks were in flight when the first of them had been tried for the fifth and last time.
    assert 5 <= night.store.script.failed.total() <= 15
    assert Night(tmp_path).run() == {"a.tif": "done"}
    assert level0(tmp_path) == quiet[0]


def test_when_the_budget_of_the_run_is_used_up_calls_fail_at_once_and_the_next_run_does_the_rest(
    tmp_path, quiet
):
    fault = StoreFault("write", "_ledger/blocks/*", None)
    night = Night(tmp_path, fault, budget=RetryBudget(run_retries=6))
    assert night.run() == {"a.tif": "failed", "b.tif": "done"}, "a scene of one task needs no mark"
    assert night.retries.cost.retries == len(night.pauses) == 6
    failed = sum(isinstance(one, TaskOutcome) and one.state == "failed" for one in night.outcomes)
    assert night.store.script.failed.total() == 6 + failed, "each task once, and six calls again"
    assert Night(tmp_path).run() == {"a.tif": "done"}
    assert level0(tmp_path) == quiet[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with run_broken_s3(tmp_path_factory.mktemp("broken")) as running:
        yield running


@pytest.fixture
def broken(server, monkeypatch):
    """The broken S3 with nothing scripted, and this process sent to it."""
    lead_to(server.environment, monkeypatch)
    for name in ("a", "b/c", "b/d", "e", "f/g/h"):
        server.object(f"bk/{name}").write_bytes(name.encode() * 1000)
    server.script()
    yield server
    server.script()


CALLS = {
    "read": ("GET", lambda store: store.read("a") == b"a" * 1000),
    "read_versioned": ("GET", lambda store: store.read_versioned("a").data == b"a" * 1000),
    "write": ("PUT", lambda store: store.write("p", b"1")),
    "keys": ("LIST", lambda store: len(store.keys("b")) == 2),
    "delete": ("DELETE", lambda store: store.delete("e")),
}
"""Calls of a store: the operation of S3, and the call, which returns True or None."""


class TestS3:
    @pytest.mark.parametrize("fault", ["503", "500", "reset", "lost", "cut"])
    @pytest.mark.parametrize(("operation", "call"), CALLS.values(), ids=CALLS)
    def test_what_fails_once_is_asked_for_once_more(self, broken, operation, call, fault):
        broken.script(Rule(operation, "bk/*", fault))
        assert call(open_store("s3://bk")) in (True, None)
        asked = sum(count for name, count in broken.requests().items() if name.startswith(operation))
        has_a_body = operation in ("GET", "LIST")
        assert asked == (1 if fault == "cut" and not has_a_body else 2)

    @pytest.mark.parametrize("fault", ["503", "500", "429", "reset", "cut", "409"])
    @pytest.mark.parametrize("call", ["read", "read_versioned"])
    def test_what_goes_on_failing_is_retryable_after_a_few_requests(self, broken, monkeypatch, call, fault):
        monkeypatch.setattr(object_access, "_RETRIES", {"mode": "standard", "total_max_attempts": 2})
        broken.script(Rule("GET", "bk/a", fault, None))
        with pytest.raises(RetryableError, match="bk/a"):
            getattr(open_store("s3://bk"), call)("a")
        assert 1 <= broken.requests()["GET bk/a"] <= 4

    @pytest.mark.parametrize("fault", ["403", "code ExpiredToken", "code SignatureDoesNotMatch"])
    @pytest.mark.parametrize(("operation", "call"), CALLS.values(), ids=CALLS)
    def test_what_is_denied_is_asked_for_once(self, broken, operation, call, fault):
        broken.script(Rule(operation, "bk/*", fault, None))
        with pytest.raises(ConfigError):
            call(open_store("s3://bk"))
        asked = sum(count for name, count in broken.requests().items() if name.startswith(operation))
        assert asked == 1

    def test_a_bucket_that_is_gone_is_a_mistake_of_the_config(self, broken):
        broken.script(Rule("PUT", "bk/*", "code NoSuchBucket", None))
        with pytest.raises((ConfigError, FileNotFoundError)):
            open_store("s3://bk/x").write("a", b"1")
        assert broken.requests()["PUT bk/x/a"] == 1

    def test_a_slow_object_is_waited_for(self, broken):
        broken.script(Rule("GET", "bk/a", "slow", None))
        assert open_store("s3://bk").read("a") == b"a" * 1000
        assert broken.requests()["GET bk/a"] == 1

    @pytest.mark.parametrize("fault", ["503", "reset", "cut"])
    def test_a_listing_of_which_a_page_fails_is_whole_or_an_error(self, broken, fault):
        for number in range(10):
            broken.object(f"many/{number}").write_bytes(b"1")
        broken.script(Rule("LIST", "many/*", fault, (2, 4)))
        assert open_store("s3://many").keys() == [str(number) for number in range(10)]

    @pytest.mark.parametrize("operation", ["create", "replace"])
    def test_a_conditional_put_whose_reply_is_lost_is_known_again(self, broken, operation):
        store = open_store("s3://bk")
        broken.object("bk/lease").unlink(missing_ok=True)
        first = store.create("lease", b"run 1") if operation == "replace" else None
        broken.script(Rule("PUT", "bk/lease", "lost"))
        version = store.replace("lease", b"run 2", first) if first else store.create("lease", b"run 2")
        assert version == store.read_versioned("lease").version
        assert store.read("lease") == b"run 2"
        assert store.create("lease", b"run 3") is None

    def test_an_object_that_goes_between_the_listing_and_the_read_is_left_out(self, broken):
        broken.script(Rule("GET", "bk/b/c", "404", None))
        assert set(open_store("s3://bk").read_all("b")) == {"b/d"}

    def test_one_object_of_many_that_fails_is_an_error_and_never_left_out(self, broken, monkeypatch):
        monkeypatch.setattr(object_access, "_RETRIES", {"mode": "standard", "total_max_attempts": 1})
        broken.script(Rule("GET", "bk/b/c", "500", None))
        with pytest.raises(RetryableError):
            open_store("s3://bk").read_all("b")


@pytest.mark.slow
def test_a_run_from_a_broken_s3_to_itself_equals_a_quiet_local_one(
    server, tmp_path, monkeypatch, archive, checkpoint, unbroken
):
    lead_to(server.environment, monkeypatch)
    for path in archive.rglob("*.tif"):
        server.object(f"night/in/{path.relative_to(archive)}").write_bytes(path.read_bytes())
    config = jobs.write_config(tmp_path / "run.yaml", "s3://night/in", "s3://night/out", checkpoint)
    every = range(3, 400, 5)
    server.script(
        Rule("GET", "night/in/*", "cut", (2, 4)),
        Rule("GET", "night/in/*", "503", (1, 3)),
        Rule("PUT", "night/out/*.zarr/*", "lost", every),
        Rule("PUT", "night/out/_ledger/*", "503", every),
        Rule("LIST", "night/*", "503", range(1, 60, 3)),
        Rule("GET", "night/out/*", "reset", every),
    )
    assert jobs.run_job(config) == 0, config.with_suffix(".log").read_text()
    stored = server.folder / "data" / "night" / "out"
    jobs.assert_equal_mosaics(by_scene(stored_local(stored, tmp_path)), by_scene(unbroken))


def by_scene(output):
    """Return what an output decodes to without the names of stores: a version is an ETag or a time."""
    decoded = jobs.decoded(output)
    named = {
        re.sub(r"[0-9a-f]{16}-[0-9a-f]{12}(?=\.zarr)", "store", name): it for name, it in decoded.items()
    }
    assert len(named) == len(decoded)
    return named


def stored_local(stored, tmp_path):
    """Return the output without its catalogue, which names s3:// places."""
    return shutil.copytree(stored, tmp_path / "copy", ignore=shutil.ignore_patterns("_catalogue"))
