"""The part that a worker makes is the one that the command would make, and is made once."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import SceneMosaic, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics import open_stored
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.objects.drawing import PartDrawer
from sgddiff_batch.io.objects.output import find_objects
from sgddiff_batch.io.objects.parts import part_key
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.lifecycle import MosaicLifecycle
from sgddiff_batch.protocols import BlockRecord, SceneRecord
from tests.io.area_examples import publish_scenes
from tests.io.catalogue_examples import version_of
from tests.io.mosaic_examples import GRIDS, NORTH_UP, UTM, Killed, codes_of, counting_store
from tests.io.objects.examples import EXACT, SQUARE, provenance_of, put_scene

NOISE = codes_of(GRIDS["north-up"], 1)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "out"))


def stored_scene(store, codes=NOISE):
    """Return the record of a mosaic, its root, and the digest of that."""
    put_scene(store, "a.tif", codes)
    ledger = ObjectLedger(store)
    record = ledger.records()["a.tif"]
    return record, store.read(f"{record.store}/zarr.json"), ledger.contents(record.store).root_digest


def mosaic_of(store, record):
    return open_stored(open_store(store.uri_of(record.store)), record.store).mosaic


@pytest.mark.parametrize("at_hand", [True, False])
def test_the_worker_s_part_is_the_command_s(store, at_hand):
    record, root, digest = stored_scene(store)
    drawer = PartDrawer(store, EXACT)
    drawn = drawer.drawn(mosaic_of(store, record), root, NOISE) if at_hand else None
    drawer.put(record, digest, drawn)
    key = part_key(record.store, EXACT)
    by_worker = store.read(key)
    publish_scenes(store, {"a.tif": "2026-01-05T10:00:00Z"})
    (found,) = find_objects(store.uri, EXACT).mosaics
    assert (found.is_new, found.objects > 100) == (False, True)
    store.delete(key)
    assert find_objects(store.uri, EXACT).mosaics[0].is_new
    assert store.read(key) == by_worker


def test_what_is_drawn_at_hand_costs_one_put_and_no_look(store, tmp_path):
    record, root, digest = stored_scene(store)
    counted = counting_store(tmp_path / "out")
    drawer = PartDrawer(counted, EXACT)
    drawer.put(record, digest, drawer.drawn(mosaic_of(store, record), root, NOISE))
    assert counted.calls == [("write", part_key(record.store, EXACT))]


@pytest.mark.parametrize("at_hand", [True, False])
def test_wherever_it_is_killed_a_recorded_mosaic_has_its_part(tmp_path, at_hand):
    for number in count():
        folder = tmp_path / str(number)
        try:
            commit(counting_store(folder, die_at=number), at_hand=at_hand)
        except Killed:
            record = ObjectLedger(open_store(str(folder))).records().get("a.tif")
            if record is not None:
                assert (folder / part_key(record.store, EXACT)).exists()
            commit(open_store(str(folder)), at_hand=at_hand)
            publish_scenes(open_store(str(folder)), {})
            assert [one.is_new for one in find_objects(str(folder), EXACT).mosaics] == [False]
            continue
        assert number > 5
        break


def commit(store, *, at_hand):
    """Make the mosaic of a scene as a worker does, its codes at hand or not."""
    scene = Scene("a.tif", "s3://archive/a.tif", version_of(1), 1)
    profile = SceneProfile(Grid(*SQUARE.shape, NORTH_UP, UTM), (1, 2, 3), "uint8", 1)
    mosaic = SceneMosaic.at("a.tif/v-aaaaaaaaaaaa.zarr", scene, profile, Tiling(32, 8, 48))
    parts = PartDrawer(store, EXACT)
    lifecycle = MosaicLifecycle(
        ZarrBlockWriter(store), ObjectLedger(store), "a" * 12, lambda _: provenance_of(scene), parts=parts
    )
    begun = lifecycle.begin(mosaic)
    if isinstance(begun, SceneRecord):
        return
    blocks = []
    claim = lifecycle.writer.describe(mosaic, begun.claim)
    for block in mosaic.blocks():
        lifecycle.writer.write_block(mosaic, block, SQUARE[block.slices])
        blocks.append(BlockRecord(block, array_digest(SQUARE[block.slices]), 1, 0))
    drawn = parts.drawn(mosaic, claim.root, SQUARE) if at_hand else None
    lifecycle.commit(mosaic, claim, blocks, drawn)


def test_a_part_that_is_there_is_not_made_again_though_its_mosaic_is_current_anew(store):
    record, _, digest = stored_scene(store)
    drawer, key = PartDrawer(store, EXACT), part_key(record.store, EXACT)
    drawer.put(record, digest)
    before = store.read(key)
    drawer.put(replace(record, finished_at="2027-01-01T00:00:00+00:00"), digest)
    assert store.read(key) == before
    drawer.put(replace(record, finished_at="2027-01-01T00:00:00+00:00"), "of another root")
    assert store.read(key) != before


def test_a_put_that_is_tried_again_later_puts_the_same(store):
    record, root, digest = stored_scene(store)
    drawer, key = PartDrawer(store, EXACT), part_key(record.store, EXACT)
    drawn = drawer.drawn(mosaic_of(store, record), root, NOISE)
    drawer.put(record, digest, drawn)
    before = store.read(key)
    drawer.put(replace(record, finished_at="2027-01-01T00:00:00+00:00"), digest, drawn)
    assert store.read(key) == before


@pytest.mark.parametrize("harm", [b"", b"torn"])
def test_a_torn_part_is_made_anew(store, harm):
    record, _, digest = stored_scene(store)
    drawer, key = PartDrawer(store, EXACT), part_key(record.store, EXACT)
    drawer.put(record, digest)
    before = store.read(key)
    store.write(key, harm)
    drawer.put(record, digest)
    assert store.read(key) == before


def test_a_damaged_block_leaves_no_part_and_is_told(store, caplog):
    record, _, digest = stored_scene(store, SQUARE)
    (shard, *_) = store.keys(f"{record.store}/0/saliency/c")
    store.delete(shard)
    PartDrawer(store, EXACT).put(record, digest)
    assert not store.keys("_objects")
    assert "a.tif has no objects: the block" in caplog.text
