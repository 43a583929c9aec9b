"""`sgddiff verify`: damage ends with 5, is told, and marked where that is asked; all else stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.cli import build_parser, main
from jobs.exits import Exit
from sgddiff_batch.io.ledger import ObjectLedger, redo_marks
from sgddiff_batch.io.storage import open_store

SHARD = "0/saliency/c/0/0"


@pytest.fixture
def damaged(night):
    """A night, one shard of which has a wrong bit since."""
    path = Path(night.uri("a.tif"), SHARD)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return night


def marks(output):
    ledger = ObjectLedger(open_store(str(output)))
    return redo_marks(ledger.store, ledger.records())[0]


def files(output):
    return {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}


def test_a_sound_output_ends_with_0_and_stays_as_it_is(night, capsys):
    before = files(night.output)
    assert main(["verify", str(night.output), "--mark-for-redo"]) == Exit.DONE
    assert capsys.readouterr().out.startswith("2 mosaics, ")
    assert files(night.output) == before


def test_damage_ends_with_5_and_names_the_object(damaged, capsys):
    before = files(damaged.output)
    assert main(["verify", str(damaged.output)]) == Exit.DAMAGED
    said = capsys.readouterr().out
    assert "1 of 2 mosaics are damaged" in said
    assert SHARD in said
    assert files(damaged.output) == before


def test_damage_is_marked_for_the_next_run_where_that_is_asked(damaged, capsys):
    assert main(["verify", str(damaged.output), "--mark-for-redo"]) == Exit.DAMAGED
    assert "the next run makes it anew" in capsys.readouterr().out
    assert [mark.why for mark in marks(damaged.output).values()] == ["damaged"]


@pytest.mark.parametrize("to_file", [True, False])
def test_json_takes_the_place_of_tables_or_is_a_file_besides(damaged, capsys, tmp_path, to_file):
    file = tmp_path / "found.json"
    assert main(["verify", str(damaged.output), f"--json={file}" if to_file else "--json"]) == Exit.DAMAGED
    said = capsys.readouterr().out
    tree = json.loads(file.read_text() if to_file else said)
    assert (tree["mosaics"], tree["damaged"]) == (2, 1)
    assert [problem["key"] for problem in tree["told"][0]["problems"]] == [SHARD]
    assert ("are damaged" in said) == to_file


def test_only_the_mosaics_that_are_named_are_looked_at(damaged, capsys):
    assert main(["verify", str(damaged.output), "--mosaic", damaged.uri("b.tif")]) == Exit.DONE
    assert capsys.readouterr().out.startswith("1 mosaic, ")
    assert main(["verify", str(damaged.output), "--mosaic", "typo.zarr"]) == Exit.WRONG
    assert "the ledger knows no such mosaic" in capsys.readouterr().err


def test_a_damaged_catalogue_ends_with_5(night, capsys):
    pointer = night.output / "_catalogue" / "current.json"
    pointer.write_bytes(b"{")
    assert main(["verify", str(night.output)]) == Exit.DAMAGED
    assert capsys.readouterr().err.startswith("sgddiff verify: ")


def test_a_report_that_cannot_be_written_ends_with_1(night, tmp_path, capsys):
    assert main(["verify", str(night.output), f"--json={tmp_path / 'typo' / 'found.json'}"]) == Exit.FAILED
    assert "typo" in capsys.readouterr().err


def test_a_sample_is_recomputed_by_a_config_alone(night, capsys):
    assert main(["verify", str(night.output), "--sample", "1"]) == Exit.WRONG
    assert "give --config" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--sample", "--seed"])
@pytest.mark.parametrize("number", ["-1", "x", "1.5", "", "²"])
def test_what_is_no_number_is_refused_by_its_flag(flag, number, capsys):
    with pytest.raises(SystemExit) as end:
        build_parser(["verify"]).parse_args(["verify", "out", f"{flag}={number}"])
    assert end.value.code == Exit.WRONG
    assert f"{flag}: must be a whole number, got {number!r}" in capsys.readouterr().err
