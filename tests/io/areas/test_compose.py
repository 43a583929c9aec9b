"""One area mosaic: what is in it, what a kill costs, and what happens when its scenes change under it."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from sgddiff_batch.core.composite_planning import AreaPlan
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import ChangedSceneError, FatalError, RetryableError, SceneError
from sgddiff_batch.io.areas import compose as composing
from sgddiff_batch.io.areas.compose import Composer
from sgddiff_batch.io.ledger.fence import fenced
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics.counts import AreaBlockWriter
from sgddiff_batch.io.mosaics.opening import open_mosaic
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import Store, open_store
from tests.io.area_examples import (
    area_settings,
    arrays_of,
    object_bytes,
    planned,
    publish_scenes,
    put_scene,
    smooth,
)
from tests.io.catalogue_examples import deaths, dying_store
from tests.io.mosaic_examples import Killed
from tests.kit.faulty import StoreFault, faulty

TIMES = {"a.tif": "2026-01-05", "b.tif": "2026-01-20T10:00:00Z", "c.tif": "2026-01-20T10:00:00Z"}
CODES = {name: smooth(90, 100, seed) for seed, name in enumerate(TIMES)}
PLACES = {"a.tif": (-10, -20), "b.tif": (20, 10), "c.tif": (5, 30)}
RULES = ["latest", "first", "max", "mean"]


def fill(output: Store) -> Store:
    for name, (row, col) in PLACES.items():
        put_scene(output, name, CODES[name], row=row, col=col)
    publish_scenes(output, TIMES)
    return output


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Three scenes of one grid that overlap in one cell; two of them of one time. Only to be read."""
    return fill(open_store(str(tmp_path_factory.mktemp("archive"))))


@pytest.fixture
def area(tmp_path):
    return open_store(str(tmp_path / "area"))


def composer_of(archive, area, rule="latest", block_px=32, **changes) -> Composer:
    return Composer(archive, area, "try", area_settings(rule, **changes), block_px, "run")


def plan_of(archive, settings) -> AreaPlan:
    return planned(archive, settings)["2026-01/x625y6624"]


def wanted(rule: str) -> tuple[np.ndarray, np.ndarray]:
    """What the cell must hold, by plain slices."""
    stack = []
    for name in sorted(TIMES, key=lambda name: (TIMES[name], name)):
        row, col = PLACES[name]
        plane = np.full((400, 400), 255, dtype=np.uint8)
        plane[100 + row : 190 + row, 100 + col : 200 + col] = CODES[name]
        stack.append(plane[100:180, 100:180])
    n_obs = np.sum([codes != 255 for codes in stack], axis=0)
    codes = np.full((80, 80), 255, dtype=np.uint8)
    if rule in ("latest", "first"):
        for plane in stack if rule == "latest" else stack[::-1]:
            codes = np.where(plane != 255, plane, codes)
    else:
        values = np.array([np.where(plane == 255, 0, plane) for plane in stack], dtype=int)
        found = (
            values.max(axis=0) if rule == "max" else (2 * values.sum(0) + n_obs) // np.maximum(2 * n_obs, 1)
        )
        codes = np.where(n_obs > 0, found, 255).astype(np.uint8)
    return codes, n_obs


@pytest.mark.parametrize("rule", RULES)
def test_a_cell_holds_what_its_rule_says_of_its_scenes(archive, area, rule):
    composer = composer_of(archive, area, rule)
    plan = plan_of(archive, composer.settings)
    record = composer.compose(plan)
    arrays, (codes, n_obs) = arrays_of(area, plan.path), wanted(rule)
    np.testing.assert_array_equal(arrays["0/saliency"], codes)
    np.testing.assert_array_equal(arrays["0/n_obs"], n_obs)
    assert record.valid_px == (n_obs > 0).sum()
    assert record.salient_px == ((codes >= 127) & (codes != 255)).sum()
    assert 3 in n_obs
    saliency = open_mosaic(f"{area.uri}/{plan.path}")
    assert saliency.shape == (80, 80)
    assert saliency.attrs["provenance"]["area"]["period"] == "2026-01"
    assert [scene["id"] for scene in saliency.attrs["provenance"]["scenes"]] == sorted(TIMES)


def test_who_looks_on_sees_each_block_that_is_composed_and_none_that_was_there(archive, area):
    composer = composer_of(archive, area, block_px=32)
    plan = plan_of(archive, composer.settings)
    whole, seen = np.zeros((80, 80), np.uint8), []

    def see(codes, block, grid):
        whole[block.slices] = codes
        seen.append((block, grid))

    composer.compose(plan, see)
    np.testing.assert_array_equal(whole, arrays_of(area, plan.path)["0/saliency"])
    assert {grid for _, grid in seen} == {Window(0, 80, 0, 80)}
    assert len({block for block, _ in seen}) == len(seen) == 9
    composer.compose(plan, lambda *block: pytest.fail(f"{block} is there"))


@pytest.mark.parametrize("rule", RULES)
def test_no_byte_depends_on_the_order_of_scenes_or_the_size_of_blocks(archive, tmp_path, rule, monkeypatch):
    results = {}
    for number, block_px in enumerate((32, 64, 96)):
        area = open_store(str(tmp_path / str(number)))
        composer = composer_of(archive, area, rule, block_px)
        plan = plan_of(archive, composer.settings)
        scenes = list(plan.scenes)
        random.Random(number).shuffle(scenes)
        composer.compose(replace(plan, scenes=tuple(scenes)))
        results[number] = arrays_of(area, plan.path)
    for number in (1, 2):
        assert {k: v.tobytes() for k, v in results[number].items()} == {
            k: v.tobytes() for k, v in results[0].items()
        }


def test_a_run_killed_at_any_change_and_run_again_ends_with_equal_bytes(archive, tmp_path):
    quiet = open_store(str(tmp_path / "quiet"))
    plan = plan_of(archive, area_settings())
    composer_of(archive, quiet).compose(plan)
    kills = 0
    for number in deaths():
        folder = tmp_path / "killed"
        try:
            composer_of(archive, dying_store(folder, number)).compose(plan)
            break
        except Killed:
            kills += 1
            area = open_store(str(folder))
            record = ObjectLedger(area).record(plan.area_id)
            assert record is None or AreaBlockWriter(area).is_complete(record.store)
    assert kills > 20
    area = open_store(str(folder))
    assert object_bytes(area, plan.path) == object_bytes(quiet, plan.path)
    assert ObjectLedger(area).record(plan.area_id).valid_px > 0


@pytest.mark.parametrize("die_at", [3, 20, 45])
def test_a_run_that_goes_on_composes_only_the_blocks_that_are_missing(archive, area, die_at, monkeypatch):
    plan = plan_of(archive, area_settings())
    with pytest.raises(Killed):
        composer_of(archive, dying_store(area.root, die_at)).compose(plan)
    stored = len(ObjectLedger(area).finished_blocks(plan.path))
    composed = []
    whole = Composer._composed
    monkeypatch.setattr(
        Composer, "_composed", lambda self, mosaic, block, *rest: (
            composed.append(block), whole(self, mosaic, block, *rest))[1],
    )  # fmt: skip
    composer_of(archive, area).compose(plan)
    assert len(composed) == 9 - stored
    np.testing.assert_array_equal(arrays_of(area, plan.path)["0/saliency"], wanted("latest")[0])


def test_what_was_committed_before_is_current_again_without_being_composed(tmp_path, area):
    archive = fill(open_store(str(tmp_path / "archive")))
    composer = composer_of(archive, area)
    plan = plan_of(archive, composer.settings)
    composer.compose(plan)
    ledger = ObjectLedger(area)
    ledger.finish(replace(ledger.record(plan.area_id), store="2026-01/x625y6624/other.zarr"))
    for scene in plan.scenes:
        removed(archive, scene.path)
    assert composer.compose(plan).store == plan.path
    assert ledger.record(plan.area_id).store == plan.path


def test_a_committed_store_that_was_lost_is_made_anew(archive, area):
    composer = composer_of(archive, area)
    plan = plan_of(archive, composer.settings)
    composer.compose(plan)
    before = object_bytes(area, plan.path)
    area.delete(f"{plan.path}/zarr.json")
    composer.compose(plan)
    assert object_bytes(area, plan.path) == before
    assert AreaBlockWriter(area).is_complete(plan.path)


def test_a_cell_that_no_scene_has_a_pixel_in_is_recorded_without_a_store(tmp_path, area):
    archive = open_store(str(tmp_path / "archive"))
    put_scene(archive, "a.tif", np.full((90, 100), 255, dtype=np.uint8))
    publish_scenes(archive, {"a.tif": "2026-01-05"})
    composer = composer_of(archive, area)
    record = composer.compose(plan_of(archive, composer.settings))
    assert (record.store, record.reason, record.valid_px) == (None, None, 0)
    assert not [key for key in area.keys("") if ".zarr/" in key]


def removed(store, path):
    """Remove a mosaic."""
    ZarrBlockWriter(store).empty(path)
    ZarrBlockWriter(store).clear(path)


@pytest.mark.parametrize("block", [1, 4, 8])
def test_a_scene_removed_before_a_block_is_read_is_no_scene_without_data(tmp_path, area, block):
    archive = fill(open_store(str(tmp_path / "archive")))
    plan = plan_of(archive, area_settings())
    path = plan.scenes[1].path
    remove = StoreFault("write", "_ledger/blocks/*", (block,), then=lambda: removed(archive, path))
    composer = composer_of(archive, faulty(area, remove))
    with pytest.raises(ChangedSceneError, match=r"b\.tif"):
        composer.compose(plan)
    assert ObjectLedger(area).record(plan.area_id) is None
    assert not AreaBlockWriter(area).is_complete(plan.path)


def test_a_damaged_scene_leaves_nothing_of_the_mosaic_but_a_reason(tmp_path, area):
    archive = fill(open_store(str(tmp_path / "archive")))
    composer = composer_of(archive, area)
    plan = plan_of(archive, composer.settings)
    archive.write(f"{plan.scenes[2].path}/0/saliency/c/0/0", b"damaged")
    with pytest.raises(SceneError, match=r"c\.tif.*damaged") as error:
        composer.compose(plan)
    assert not [key for key in area.keys("") if ".zarr" in key]
    composer.quarantine(plan, None, str(error.value))
    record = ObjectLedger(area).record(plan.area_id)
    assert (record.store, record.version) == (None, plan.version)
    assert "c.tif" in record.reason


def test_in_quarantine_the_mosaic_of_earlier_scenes_stays_current(archive, area):
    composer = composer_of(archive, area)
    plan = plan_of(archive, composer.settings)
    earlier = composer.compose(plan)
    later = composer.quarantine(replace(plan, version="f" * 16), earlier, "damaged")
    assert (later.store, later.version, later.valid_px) == (plan.path, "f" * 16, earlier.valid_px)
    assert composer.quarantine(plan, earlier, "damaged").store == plan.path
    AreaBlockWriter(area).empty(plan.path)
    assert composer.quarantine(plan, earlier, "damaged").store is None, "it names what is gone"


def test_own_objects_that_are_damaged_are_begun_anew_and_no_scene_is_blamed(archive, area):
    plan = plan_of(archive, area_settings())
    shard = f"{plan.path}/0/saliency/c/0/0"
    last_mark = StoreFault("write", "_ledger/blocks/*", (9,), then=lambda: area.write(shard, b"damaged"))
    composer = composer_of(archive, faulty(area, last_mark))
    with pytest.raises(RetryableError, match="damaged"):
        composer.compose(plan)
    composer.compose(plan)
    np.testing.assert_array_equal(arrays_of(area, plan.path)["0/saliency"], wanted("latest")[0])


def test_a_run_that_lost_its_lease_changes_nothing(archive, area):
    class Lost:
        def check(self) -> None:
            raise FatalError("the lease was lost")

    composer = composer_of(archive, fenced(area, Lost()))
    with pytest.raises(FatalError, match="lost"):
        composer.compose(plan_of(archive, composer.settings))
    assert area.keys() == []


def test_the_stated_memory_does_not_depend_on_the_cell():
    assert composing.cell_bytes(2048) == 32 * 2048**2 + 3 * 2**24


@pytest.mark.parametrize("fails", [False, True])
def test_what_readers_may_see_is_not_composed_over_where_the_ledger_lost_its_record(archive, area, fails):
    """Its root says what it holds; one that does not is left as it is, and another store takes its place."""
    composer = composer_of(archive, area)
    plan = plan_of(archive, composer.settings)
    earlier = composer.compose(plan)
    before = {key: area.read(key) for key in area.keys(plan.path)}
    ObjectLedger(area).forget_mosaic(plan.path)
    record = composer.quarantine(plan, earlier, "torn") if fails else composer.compose(plan)
    assert record.store == plan.path
    assert {key: area.read(key) for key in area.keys(plan.path)} == before
    root = json.loads(before[f"{plan.path}/zarr.json"])
    del root["attributes"]["blocks"]
    area.write(f"{plan.path}/zarr.json", json.dumps(root).encode())
    ObjectLedger(area).forget_mosaic(plan.path)
    again = composer.compose(plan)
    # Without a quarantine the record of the cell still says that it is done.
    assert again.store == (plan.path.replace(".zarr", ".r1.zarr") if fails else plan.path)
    assert object_bytes(area, again.store) == object_bytes(area, plan.path)
