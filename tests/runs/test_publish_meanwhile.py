"""A run publishes while it goes on: readers see what is done, and afterwards one generation of it is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import sgddiff_batch
from sgddiff_batch.config import load_config
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.ledger import ObjectLedger, parsed_lease, read_lease
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.runs import Ending, EngineSettings, leased_bench, plan_run, run_works
from sgddiff_batch.runs.execute import execute
from tests.kit import jobs
from tests.kit.faulty import StoreFault
from tests.kit.networks import BrightNetwork, KeptView
from tests.kit.outputs import KINDS, output_on
from tests.kit.scripted import scripted, scripted_uri
from tests.kit.turns import Turns

NAMES = ["a.tif", "b.tif", "c.tif", "d.tif"]
"""The largest first, as they are worked on."""


class Killed(BaseException):
    """A SIGKILL, from inside."""


@dataclass
class Nights:
    """Runs over a folder of scenes, in each of which something happens once so many scenes are settled."""

    folder: Path
    output: str
    settings: list[str] = field(default_factory=list)
    turns: Turns = field(default_factory=Turns)

    def __post_init__(self) -> None:
        for number, name in enumerate(NAMES):
            self.write(name, number)

    def write(self, name: str, seed: int) -> None:
        jobs.write_scene(self.folder / "scenes" / name, 90 - 10 * NAMES.index(name), 60, seed)

    def run(self, then: dict[int, Callable[[], object]] | None = None, fence=None) -> Ending:
        """Run. then: what happens after the first scene, the second... fence: is asked before each change."""
        scenes, path = self.folder / "scenes", self.folder / "run.yaml"
        jobs.write_config(path, scenes, self.output, Path("/nowhere"), workers=1)
        self.turns = Turns()
        with leased_bench(load_config(str(path), self.settings), BrightNetwork()) as leased:
            output = leased.output if fence is None else leased.output.guarded(fence)
            bench = replace(leased, ledger=ObjectLedger(output))

            def engine(take):
                works = run_works(take, bench.recipe(), EngineSettings("local", 1))
                for number, outcome in enumerate(works, 1):
                    yield outcome
                    (then or {}).get(number, lambda: None)()

            return execute(plan_run(bench), KeptView(), engine, over=self.turns)

    def turn(self) -> None:
        """Let the run publish once."""
        self.turns.take()

    @property
    def shown(self) -> list[str]:
        return [entry.scene_id for entry in sgddiff_batch.list_mosaics(self.output)]

    @property
    def kept(self) -> list[tuple[int, int]]:
        """Number and mosaics of each generation."""
        pointer = catalogue.read_pointer(open_store(self.output))
        return [] if pointer is None else [(one.number, one.rows) for one in pointer.kept]

    @property
    def ledger(self) -> ObjectLedger:
        return ObjectLedger(open_store(self.output))


@pytest.fixture
def nights(tmp_path):
    return Nights(tmp_path, str(tmp_path / "out"))


@pytest.fixture(params=KINDS)
def anywhere(request, tmp_path):
    """The same with outputs of several kinds."""
    with output_on(request.param, "meanwhile", request) as uri:
        yield Nights(tmp_path, uri)


def test_readers_see_what_is_done_so_far_and_one_generation_of_the_run_is_kept(anywhere):
    nights, seen = anywhere, []

    def look():
        nights.turn()
        seen.append((nights.shown, nights.kept))

    assert nights.run({1: look, 3: look}) is Ending.DONE
    assert seen == [(NAMES[:1], [(1, 1)]), (NAMES[:3], [(2, 3)])]
    assert (nights.shown, nights.kept) == (NAMES, [(3, 4)])
    nights.write("a.tif", 77)
    nights.write("b.tif", 78)
    assert nights.run({1: look}) is Ending.DONE
    assert seen[-1][1] == [*nights.kept[:1], (4, 4)]
    assert nights.kept == [(3, 4), (5, 4)]
    assert catalogue.rollback(open_store(nights.output)).current == 3


def test_it_waits_for_the_minutes_of_the_config_between_two(nights):
    nights.settings = ["output.publish_minutes=1.5"]
    assert nights.run({1: nights.turn, 2: nights.turn}) is Ending.DONE
    assert nights.turns.pauses == [90.0] * 3


def test_with_0_minutes_it_publishes_at_its_end_alone(nights):
    nights.settings = ["output.publish_minutes=0"]
    assert nights.run() is Ending.DONE
    assert (nights.turns.pauses, nights.kept) == ([], [(1, 4)])


def test_no_record_is_fetched_and_a_turn_without_news_asks_for_nothing(nights, tmp_path):
    nights.output = scripted_uri(tmp_path / "out")
    asked = []

    def turn():
        before = sum(script.calls.values())
        nights.turn()
        asked.append(sum(script.calls.values()) - before)

    def two_turns():
        turn()
        turn()

    with scripted() as script:
        assert nights.run({1: two_turns, 3: turn}) is Ending.DONE
    reads = [count for (call, key), count in script.calls.items() if call == "read" and "/scenes/" in key]
    assert reads == []
    assert asked[1] == 0
    assert 0 < asked[2] < asked[0] + 5, "the second one asks for more than the first"


def test_a_run_that_is_killed_leaves_what_it_published_and_the_next_goes_on(nights, tmp_path):
    out = nights.output
    nights.output = scripted_uri(tmp_path / "out")
    killed = StoreFault("write", "*/_ledger/scenes/c.tif~.json", error=Killed(), dies=True)
    with scripted(killed), pytest.raises(Killed):
        nights.run({2: nights.turn})
    nights.output = out
    assert (nights.shown, nights.kept) == (NAMES[:2], [(1, 2)])
    first = catalogue.read_pointer(open_store(out)).generation
    held = {entry.uri for entry in sgddiff_batch.list_mosaics(out)}
    assert nights.run({1: nights.turn}) is Ending.DONE
    assert nights.shown == NAMES
    # The partial generation of the killed run is one of those kept, and the next run has one of its own.
    assert nights.kept == [(1, 2), (3, 4)]
    assert held < {entry.uri for entry in sgddiff_batch.list_mosaics(out)}
    table = catalogue.read_generation(open_store(out), first, ["id"])
    assert table["id"].to_pylist() == NAMES[:2], "who holds it reads on"


def test_a_publish_that_fails_is_told_and_tried_again_at_the_next_turn(nights, tmp_path, caplog):
    nights.output = scripted_uri(tmp_path / "out")
    seen = []

    def look():
        nights.turn()
        seen.append(nights.kept)

    with scripted(StoreFault("write", "*/_catalogue/generations/*")):
        assert nights.run({1: look, 2: look}) is Ending.DONE
        assert seen == [[], [(1, 2)]]
        assert nights.kept == [(2, 4)]
    (line,) = [one for one in caplog.records if "catalogue is still that of before" in one.message]
    assert line.levelno == logging.WARNING
    assert "this run tries again later: 503 SlowDown" in line.message


def test_a_turn_without_news_after_one_that_failed_is_a_second_try(nights, tmp_path):
    nights.output = scripted_uri(tmp_path / "out")

    def look():
        nights.turn()
        nights.turn()
        assert nights.kept == [(1, 1)]

    with scripted(StoreFault("write", "*/_catalogue/generations/*")):
        assert nights.run({1: look}) is Ending.DONE


def test_a_run_that_lost_its_lease_publishes_nothing(nights, caplog):
    lost = []

    def fence():
        if lost:
            raise FatalError("the lease was lost: it is another's now")

    def lose():
        lost.append(True)
        nights.turn()

    assert nights.run({1: lose}, fence) is Ending.FAILED
    assert nights.kept == []
    words = [one.message for one in caplog.records if "the catalogue is still" in one.message]
    assert ["the lease was lost" in line for line in words] == [True, True], "meanwhile, and at the end"


def test_what_is_gone_leaves_meanwhile_and_is_marked_once(nights, tmp_path):
    assert nights.run() is Ending.DONE
    out, nights.output = nights.output, scripted_uri(tmp_path / "out")
    (tmp_path / "scenes" / "d.tif").unlink()
    for seed, name in enumerate(NAMES[:3], 40):
        nights.write(name, seed)
    seen = []

    def look():
        nights.turn()
        seen.append(nights.shown)

    with scripted() as script:
        assert nights.run({1: look, 2: look}) is Ending.DONE
        assert seen == [NAMES[:3]] * 2
    marks = [key for call, key in script.calls if call == "write" and "/_ledger/withdrawn/" in key]
    assert len(marks) == 1
    assert script.calls["write", marks[0]] == 1
    nights.output = out
    assert set(nights.ledger.withdrawn()) == {"d.tif"}
    assert nights.kept == [(1, 4), (4, 3)]


def test_an_older_version_stays_until_its_newer_one_is_done(tmp_path):
    nights = Nights(tmp_path, str(tmp_path / "out"))
    nights.settings = [r"archive.duplicates={key: '(\w)_N(?P<version>\d)', newest_by: name}"]
    for name in NAMES:
        (tmp_path / "scenes" / name).unlink()
    for name in ("a_N1.tif", "b_N1.tif"):
        jobs.write_scene(tmp_path / "scenes" / name, 60, 60, 1)
    assert nights.run() is Ending.DONE
    jobs.write_scene(tmp_path / "scenes" / "a_N2.tif", 90, 60, 2)
    jobs.write_scene(tmp_path / "scenes" / "b_N2.tif", 60, 60, 3)
    seen = []

    def look():
        nights.turn()
        seen.append(nights.shown)

    assert nights.run({1: look, 2: look}) is Ending.DONE
    assert seen == [["a_N2.tif", "b_N1.tif"], ["a_N2.tif", "b_N2.tif"]]


def test_a_scene_that_went_into_quarantine_is_shown_so_meanwhile(nights, tmp_path):
    assert nights.run() is Ending.DONE
    jobs.write_broken(tmp_path / "scenes" / "a.tif")
    nights.write("b.tif", 50)
    seen = []

    def look():
        nights.turn()
        entries = sgddiff_batch.list_mosaics(nights.output)
        seen.append({entry.scene_id: entry.state for entry in entries})

    assert nights.run({2: look}) is Ending.QUARANTINED
    assert seen == [dict.fromkeys(NAMES, "done") | {"a.tif": "quarantined"}]


def test_a_rollback_meanwhile_stays_until_the_end(nights, caplog):
    assert nights.run() is Ending.DONE
    for seed, name in enumerate(NAMES, 30):
        nights.write(name, seed)

    def turn_back():
        nights.turn()
        assert nights.kept == [(1, 4), (2, 4)]
        catalogue.rollback(open_store(nights.output))

    def look():
        nights.turn()
        assert catalogue.read_pointer(open_store(nights.output)).current == 1

    assert nights.run({1: turn_back, 2: look, 3: look}) is Ending.DONE
    assert nights.kept == [(1, 4), (3, 4)]
    assert catalogue.read_pointer(open_store(nights.output)).current == 3
    assert "was at generation 1 by a rollback; it goes on" in caplog.text


def test_heartbeats_tell_how_far_the_run_is(nights):
    told = []

    def ask():
        # The next renewal is due in a while; the one at the end tells the last of it.
        store = open_store(nights.output)
        told.append(parsed_lease(store, read_lease(store).data).progress)

    assert nights.run({1: ask}) is Ending.DONE
    ask()
    assert told[0] is None
    assert (told[1].done, told[1].failed, told[1].quarantined, told[1].left) == (4, 0, 0, 0)


def test_a_scene_that_a_killed_run_made_and_that_was_gone_then_leaves_the_catalogue(nights, tmp_path):
    out = nights.output
    nights.output = scripted_uri(tmp_path / "out")
    killed = StoreFault("write", "*/_ledger/scenes/c.tif~.json", error=Killed(), dies=True)
    with scripted(killed), pytest.raises(Killed):
        nights.run()
    nights.output = out
    (nights.folder / "scenes" / "a.tif").unlink()
    assert nights.run() is Ending.DONE
    assert nights.shown == NAMES, "it was made, and no catalogue ever said whose it is"
    assert nights.run() is Ending.DONE
    assert nights.shown == NAMES[1:]
