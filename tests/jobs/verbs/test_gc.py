"""`sgddiff gc`: it shows, removes only when told, leaves what is young, and works beside no run."""

from __future__ import annotations

import json

import pytest

from jobs.cli import build_parser, main
from jobs.exits import Exit
from sgddiff_batch.io.ledger import Lease
from sgddiff_batch.io.storage import open_store
from tests.io.catalogue_examples import store_of, superseded


@pytest.fixture
def output(tmp_path):
    return superseded(tmp_path / "out")


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file() and "lease" not in path.name}


def test_without_delete_it_only_shows(output, capsys):
    before = files(output)
    assert main(["gc", str(output), "--older-than", "0"]) == Exit.DONE
    said = capsys.readouterr().out
    assert store_of("a.tif", 1)[:30] in said
    assert "garbage: 2 items" in said
    assert f"dry run, --delete removes it; output: {output}" in said
    assert files(output) == before


def test_with_delete_it_shows_and_removes_what_it_showed(output, capsys):
    assert main(["gc", str(output), "--older-than", "0", "--delete"]) == Exit.DONE
    said = capsys.readouterr().out
    assert said.index("to be removed") < said.index("removed 2 items, ")
    assert not (output / store_of("a.tif", 1)).exists()
    assert (output / store_of("a.tif", 2)).exists()
    assert main(["gc", str(output), "--older-than", "0"]) == Exit.DONE
    assert "nothing to remove" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [[], ["--delete"]])
def test_json_alone_on_standard_output_is_all_that_is_said(output, capsys, flags):
    assert main(["gc", str(output), "--older-than", "0", "--json", *flags]) == Exit.DONE
    tree = json.loads(capsys.readouterr().out)
    assert tree["output"] == str(output)
    assert store_of("a.tif", 1) in [item["path"] for item in tree["garbage"]]
    assert {"young", "broken", "unknown"} < tree.keys()


def test_what_changed_in_the_last_day_is_left_alone_unless_asked(output, capsys):
    before = files(output)
    assert main(["gc", str(output), "--delete"]) == Exit.DONE
    assert files(output) == before
    assert "too young: 1 of kind store" in capsys.readouterr().out


def test_beside_a_run_nothing_is_removed_but_it_can_be_looked_at(output, capsys):
    before = files(output)
    with Lease(open_store(str(output)), "a run", 5.0):
        assert main(["gc", str(output), "--older-than", "0", "--delete"]) == Exit.HELD
        assert files(output) == before
        said = capsys.readouterr()
        assert main(["gc", str(output), "--older-than", "0"]) == Exit.DONE
    assert "removed" not in said.out
    assert "another run is at work" in said.err


@pytest.mark.parametrize("hours", ["-1", "nan", "inf", "soon", ""])
def test_what_is_no_number_of_hours_is_refused_by_its_flag(hours, capsys):
    with pytest.raises(SystemExit) as end:
        build_parser(["gc"]).parse_args(["gc", "out", f"--older-than={hours}"])
    assert end.value.code == Exit.WRONG
    assert f"--older-than: must be 0 or more hours, got {hours!r}" in capsys.readouterr().err


def test_an_output_is_named_by_itself_or_by_the_config(night, capsys):
    for words in ([str(night.output)], ["--config", night.config]):
        assert main(["gc", *words]) == Exit.DONE
        said = capsys.readouterr().out
        assert said == f"nothing to remove below {night.output}\n"
    assert main(["gc"]) == Exit.WRONG
    assert "give OUTPUT, or --config" in capsys.readouterr().err


def test_a_folder_that_is_no_output_is_refused(tmp_path, capsys):
    assert main(["gc", str(tmp_path / "typo"), "--delete"]) == Exit.WRONG
    assert "neither _ledger nor _catalogue" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()
