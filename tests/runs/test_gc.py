"""The command that removes garbage: dry unless told, and never beside a run."""

import pytest

from jobs import cli
from jobs.exits import Exit
from sgddiff_batch.io.catalogue.generations import publish
from sgddiff_batch.io.ledger.lease import Lease
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.storage.store import open_store
from tests.io.catalogue_examples import NIGHT, finish, store_of


@pytest.fixture
def output(tmp_path):
    """An output with one superseded mosaic that no kept generation names."""
    store = open_store(str(tmp_path / "out"))
    for number in (1, 2):
        finish(store, "a.tif", number)
        publish(store, ObjectLedger(store).records(), set(), NIGHT, keep=1)
    return tmp_path / "out"


def objects(output):
    return {str(path) for path in output.rglob("*") if path.is_file() and "lease" not in path.name}


def test_it_shows_what_it_would_remove_and_removes_it_only_when_told(output, capsys):
    before = objects(output)
    assert cli.main(["gc", str(output), "--older-than", "0"]) == 0
    shown = capsys.readouterr().out
    assert store_of("a.tif", 1)[:30] in shown
    assert "garbage: 2 items" in shown
    assert objects(output) == before
    assert cli.main(["gc", str(output), "--older-than", "0", "--delete"]) == 0
    assert "removed 2 items" in capsys.readouterr().out
    assert not (output / store_of("a.tif", 1)).exists()
    assert (output / store_of("a.tif", 2)).exists()
    assert cli.main(["gc", str(output), "--older-than", "0"]) == 0
    assert "garbage: 0 items" in capsys.readouterr().out


def test_what_changed_within_a_day_is_left_alone(output, capsys):
    before = objects(output)
    assert cli.main(["gc", str(output), "--delete"]) == 0
    assert objects(output) == before
    assert "too young: 1 of kind store" in capsys.readouterr().out


def test_while_a_run_is_at_work_nothing_is_removed(output, capsys):
    before = objects(output)
    with Lease(open_store(str(output)), "a-run", 5.0):
        assert cli.main(["gc", str(output), "--older-than", "0", "--delete"]) == Exit.HELD
        assert objects(output) == before
        assert cli.main(["gc", str(output), "--older-than", "0"]) == 0
    assert "another run is at work" in capsys.readouterr().err


@pytest.mark.parametrize("hours", ["-1", "nan", "inf", "soon"])
def test_an_age_that_is_none_is_refused(output, hours):
    with pytest.raises(SystemExit) as end:
        cli.main(["gc", str(output), f"--older-than={hours}"])
    assert end.value.code == Exit.WRONG


def test_a_folder_that_is_no_output_is_refused(tmp_path, capsys):
    assert cli.main(["gc", str(tmp_path / "typo"), "--delete"]) == Exit.WRONG
    assert "neither _ledger nor _catalogue" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()
