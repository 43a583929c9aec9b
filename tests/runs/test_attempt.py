"""A run whose processes die: what the next one knows, tries alone, gives up, and does not do twice."""

import tempfile
from dataclasses import dataclass

import pytest

from jobs.supervisor import Journal
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.survey import Extent, survey
from sgddiff_batch.engine.work import Lost
from sgddiff_batch.io.ledger import take_left
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs.attempt import Attempt, Death
from tests.kit.deaths import die

OUT = "s3://bucket/out"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@dataclass(frozen=True)
class Piece:
    key: str
    with_care: bool = False

    @property
    def scene_id(self):
        return self.key


@dataclass
class Watched:
    """A worker that answers with its work, and knows how many pieces it had at once."""

    at_once: int = 0

    def run(self, work):
        self.at_once += 1
        try:
            assert not work.with_care or self.at_once == 1
            return work
        finally:
            self.at_once -= 1


def after_death(journal, *notes):
    """The attempt that follows on a process that died with these notes of what it did."""
    die(journal, OUT, *notes)
    attempt = Attempt.at(OUT, journal)
    return attempt, attempt.suspects(OUT)


def outcomes(attempt, *keys):
    works = iter([Piece(key) for key in keys])
    return list(run_local(attempt.judged(lambda: next(works, None)), Watched()))


def test_the_next_process_goes_on_with_the_run_of_the_one_that_died():
    journal = Journal()
    first = Attempt.at(OUT, journal)
    second, _ = after_death(journal)
    assert (second.run_id, second.begun_at, second.begun_s) == (first.run_id, first.begun_at, first.begun_s)
    assert second.seconds > 0
    assert Attempt.at("s3://bucket/other", journal).run_id != first.run_id


def test_only_one_that_goes_on_waits_for_its_lease(tmp_path):
    journal, store = Journal(), open_store(str(tmp_path / "out"))
    assert Attempt.at(OUT, journal).lease(store, 60, alone=True)._patience_s == 0
    die(journal, OUT)
    assert Attempt.at(OUT, journal).lease(store, 60, alone=True)._patience_s == 300
    assert Attempt.at("s3://bucket/other", journal).lease(store, 60, alone=True)._patience_s == 0


def test_without_a_journal_each_process_is_a_run():
    assert Attempt.at(OUT, None).run_id != Attempt.at(OUT, None).run_id
    assert Attempt().facts() == {}


@pytest.mark.parametrize(
    ("notes", "suspects"),
    [
        (["reading a", "computing b"], {"a"}),
        (["computing b", "computing c"], {"b", "c"}),
        ([], set()),
    ],
    ids=["read", "computed", "neither"],
)
def test_what_was_read_or_else_on_the_device_is_suspect_and_tried_alone(notes, suspects):
    journal = Journal()
    Attempt.at(OUT, journal)
    attempt, found = after_death(journal, *notes)
    assert found == suspects
    assert journal.steps == (1 if suspects else 0), "a suspect more is something that got done"
    tried = outcomes(attempt, *"abcd")
    assert {work.key for work in tried if work.with_care} == suspects
    assert sorted(work.key for work in tried) == [*"abcd"]


def test_the_same_suspect_again_is_nothing_that_got_done():
    journal = Journal()
    Attempt.at(OUT, journal)
    steps = []
    for note in ("reading a", "reading a", "reading b", "reading a"):
        after_death(journal, note)
        steps.append(journal.steps)
    assert steps == [1, 1, 2, 2]


def test_a_plan_without_a_lease_blames_what_its_own_processes_noted_and_leaves_the_rest_to_the_next_run():
    journal = Journal()
    first = Attempt.at(OUT, journal)
    die(Journal(), OUT, "reading other")
    for _ in range(2):
        die(journal, OUT, "reading a", label=first.run_id)
        attempt = Attempt.at(OUT, journal)
        assert attempt.suspects(OUT, keep=True) == {"a", "other"}
        assert attempt.deaths[-1].reading == ["a"]
    assert take_left(OUT).reading == {"other"}


def test_two_lone_deaths_are_the_scene_s_and_its_company_is_not_blamed():
    journal = Journal()
    Attempt.at(OUT, journal)
    after_death(journal, "computing a", "computing b")
    for _ in range(2):
        attempt, suspects = after_death(journal, "computing a")
        assert suspects == {"a", "b"}
    given_up, tried = outcomes(attempt, *"ab")
    assert isinstance(given_up, Lost)
    assert given_up.is_own
    assert given_up.reason.startswith("its worker process died 3 times, 2 of them with no other task in it: ")
    assert tried == Piece("b", with_care=True)


def test_what_is_given_up_is_not_judged_again_when_it_comes_back_for_its_quarantine():
    journal = Journal()
    Attempt.at(OUT, journal)
    for _ in range(3):
        attempt, _ = after_death(journal, "reading a")
    assert [type(one) for one in outcomes(attempt, "a", "a")] == [Lost, Piece]


def test_what_ended_well_is_suspect_no_more():
    journal = Journal()
    Attempt.at(OUT, journal)
    attempt, _ = after_death(journal, "reading a")
    attempt.settled("a", is_done=True)
    _, suspects = after_death(journal, "reading b")
    assert suspects == {"b"}


def test_the_report_tells_of_each_death_and_the_log_of_the_last(caplog):
    journal = Journal()
    Attempt.at(OUT, journal)
    after_death(journal, "reading a", "computing b")
    journal.deaths.append(
        {"signal": "SIGSEGV", "at": "then"}
    )  # of one that died before it looked at anything
    attempt, _ = after_death(journal)
    facts = attempt.facts()["deaths"]
    told = [(death["signal"], *map(list, (death["reading"], death["computing"]))) for death in facts]
    assert told == [("SIGKILL", ["a"], ["b"]), ("SIGSEGV", [], []), ("SIGKILL", [], [])]
    assert "died (SIGKILL) while it was reading a" in caplog.text
    assert "died (SIGKILL) while it was at work on no scene" in caplog.text


def test_what_the_run_has_finished_counts_for_its_limit_and_is_not_tried_again():
    journal = Journal()
    first = Attempt.at(OUT, journal)
    times = {"a": "2026-01-01T00:00:00+00:00", "b": first.begun_at, "c": first.begun_at}
    records = {name: SceneRecord(name, "v", "k", None, "torn", finished_at=at) for name, at in times.items()}
    asked = Extent(again=frozenset("abc"), limit=5)
    assert first.rest_of(asked, records) == asked
    second, _ = after_death(journal)
    rest = second.rest_of(asked, records)
    assert (rest.again, rest.limit, rest.finished) == ({"a"}, 3, {"b", "c"})
    assert second.rest_of(Extent(limit=1), records).limit == 0


def test_what_the_archive_lacks_was_put_into_quarantine_and_does_not_count_for_the_limit():
    attempt = Attempt()
    attempt.deaths = [Death("SIGSEGV", attempt.begun_at)]
    names = [f"gone{number}" for number in range(10)]
    records = {
        name: SceneRecord(name, "missing", "k", None, "gone", finished_at=attempt.begun_at) for name in names
    }
    gone = {Scene(name, f"/x/{name}", "missing", 0): "gone" for name in names}
    new = [Scene(f"new{number}", f"/x/new{number}", "v", 1) for number in range(20)]
    plan = survey(new, records, "k", gone, attempt.rest_of(Extent(limit=10), records))
    assert (len(plan.todo), len(plan.finished), len(plan.missing)) == (10, 10, 0)
