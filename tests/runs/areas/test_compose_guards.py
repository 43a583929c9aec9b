"""What the job that composes area mosaics does not do, however wrong its config or what it finds is."""

from __future__ import annotations

import json

import pytest
import yaml
from rasterio.crs import CRS

import sgddiff_batch
from jobs import cli
from jobs.exits import Exit
from sgddiff_batch.io.ledger.area_cells import CELLS
from sgddiff_batch.io.ledger.marks import ObjectLedger
from tests.io.area_examples import object_bytes, put_scene, smooth
from tests.kit.faulty import StoreFault
from tests.runs.areas.test_compose import ALL, MONTHLY, World, filled

HERE = "2026-02/x627y6624"
"""The only mosaic of c.tif, which has no other scene."""


@pytest.fixture
def world(tmp_path):
    return filled(World(tmp_path))


def change(world: World, **changes: object) -> None:
    tree = yaml.safe_load(world.config.read_text())
    tree["areas"] = [{**MONTHLY, **changes}]
    world.config.write_text(yaml.safe_dump(tree))


def withdraw(world: World, name: str) -> None:
    ObjectLedger(world.output).withdraw(name, "2026-03-01T00:00:00+00:00")
    world.publish()


def come_back(world: World, name: str) -> None:
    ObjectLedger(world.output).restore(name)
    world.publish()


def timeless(tmp_path) -> World:
    """Scenes whose times only their names tell."""
    world = World(tmp_path, {**MONTHLY, "time_pattern": "_([0-9]{8})"})
    world.times = {}
    for month, col in ((1, 0), (2, 160), (3, 320)):
        put_scene(world.output, f"s_2026{month:02d}05.tif", smooth(80, 80, month, hole=False), col=col)
    world.publish()
    return world


@pytest.mark.parametrize(("flags", "code"), [([], Exit.FAILED), (["--allow-withdrawals"], Exit.QUARANTINED)])
def test_a_mistake_that_refuses_all_scenes_takes_no_mosaic_from_the_catalogue(tmp_path, caplog, flags, code):
    world = timeless(tmp_path)
    assert world.night() == 0
    before = world.mosaics()
    assert len(before) == 3
    change(world, time_pattern="-([0-9]{8})")
    assert world.night(*flags) == code
    assert world.mosaics() == before
    assert ObjectLedger(world.area).withdrawn() == {}
    assert "3 area mosaics have no scene left but such as are refused now" in caplog.text


def test_more_than_half_of_an_area_leaves_its_catalogue_only_when_that_is_allowed(world, caplog):
    assert world.night() == 0
    before = world.mosaics()
    for name in ("a.tif", "b.tif"):
        withdraw(world, name)
    assert world.night() == Exit.FAILED
    assert world.mosaics() == before
    assert "4 of the 5 area mosaics" in caplog.text
    assert "--allow-withdrawals" in world.report()["run"]["withdrawals_refused"]
    assert world.night("--allow-withdrawals") == 0
    assert set(world.mosaics()) == {HERE}


@pytest.mark.parametrize(("kind", "code"), [("damaged", Exit.QUARANTINED), ("gone", Exit.FAILED)])
def test_the_mosaic_of_scenes_that_left_does_not_come_back_when_the_new_one_cannot_be_made(world, kind, code):
    assert world.night() == 0
    withdraw(world, "c.tif")
    assert world.night() == 0
    assert set(world.mosaics()) == ALL - {HERE}
    world.put("c.tif", 9, number=2)
    come_back(world, "c.tif")
    entry = next(e for e in sgddiff_batch.list_mosaics(world.output.uri) if e.scene_id == "c.tif")
    store = entry.uri.removeprefix(f"{world.output.uri}/")
    key = f"{store}/0/saliency/c/0/0" if kind == "damaged" else f"{store}/zarr.json"
    sound = world.output.read(key)
    if kind == "damaged":
        world.output.write(key, sound[: len(sound) // 2])
    else:
        world.output.delete(key)
    assert world.night() == code
    assert set(world.mosaics()) == ALL - {HERE}
    world.output.write(key, sound)
    assert world.night("--retry-quarantined") == 0
    assert set(world.mosaics()) == ALL
    assert ObjectLedger(world.area).withdrawn() == {}


def test_what_comes_back_unchanged_is_current_again(world):
    assert world.night() == 0
    before = world.mosaics()
    withdraw(world, "c.tif")
    assert world.night() == 0
    come_back(world, "c.tif")
    assert world.night() == 0
    assert world.mosaics() == before


@pytest.mark.parametrize(
    "changes",
    [{"resolution": 20}, {"origin": [5, 0]}, {"cell_px": 40}, {"period": "year"}, {"crs": "EPSG:32632"}],
)
def test_an_area_is_not_gone_on_with_on_another_lattice(world, capsys, changes):
    assert world.night() == 0
    before = world.area.keys("")
    change(world, **changes)
    for flags in (["--dry-run"], []):
        assert world.night(*flags) == Exit.WRONG
    said = capsys.readouterr().err
    assert f"{next(iter(changes))} was" in said
    assert "take another name for the area" in said
    after = [key for key in world.area.keys("") if "lease" not in key]
    assert after == [key for key in before if "lease" not in key]
    change(world, rule="max", block_px=1024)
    assert world.night() == 0, "what is no lattice may change"


def test_the_same_crs_in_other_words_is_no_other_lattice(world):
    assert world.night() == 0
    row = json.loads(world.area.read(CELLS))
    words = CRS.from_epsg(32633).to_wkt(version="WKT2_2019")
    assert words != row["crs"]
    row["crs"] = words
    world.area.write(CELLS, json.dumps(row).encode())
    assert world.night() == 0


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff"])
def test_a_damaged_note_of_the_lattice_stops_the_run_with_its_key(world, capsys, data):
    assert world.night() == 0
    world.area.write(CELLS, data)
    assert world.night() == Exit.FAILED
    assert CELLS in capsys.readouterr().err


def test_a_damaged_note_of_the_ledger_about_one_scene_stops_no_other(world):
    entry = next(e for e in sgddiff_batch.list_mosaics(world.output.uri) if e.scene_id == "c.tif")
    store = entry.uri.removeprefix(f"{world.output.uri}/")
    world.output.write(f"_ledger/mosaics/{store}~.json", b"{")
    assert world.night() == Exit.QUARANTINED
    assert set(world.mosaics()) == ALL - {HERE}


@pytest.mark.usefixtures("hurried")
def test_a_quarantine_of_a_run_that_was_broken_off_is_told_by_the_next(world):
    entry = next(e for e in sgddiff_batch.list_mosaics(world.output.uri) if e.scene_id == "c.tif")
    key = entry.uri.removeprefix(f"{world.output.uri}/") + "/0/saliency/c/0/0"
    world.output.write(key, b"damaged")
    full = StoreFault("write", "*/_areas/monthly/2026-01/*", None, OSError("the disk is full"))
    assert world.scripted_night(full) == Exit.FAILED
    assert world.night() == Exit.QUARANTINED, "nobody was told yet"
    assert world.night() == 0


def test_scenes_of_several_models_are_warned_of_and_named_in_the_provenance(world, caplog):
    assert world.night() == 0
    assert "models are composed" not in caplog.text
    world.put("b.tif", 1, number=2)
    entry = max(world.output.keys("b.tif"), key=lambda key: (key.count("/") == 2, key))
    root = json.loads(world.output.read(entry))
    root["attributes"]["provenance"]["pixel_settings"]["model"]["digest"] = "e" * 64
    world.output.write(entry, json.dumps(root).encode())
    world.publish()
    assert world.night() == 0
    assert "scenes of 2 models are composed" in caplog.text
    store = world.mosaics()["2026-01/x625y6624"].removeprefix(f"{world.area.uri}/")
    scenes = json.loads(world.area.read(f"{store}/zarr.json"))["attributes"]["provenance"]["scenes"]
    assert {row["id"]: row["model_digest"] for row in scenes} == {"a.tif": "d" * 64, "b.tif": "e" * 64}


def store_of(world: World, area_id: str) -> str:
    return world.mosaics()[area_id].removeprefix(f"{world.area.uri}/")


@pytest.mark.parametrize("key", ["0/n_obs/c/0/0", "zarr.json"])
def test_a_redo_after_a_quarantine_never_composes_over_the_mosaic_that_was_damaged(world, key):
    assert world.night() == 0
    store = store_of(world, HERE)
    sound = object_bytes(world.area, store)
    world.area.write(f"{store}/{key}", b"damaged")
    there = {name: world.area.read(name) for name in world.area.keys(store)}
    on_area = ["--config", str(world.config), "--set", f"output.uri={world.area.uri}"]
    assert cli.main(["verify", *on_area, "--mark-for-redo"]) == Exit.DAMAGED
    entry = next(e for e in sgddiff_batch.list_mosaics(world.output.uri) if e.scene_id == "c.tif")
    shard = entry.uri.removeprefix(f"{world.output.uri}/") + "/0/saliency/c/0/0"
    scene = world.output.read(shard)
    world.output.write(shard, b"torn")
    assert world.night() == Exit.QUARANTINED
    assert ObjectLedger(world.area).disowned([store]) == {store}
    assert ObjectLedger(world.area).record(HERE).store == store, "readers still have it"
    world.output.write(shard, scene)
    assert world.night("--retry-quarantined") == 0
    assert store_of(world, HERE) == store.replace(".zarr", ".r1.zarr")
    assert object_bytes(world.area, store_of(world, HERE)) == sound
    assert {name: world.area.read(name) for name in world.area.keys(store)} == there


def test_a_replacement_that_is_damaged_too_is_replaced_in_its_turn(world):
    assert world.night() == 0
    stores = [store_of(world, HERE)]
    on_area = ["--config", str(world.config), "--set", f"output.uri={world.area.uri}"]
    for _ in range(2):
        world.area.write(f"{stores[-1]}/0/n_obs/c/0/0", b"damaged")
        assert cli.main(["verify", *on_area, "--mark-for-redo"]) == Exit.DAMAGED
        assert world.night() == 0
        stores.append(store_of(world, HERE))
    assert [store.rpartition("-")[2].partition(".")[2] for store in stores] == ["zarr", "r1.zarr", "r2.zarr"]
    assert cli.main(["verify", *on_area]) == Exit.DONE
