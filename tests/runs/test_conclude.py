"""What a run leaves to be read: a report and a table as large as what happened, however large the archive."""

from __future__ import annotations

import json

import pytest

from jobs import infer_archive
from jobs.exits import Exit
from jobs.printing import results
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.errors import ConfigError, FatalError, RetryableError
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.storage.store import Store, open_store
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs import conclude
from sgddiff_batch.runs.conclude import RunEnd
from tests.kit import jobs


def second_night(folder, checkpoint, capsys, *, scenes):
    """Run twice over an archive; return the report of the second night, its size, and what it printed."""
    for number in range(scenes):
        jobs.write_scene(folder / "scenes" / f"{number:03d}.tif", 20, 30, number)
        (folder / "scenes" / f"{number:03d}.json").write_text("{}")
    config = jobs.write_config(folder / "run.yaml", folder / "scenes", folder / "out", checkpoint)
    assert infer_archive.main(["--config", str(config)]) == 0
    (first,) = (folder / "out").glob("report-*.json")
    capsys.readouterr()
    assert infer_archive.main(["--config", str(config)]) == 0
    (second,) = set((folder / "out").glob("report-*.json")) - {first}
    return json.loads(second.read_text()), capsys.readouterr().out


def test_a_night_without_work_is_told_in_the_same_space_however_many_scenes_there_are(
    tmp_path, checkpoint, capsys, monkeypatch
):
    monkeypatch.setattr("sgddiff_batch.io.reports.building._NAMED", 1)
    small, said = second_night(tmp_path / "few", checkpoint, capsys, scenes=2)
    large, said_large = second_night(tmp_path / "lot", checkpoint, capsys, scenes=40)
    for report, scenes in ((small, 2), (large, 40)):
        assert (report["scenes"], report["totals"]["states"]) == ([], {"unchanged": scenes})
        assert report["totals"]["scenes"] == scenes
        assert report["totals"]["valid_px"] == scenes * 20 * 30
        assert report["run"]["listing"]["ignored"] == {"it is no .tif or .tiff file": scenes}
        assert [file["path"] for file in report["ignored"]] == ["000.json"]
    # Numbers have more digits, and times other ones.
    assert abs(len(json.dumps(large)) - len(json.dumps(small))) < 40
    assert len(said.splitlines()) == len(said_large.splitlines())
    assert "40 scenes in" in said_large
    assert "salient area" not in said_large, "an empty table"


def test_a_long_table_shows_what_somebody_has_to_look_at(capsys):
    done = [SceneResult(f"{number:05d}.tif", "u", "done") for number in range(1000)]
    bad = [SceneResult("zz.tif", "u", "failed", "why"), SceneResult("zy.tif", "u", "quarantined", "so")]
    results.print_results(RunEnd((*done, *bad), 7, 1.0, "report.json"))
    said = capsys.readouterr().out
    assert "1009 scenes in 1.0 s, 7 of them unchanged" in said
    assert "failed: why" in said
    assert "quarantined: so" in said
    assert said.count(".tif") == 200
    assert "and 802 more; the report has all" in said


@pytest.mark.parametrize("given", ["unchanged", "result"])
def test_a_mark_of_an_untold_quarantine_goes_once_its_scene_is_done_and_was_looked_at(tmp_path, given):
    ledger = ObjectLedger(open_store(str(tmp_path)))
    for name in ("a.tif", "b.tif"):
        ledger.finish(SceneRecord(name, "v", "k", None, "bad"))
    results = [SceneResult("a.tif", "u", "done")] if given == "result" else []
    unchanged = ["a.tif"] if given == "unchanged" else []
    ending = conclude.ending_of(ledger, results, published=True, unchanged=iter(unchanged))
    assert ending is conclude.Ending.DONE
    assert ledger.names("untold") == ["b.tif"]


@pytest.mark.parametrize(
    ("states", "untold", "published", "wanted"),
    [
        ([], [], True, "DONE"),
        (["done", "still quarantined"], [], True, "DONE"),
        (["done"], [], False, "FAILED"),
        (["done", "failed"], [], True, "FAILED"),
        (["quarantined", "pending"], [], True, "FAILED"),
        (["quarantined"], [], True, "QUARANTINED"),
        (["still quarantined"], ["0.tif"], True, "QUARANTINED"),
        (["done"], ["0.tif", "elsewhere.tif"], True, "DONE"),
    ],
)
def test_the_report_says_how_a_run_ends_before_anything_is_noted_of_that(
    tmp_path, states, untold, published, wanted
):
    ledger = ObjectLedger(open_store(str(tmp_path)))
    for name in untold:
        ledger.finish(SceneRecord(name, "v", "k", None, "bad"))
    outcomes = [SceneResult(f"{number}.tif", "u", state) for number, state in enumerate(states)]
    assert conclude.judged(ledger, outcomes, published=published) is conclude.Ending[wanted]
    assert ledger.names("untold") == untold
    assert conclude.ending_of(ledger, outcomes, published=published) is conclude.Ending[wanted]


def test_that_the_ledger_cannot_be_asked_for_the_report_is_logged(tmp_path, caplog):
    class Away(Store):
        def keys(self, prefix=""):
            raise RetryableError("the store is away")

    plain = open_store(str(tmp_path))
    ledger = ObjectLedger(Away(plain.root, plain.backend))
    assert conclude.judged(ledger, [], published=True) is conclude.Ending.FAILED
    assert "the store is away" in caplog.text


@pytest.mark.parametrize(
    ("error", "ending"),
    [(KeyboardInterrupt(), "INTERRUPTED"), (ConfigError("denied"), "WRONG"), (FatalError("lost"), "FAILED")],
)
def test_what_breaks_a_run_off_is_its_ending(error, ending):
    assert conclude.ending_by(error) is conclude.Ending[ending]


@pytest.mark.parametrize("ending", conclude.Ending)
def test_every_ending_has_an_exit_code_of_the_same_name(ending):
    assert Exit[ending.name] is Exit[ending.value.upper()]
