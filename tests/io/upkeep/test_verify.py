"""Verification: every kind of damage is named by its object, and what is sound is never called damaged."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.verify import verify_mosaic
from sgddiff_batch.protocols import BlockRecord, MosaicContents, SceneRecord
from tests.io.mosaic_examples import GRIDS, codes_of, counting_store, mosaic_of, tiling, write_blocks
from tests.kit.mosaics import begun, committed


def provenance_of(mosaic):
    cut = mosaic.tiling
    return {
        "scene_id": mosaic.id,
        "source_uri": mosaic.scene.uri,
        "source_version": mosaic.version,
        "source_size_bytes": 1,
        "bands": [1, 2, 3],
        "stretch": [0.0, 250.5],
        "notes": [],
        "run_key": "key",
        "pixel_settings": {"tile_px": cut.tile_px, "overlap_px": cut.overlap_px},
        "created": "2026-11-23T12:00:00Z",
    }


def block_record(window, codes):
    part = codes[window.slices]
    valid = int((part != NO_DATA).sum())
    salient = int(((part >= (MAX_CODE + 1) // 2) & (part != NO_DATA)).sum())
    return BlockRecord(window, array_digest(part), valid, salient)


def commit(folder, mosaic, codes, *, with_digests=True, tells_blocks=False):
    """Write a mosaic and record it, as the driver does. tells_blocks: its root names its blocks."""
    store = open_store(str(folder))
    writer, ledger = ZarrBlockWriter(store), ObjectLedger(store)
    claim = begun(writer, mosaic, provenance_of(mosaic))
    write_blocks(writer, mosaic, codes)
    blocks = tuple(block_record(window, codes) for window in mosaic.blocks())
    root_digest = committed(writer, mosaic, claim, blocks if tells_blocks else ())
    record = SceneRecord(
        mosaic.id,
        mosaic.version,
        "key",
        mosaic.path,
        valid_px=sum(block.valid_px for block in blocks),
        salient_px=sum(block.salient_px for block in blocks),
        height_px=mosaic.grid.height_px,
        width_px=mosaic.grid.width_px,
        finished_at="2026-11-23T12:00:00+00:00",
    )
    ledger.finish(record, MosaicContents(root_digest, blocks) if with_digests else None)
    return store


MOSAIC = mosaic_of(GRIDS["north-up"])
CODES = codes_of(MOSAIC.grid, 3)
CODES[:48, :48] = 9
CODES[48:96, 48:] = NO_DATA


@pytest.fixture
def output(tmp_path):
    return commit(tmp_path, MOSAIC, CODES)


def problems(output, store=MOSAIC.path):
    verdict = verify_mosaic(output, store)
    return {problem.key: problem.words for problem in verdict.problems}


def path_of(output, key):
    return Path(output.root, MOSAIC.path, key)


CUTS = [tiling(1), tiling(2), tiling(3), Tiling(32, 8, 192)]


@pytest.mark.parametrize(
    ("name", "cut", "with_digests"),
    [(name, CUTS[at % 4], at % 3 > 0) for at, name in enumerate(sorted(GRIDS))]
    + [("north-up", cut, True) for cut in CUTS],
)
def test_what_was_just_written_is_sound(tmp_path, name, cut, with_digests):
    mosaic = mosaic_of(GRIDS[name], cut)
    output = commit(tmp_path, mosaic, codes_of(mosaic.grid), with_digests=with_digests)
    verdict = verify_mosaic(output, mosaic.path)
    assert verdict.problems == []
    assert verdict.blocks == len(list(mosaic.blocks()))
    assert bool(verdict.notes) == (not with_digests)


def test_a_mosaic_without_any_data_is_sound(tmp_path):
    output = commit(tmp_path, MOSAIC, np.full_like(CODES, NO_DATA))
    assert problems(output) == {}


SHARDS = ["0/saliency/c/2/1", "1/saliency/c/0/0", "3/saliency/c/0/0"]


@pytest.mark.parametrize("key", SHARDS)
@pytest.mark.parametrize("at", [0.0, 0.3, 0.999])
def test_one_flipped_byte_in_a_shard_is_named(output, key, at):
    path = path_of(output, key)
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 0xFF
    path.write_bytes(data)
    assert "cannot be decoded" in problems(output)[key]
    assert set(problems(output)) == {key}


@pytest.mark.parametrize("key", SHARDS)
def test_a_deleted_shard_is_named_and_nothing_that_is_sound(output, key):
    path_of(output, key).unlink()
    found = problems(output)
    assert set(found) == {key}
    assert "missing" in found[key]


@pytest.mark.parametrize("key", [*SHARDS, "0/x/c/0", "2/y/c/0", "0/zarr.json", "1/saliency/zarr.json"])
@pytest.mark.parametrize("size", [0, -1])
def test_a_truncated_object_is_named(output, key, size):
    path = path_of(output, key)
    path.write_bytes(path.read_bytes()[:size])
    assert key in problems(output)


@pytest.mark.parametrize(
    "key", ["0/saliency/c/1/1", "0/saliency/c/9/9", "stray.txt", "7/zarr.json", "0/saliency/c/0/0.bak"]
)
def test_a_foreign_object_is_named(output, key):
    path = path_of(output, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"who put this here")
    words = problems(output)
    assert set(words) == {key}
    assert "foreign" in words[key] or "cannot be decoded" in words[key]


def test_a_shard_in_the_place_of_another_is_named(output):
    one, other = path_of(output, "0/saliency/c/0/0"), path_of(output, "0/saliency/c/1/0")
    other.write_bytes(one.read_bytes())
    assert problems(output) == {"0/saliency/c/1/0": "its codes are not those that were stored"}


def test_a_coarse_level_that_is_not_the_average_is_named(output):
    level = path_of(output, "1/saliency")
    path_of(output, "1/saliency/c/0/0").write_bytes((level / "c/1/0").read_bytes())
    assert "averages of level 0" in problems(output)["1/saliency/c/0/0"]


def edit_root(output, change):
    path = path_of(output, "zarr.json")
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


ROOT_EDITS = {
    "complete": lambda tree: tree["attributes"].update(complete=False),
    "a note": lambda tree: tree["attributes"]["provenance"].update(notes=["made by nobody"]),
    "version": lambda tree: tree["attributes"]["provenance"].update(source_version="v9"),
    "box": lambda tree: tree["attributes"].update({"spatial:bbox": [0, 0, 1, 1]}),
    "shape": lambda tree: tree["consolidated_metadata"]["metadata"]["0/saliency"].update(shape=[10**9] * 2),
    "tile": lambda tree: tree["attributes"]["provenance"]["pixel_settings"].update(tile_px=16),
    "block": lambda tree: tree["consolidated_metadata"]["metadata"]["0/saliency"]["chunk_grid"][
        "configuration"
    ].update(chunk_shape=[24, 24]),
    "chunk": lambda tree: tree["consolidated_metadata"]["metadata"]["0/saliency"]["codecs"][0][
        "configuration"
    ].update(chunk_shape=[12, 12]),
    "a level": lambda tree: tree["consolidated_metadata"]["metadata"].pop("1/saliency"),
    "all": lambda tree: tree.clear(),
    "nodes": lambda tree: tree.pop("consolidated_metadata"),
}


@pytest.mark.parametrize("edit", ROOT_EDITS)
def test_an_edited_root_is_named(output, edit):
    edit_root(output, ROOT_EDITS[edit])
    assert "zarr.json" in problems(output)


@pytest.mark.parametrize("edit", sorted(set(ROOT_EDITS) - {"a note", "tile"}))
def test_an_edited_root_shows_without_digests_too(tmp_path, edit):
    output = commit(tmp_path, MOSAIC, CODES, with_digests=False)
    edit_root(output, ROOT_EDITS[edit])
    assert problems(output)


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"\xff\xfe", b'{"attributes": {}}', b"[" * 5000])
def test_a_root_that_is_none_is_named(output, data):
    path_of(output, "zarr.json").write_bytes(data)
    assert set(problems(output)) == {"zarr.json"}


@pytest.mark.parametrize("key", ["0/zarr.json", "2/saliency/zarr.json", "1/spatial_ref/zarr.json"])
def test_edited_metadata_of_a_group_or_array_is_named(output, key):
    path = path_of(output, key)
    tree = json.loads(path.read_text())
    tree["attributes"]["title"] = "mine"
    path.write_text(json.dumps(tree))
    assert set(problems(output)) == {key}


def test_the_same_metadata_in_other_words_is_sound(output):
    path = path_of(output, "0/saliency/zarr.json")
    path.write_text(json.dumps(json.loads(path.read_text()), indent=7, sort_keys=True))
    assert problems(output) == {}


def test_coordinates_of_another_grid_are_named(output):
    path_of(output, "0/y/c/0").write_bytes(path_of(output, "1/y/c/0").read_bytes())
    assert set(problems(output)) == {"0/y/c/0"}


@pytest.mark.parametrize("with_digests", [True, False])
def test_a_lost_root_and_a_lost_store_are_named(tmp_path, with_digests):
    output = commit(tmp_path, MOSAIC, CODES, with_digests=with_digests)
    path_of(output, "zarr.json").unlink()
    assert "missing" in problems(output)["zarr.json"]
    output.delete_tree(MOSAIC.path)
    assert "missing" in problems(output)["zarr.json"]


def test_without_digests_other_codes_show_in_the_counts(tmp_path):
    output = commit(tmp_path, MOSAIC, CODES, with_digests=False)
    path_of(output, "0/saliency/c/1/0").write_bytes(path_of(output, "0/saliency/c/0/0").read_bytes())
    assert "valid and salient pixels" in problems(output)[""]


def test_without_a_record_of_the_mosaic_its_root_tells_the_digests(tmp_path):
    output = commit(tmp_path, MOSAIC, CODES, with_digests=False, tells_blocks=True)
    ObjectLedger(output).store.delete(f"_ledger/mosaics/{MOSAIC.path}~.json")
    verdict = verify_mosaic(output, MOSAIC.path)
    assert (verdict.problems, verdict.notes) == ([], [])
    other = path_of(output, "0/saliency/c/0/0").read_bytes()
    path_of(output, "0/saliency/c/0/1").write_bytes(other)
    assert problems(output)["0/saliency/c/0/1"] == "its codes are not those that were stored"


def test_a_mosaic_that_was_removed_meanwhile_is_not_damaged(output):
    assert verify_mosaic(output, "a/scene.tif/other-key.zarr") is None


def test_verifying_changes_nothing_and_reads_every_object_of_a_sound_mosaic(output):
    counting = counting_store(Path(output.root))
    assert verify_mosaic(counting, MOSAIC.path).problems == []
    assert counting.keys_of("write") == counting.keys_of("delete") == counting.keys_of("delete_tree") == []


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"root": "x", "blocks": [[1]]}', b'{"root": "x", "blocks": 3}', b"[" * 100_000]
)
def test_damaged_digests_are_told_by_their_key(output, data):
    """Of a mosaic whose record holds none, as they were kept before."""
    key = f"_ledger/mosaics/{MOSAIC.path}~.json"
    record = json.loads(output.read(key))
    output.write(key, json.dumps({name: record[name] for name in record if name != "blocks"}).encode())
    output.write(f"_ledger/digests/{MOSAIC.path}~.json", data)
    with pytest.raises(FatalError, match=r"_ledger/digests/.*~\.json"):
        verify_mosaic(output, MOSAIC.path)


def test_digests_outlive_a_mosaic_that_becomes_current_again(output):
    ledger = ObjectLedger(output)
    contents = ledger.contents(MOSAIC.path)
    assert [block.window for block in contents.blocks] == list(MOSAIC.blocks())
    ledger.finish(replace(ledger.finished_mosaic(MOSAIC.path), finished_at="2027-01-01T00:00:00+00:00"))
    assert ledger.contents(MOSAIC.path) == contents
    ledger.forget_mosaic(MOSAIC.path)
    assert ledger.contents(MOSAIC.path) is None
