"""What a night tells: its plan before any work, damaged records, and by its exit code what the archive is."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import sgddiff_batch
from jobs import infer_archive
from jobs.exits import Exit
from jobs.printing import plan
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.ledger.redo import mark_redo
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.protocols import Left, SceneRecord
from sgddiff_batch.runs.execute import EngineSettings, run_works
from tests.kit import jobs
from tests.kit.counting import counted_work
from tests.kit.faulty import StoreFault
from tests.kit.scripted import scripted, scripted_output

SMALL = ("--set", "tiling.block_px=64", "--set", "tiling.task_memory_gib=0.003")
"""Many tasks a scene."""


NO_CATALOGUE = StoreFault("write", "*/_catalogue/*", None, OSError("no space left"))


class Killed(BaseException):
    """A SIGKILL, from inside."""


@pytest.fixture
def night(tmp_path, checkpoint):
    """Run the job over ``tmp_path/scenes`` into ``tmp_path/out``; returns its exit code."""
    scenes = tmp_path / "scenes"
    for seed, name in enumerate(["a.tif", "b.tif", "c.tif"]):
        jobs.write_scene(scenes / name, 150, 200, seed)

    def run(*flags):
        config = jobs.write_config(tmp_path / "run.yaml", scenes, tmp_path / "out", checkpoint)
        return infer_archive.main(["--config", str(config), *flags])

    return run


def newest_report(out):
    return jobs.reports(out)[-1]


def rows(out, state):
    return {row["scene_id"]: row for row in newest_report(out)["scenes"] if row["state"] == state}


def plan_of(text):
    """The rows of the printed plan, words to value."""
    cells = [line.split("│")[1:3] for line in text.splitlines() if line.count("│") == 3]
    return {words.strip(): value.strip() for words, value in cells}


def run_until_killed(night, tmp_path):
    """A night over a scene of many tasks that is killed after four of them."""
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 301, 417, 5)
    killed = StoreFault("write", "*/_ledger/blocks/*", (5,), Killed())
    with scripted(killed), pytest.raises(Killed):
        night(*SMALL, "--set", "engine.workers=1", *scripted_output(tmp_path / "out"))


class TestPlan:
    def test_a_run_prints_it_before_any_work_and_later_ones_say_how_long(self, night, tmp_path, capsys):
        def words_before_the_work():
            """Run a night, and return the plan that it had printed when it began its first mosaic."""
            seen = []
            begin = StoreFault("put", "*.zarr/zarr.json", then=lambda: seen.append(capsys.readouterr().out))
            with scripted(begin):
                assert night(*scripted_output(tmp_path / "out"), *changes) == Exit.DONE
            return plan_of(seen[0])

        changes = []
        first = words_before_the_work()
        assert (first["new"], first["changed"], first["scenes withdrawn"]) == ("3", "0", "0")
        assert first["blocks"] == "12"
        assert first["estimated time"].startswith("unknown")
        scenes = tmp_path / "scenes"
        jobs.write_scene(scenes / "a.tif", 150, 200, 9)
        jobs.write_scene(scenes / "d.tif", 150, 200, 10)
        (scenes / "b.tif").unlink()
        second = words_before_the_work()
        assert (second["new"], second["changed"]) == ("1", "1")
        assert (second["scenes withdrawn"], second["scenes unchanged"]) == ("1", "1")
        assert second["estimated time"].startswith("about ")
        assert "before compression" in second["to read"]
        capsys.readouterr()
        assert night() == Exit.DONE
        assert plan_of(capsys.readouterr().out)["estimated time"] == "nothing to compute"
        changes = ["--set", "tiling.overlap_px=16", "--set", "tiling.block_px=160"]
        assert words_before_the_work()["other model or settings"] == "3"

    @pytest.mark.parametrize(
        ("seconds", "words"), [(3, "3 s"), (600, "10 min"), (7200, "2.0 h"), (864000, "10.0 days")]
    )
    def test_times_are_told_in_a_unit_for_people(self, seconds, words):
        assert plan.duration(seconds) == words


class TestExitCode:
    def test_a_quarantine_of_a_run_that_was_killed_is_told_by_the_next_and_once(
        self, night, tmp_path, caplog
    ):
        jobs.write_broken(tmp_path / "scenes" / "a.tif")
        # Right after the record: nothing is published or told.
        killed = StoreFault("write", "*/_ledger/scenes/a.tif~.json", error=Killed(), lost=True, dies=True)
        with scripted(killed), pytest.raises(Killed):
            night(*scripted_output(tmp_path / "out"))
        assert ObjectLedger(open_store(str(tmp_path / "out"))).record("a.tif").reason
        assert night() == Exit.QUARANTINED
        assert "1 scene was put into quarantine by a run that did not end well" in caplog.text
        assert night() == Exit.DONE

    def test_a_run_that_fails_leaves_its_quarantines_to_be_told_by_the_next(self, night, tmp_path):
        jobs.write_broken(tmp_path / "scenes" / "a.tif")
        with scripted(NO_CATALOGUE):
            assert night(*scripted_output(tmp_path / "out")) == Exit.FAILED
        assert night() == Exit.QUARANTINED
        assert night() == Exit.DONE

    def test_quarantines_of_scenes_that_a_run_did_not_look_at_are_left_to_be_told(self, night, tmp_path):
        ledger = ObjectLedger(open_store(str(tmp_path / "out")))
        assert night() == Exit.DONE
        (tmp_path / "scenes" / "a.tif").unlink()
        ledger.finish(SceneRecord("a.tif", "v", "key", None, "it is torn"))
        assert ledger.names("untold") == ["a.tif"]
        assert night() == Exit.DONE
        assert ledger.names("untold") == ["a.tif"]

    def test_a_scene_that_left_quarantine_meanwhile_is_not_told_of(self, night, tmp_path):
        jobs.write_broken(tmp_path / "scenes" / "a.tif")
        with scripted(NO_CATALOGUE):
            assert night(*scripted_output(tmp_path / "out")) == Exit.FAILED
        jobs.write_scene(tmp_path / "scenes" / "a.tif", 150, 200, 7)
        assert night() == Exit.DONE
        assert ObjectLedger(open_store(str(tmp_path / "out"))).names("untold") == []


class TestTiles:
    def test_only_computed_tiles_are_counted_also_of_scenes_in_quarantine(self, night, tmp_path):
        jobs.write_broken(tmp_path / "scenes" / "a.tif")
        with counted_work() as work:
            assert night(*SMALL) == Exit.QUARANTINED
        report = newest_report(tmp_path / "out")
        assert report["totals"]["tiles"] == work.tiles
        lattice_tiles = 5 * 5  # of 300 x 300 px
        assert 0 < rows(tmp_path / "out", "quarantined")["a.tif"]["tiles"] < lattice_tiles

    def test_what_a_killed_run_computed_is_not_counted_twice(self, night, tmp_path):
        run_until_killed(night, tmp_path)
        with counted_work() as work:
            assert night(*SMALL) == Exit.DONE
        assert newest_report(tmp_path / "out")["totals"]["tiles"] == work.tiles


class TestDamage:
    @pytest.fixture
    def ended(self, night, tmp_path):
        """A night that ended well, and its output."""
        assert night() == Exit.DONE
        return tmp_path / "out"

    def assert_night(self, night, out, scene_id, words):
        before = jobs.decoded(out)
        assert night() == Exit.DONE
        row = rows(out, "damaged record")[scene_id]
        assert words in row["reason"]
        assert newest_report(out)["totals"]["scenes"] == 3
        return before

    @pytest.mark.parametrize("data", [b"", b"{", b"[]"])
    def test_a_damaged_redo_mark_has_its_scene_made_anew_once(self, night, ended, data):
        (ended / "_ledger/redo").mkdir()
        (ended / "_ledger/redo/a.tif~.json").write_bytes(data)
        before = self.assert_night(night, ended, "a.tif", "its scene is worked on again")
        assert newest_report(ended)["totals"]["states"]["unchanged"] == 2
        assert set(rows(ended, "done")) == {"a.tif"}
        now = {name.replace(".r1.zarr", ".zarr"): codes for name, codes in jobs.decoded(ended).items()}
        jobs.assert_equal_mosaics(now, before)
        assert night() == Exit.DONE
        assert newest_report(ended)["totals"]["states"] == {"unchanged": 3}

    def test_a_damaged_withdrawal_of_a_scene_that_is_there_is_taken_back(self, night, ended):
        (ended / "_ledger/withdrawn").mkdir()
        (ended / "_ledger/withdrawn/a.tif~.json").write_bytes(b"{")
        before = self.assert_night(night, ended, "a.tif", "counts as withdrawn")
        jobs.assert_equal_mosaics(jobs.decoded(ended), before)
        assert not (ended / "_ledger/withdrawn").exists()

    def test_a_damaged_withdrawal_of_a_scene_that_left_stays_one(self, night, ended, tmp_path):
        (tmp_path / "scenes/c.tif").unlink()
        assert night() == Exit.DONE
        (ended / "_ledger/withdrawn/c.tif~.json").write_bytes(b"{")
        assert night() == Exit.DONE
        assert set(rows(ended, "damaged record")) == {"c.tif"}
        assert newest_report(ended)["totals"]["states"]["unchanged"] == 2
        assert len(sgddiff_batch.list_mosaics(str(ended))) == 2

    def test_damaged_marks_of_blocks_cost_their_blocks_and_no_other_scene(self, night, tmp_path):
        out = tmp_path / "out"
        run_until_killed(night, tmp_path)
        marks = sorted(out.glob("_ledger/blocks/**/*~.json"))
        assert marks
        marks[0].write_bytes(b"{")
        assert night(*SMALL) == Exit.DONE
        assert "a.tif" in rows(out, "done")
        (row,) = rows(out, "damaged record").values()
        assert "its blocks are computed again" in row["reason"]
        broken = jobs.decoded(out)
        shutil.rmtree(out)
        assert night(*SMALL) == Exit.DONE
        jobs.assert_equal_mosaics(broken, jobs.decoded(out))

    def test_a_damaged_record_of_a_commit_costs_its_mosaic_again_and_no_other(self, night, ended):
        before = jobs.decoded(ended)
        other = ("--set", "tiling.overlap_px=16", "--set", "tiling.block_px=160")
        assert night(*other) == Exit.DONE
        (path,) = [p for p in ended.glob("_ledger/mosaics/a.tif/*") if p.name[:-6] in " ".join(before)]
        path.write_bytes(b"{")
        with counted_work() as work:
            assert night() == Exit.DONE
        assert {store.partition("/")[0] for store in work.blocks} == {"a.tif"}
        assert set(rows(ended, "damaged record")) == {"a.tif"}
        now = {name.replace(".r1.zarr", ".zarr"): codes for name, codes in jobs.decoded(ended).items()}
        jobs.assert_equal_mosaics(now, before)


def test_a_mosaic_that_is_made_anew_is_current_only_once_it_is_there(night, tmp_path):
    assert night() == Exit.DONE
    out = tmp_path / "out"
    store = open_store(str(out))
    record = ObjectLedger(store).records()["a.tif"]
    mark_redo(store, record, "damaged", "2026-01-01T00:00:00+00:00")
    seen = []

    def look():
        seen.append({Path(entry.uri).name for entry in sgddiff_batch.list_mosaics(str(out))})
        assert (out / str(record.store) / "zarr.json").exists()

    with scripted(StoreFault("write", "*/a.tif/*/0/saliency/c/*", None, then=look)):
        assert night(*scripted_output(out)) == Exit.DONE
    assert seen
    assert all(Path(str(record.store)).name in names for names in seen)
    now = ObjectLedger(store).records()["a.tif"].store
    assert now == str(record.store)[:-5] + ".r1.zarr"


@dataclass(frozen=True, order=True)
class Piece:
    """A piece of work."""

    key: str
    with_care: bool = False


PIECES = [Piece(f"{number}") for number in range(9)]


@dataclass
class Made:
    """Makes workers that answer with their work, and keeps their labels."""

    labels: list = field(default_factory=list)

    def __call__(self, label):
        self.labels.append(label)
        return self

    def run(self, work):
        return work

    def take_left(self, label):
        return Left()


@pytest.mark.parametrize("threads", [1, 4])
def test_in_this_process_one_worker_does_all(threads):
    made, works = Made(), iter(PIECES)
    found = run_works(lambda: next(works, None), made, EngineSettings("local", threads))
    assert sorted(found) == PIECES
    assert made.labels == ["local"]
