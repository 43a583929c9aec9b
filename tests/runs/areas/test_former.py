"""Areas that left the config, or have another name there: each run names them, a command withdraws them."""

from __future__ import annotations

import pytest
import yaml

from jobs import cli
from jobs.exits import Exit
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.catalogue import generations
from sgddiff_batch.io.ledger.lease import Lease
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.storage.store import open_store
from tests.runs.areas.test_compose import ALL, MONTHLY, World, filled

OTHER = {**MONTHLY, "name": "other", "period": "year"}
TOLD = "1 areas are not in the config, and readers still see them: monthly"


@pytest.fixture
def world(tmp_path, caplog):
    """One area was composed; the config has another in its place."""
    caplog.set_level("INFO")
    world = filled(World(tmp_path))
    assert world.night() == 0
    assert "not in the config" not in caplog.text
    caplog.clear()
    rename(world, OTHER)
    return world


def rename(world: World, *areas: dict) -> None:
    tree = yaml.safe_load(world.config.read_text())
    tree["areas"] = list(areas)
    world.config.write_text(yaml.safe_dump(tree))


@pytest.mark.parametrize("flags", [[], ["--dry-run"], ["--area", "other"]])
def test_a_run_names_the_areas_that_left_the_config_and_leaves_them_on_show(world, caplog, flags):
    before = world.area.keys("")
    assert world.night(*flags) == 0
    assert caplog.text.count(TOLD) == 1
    assert "--withdraw-area NAME" in caplog.text
    assert set(world.mosaics()) == ALL
    assert world.area.keys("") == before


def test_a_config_whose_last_area_was_removed_names_it_too(world, caplog):
    rename(world)
    assert world.night() == Exit.WRONG
    assert TOLD in caplog.text


def test_a_withdrawn_area_leaves_its_catalogue_and_gc_takes_its_stores(world, caplog, capsys):
    assert world.night("--withdraw-area", "monthly") == 0
    assert "monthly: 5 area mosaics left the catalogue" in caplog.text
    assert world.mosaics() == {}
    assert len([key for key in world.area.keys("") if key.endswith(".zarr/zarr.json")]) == 5
    assert not (world.output.keys("_areas/other")), "nothing was composed"
    caplog.clear()
    assert world.night() == 0
    assert "not in the config" not in caplog.text, "who is withdrawn is not told of again"
    assert world.night("--withdraw-area", "monthly") == 0, "twice is once"
    assert cli.main(["gc", world.area.uri, "--older-than", "0", "--delete"]) == 0
    assert [key for key in world.area.keys("") if ".zarr/" in key] == []


def test_a_withdrawn_area_that_is_back_in_the_config_is_current_again(world):
    before = world.mosaics()
    assert world.night("--withdraw-area", "monthly") == 0
    rename(world, MONTHLY)
    assert world.night() == 0
    assert world.mosaics() == before
    assert ObjectLedger(world.area).withdrawn() == {}


def test_a_rollback_brings_a_withdrawn_area_back_to_its_readers(world):
    before = world.mosaics()
    assert world.night("--withdraw-area", "monthly") == 0
    catalogue.rollback(world.area)
    assert world.mosaics() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("other", "the config has that area: take it out first; not in the config are monthly"),
        ("nothing", "there is none; not in the config are monthly"),
        ("../monthly", "there is none"),
        ("monthly/2026-01", "there is none"),
        ("MONTHLY", "there is none"),
        ("", "there is none"),
    ],
)
def test_only_an_area_that_is_there_and_not_in_the_config_is_withdrawn(world, caplog, name, words):
    before = world.output.keys("")
    assert world.night("--withdraw-area", name) == Exit.WRONG
    assert words in caplog.text
    assert world.output.keys("") == before


def test_a_dry_run_says_what_would_leave_and_changes_nothing(world, caplog):
    before = world.output.keys("")
    assert world.night("--withdraw-area", "monthly", "--dry-run") == 0
    assert "monthly: 5 area mosaics would leave the catalogue" in caplog.text
    assert world.output.keys("") == before


def test_beside_a_run_on_the_area_nothing_is_withdrawn(world):
    with Lease(world.area, "another", 5.0):
        assert world.night("--withdraw-area", "monthly") == Exit.HELD
    assert set(world.mosaics()) == ALL


def test_a_damaged_catalogue_of_a_former_area_stops_no_run_and_is_told_to_who_withdraws(world, caplog):
    world.area.write(generations.POINTER, b"{")
    assert world.night() == 0
    assert TOLD in caplog.text
    assert world.night("--withdraw-area", "monthly") == Exit.FAILED
    assert "current.json" in caplog.text


def test_a_withdrawal_that_was_killed_before_it_published_is_completed_by_the_same_command(
    world, monkeypatch
):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "publish", killed)
        assert world.night("--withdraw-area", "monthly") == Exit.INTERRUPTED
    assert set(world.mosaics()) == ALL
    assert world.night("--withdraw-area", "monthly") == 0
    assert world.mosaics() == {}


def test_to_withdraw_and_to_choose_at_once_is_refused(world, capsys):
    with pytest.raises(SystemExit) as end:
        world.night("--withdraw-area", "monthly", "--area", "other")
    assert end.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_a_folder_whose_name_differs_in_case_alone_may_be_the_one_in_use(tmp_path, caplog):
    world = filled(World(tmp_path))
    assert world.night() == 0
    rename(world, {**MONTHLY, "name": "Monthly"})
    assert cli.main(["compose", "--config", str(world.config), "--withdraw-area", "monthly"]) == 2
    assert open_store(world.area.uri).keys("") == world.area.keys("")
    assert set(world.mosaics()) == ALL
