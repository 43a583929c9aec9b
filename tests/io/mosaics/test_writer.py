from __future__ import annotations

import json
import pickle
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Mosaic, Tiling
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import LostClaimError, SceneError
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.protocols import BlockRecord
from tests.io.mosaic_examples import (
    GRIDS,
    NORTH_UP,
    UTM,
    build,
    codes_of,
    counting_store,
    mosaic_of,
    root_attributes,
    stored_codes,
    tiling,
    write_blocks,
)
from tests.kit.mosaics import begun, committed

PROVENANCE = {"run_key": "key", "created": "2026-11-23T12:00:00Z"}
GRID = Grid(101, 75, NORTH_UP, UTM)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def as_json(array: zarr.Array) -> str:
    """Return an array's metadata as text, in which NaN is equal to NaN."""
    return json.dumps(array.metadata.to_dict(), sort_keys=True, default=str)


def settled(folder: Path) -> dict[str, bytes]:
    """The objects of a mosaic, the root without what each claim has of its own."""
    found = files(folder)
    for name in [name for name in found if name.endswith(".zarr/zarr.json")]:
        root = json.loads(found[name])
        assert root["attributes"].pop("claim")
        found[name] = json.dumps(root).encode()
    return found


def run(writer: ZarrBlockWriter, mosaic: Mosaic, codes: np.ndarray) -> None:
    claim = begun(writer, mosaic, PROVENANCE)
    write_blocks(writer, mosaic, codes)
    committed(writer, mosaic, claim)


@settings(max_examples=25)
@given(
    st.integers(1, 260),
    st.integers(1, 260),
    st.sampled_from([1, 2, 3, 4, 5, 8, 11]),
    st.integers(0, 3),
)
def test_every_level_is_the_halved_last_one_whatever_the_block_size(height, width, strides, seed):
    grid = Grid(height, width, NORTH_UP, UTM)
    mosaic, expected = mosaic_of(grid, tiling(strides)), codes_of(grid, seed)
    with tempfile.TemporaryDirectory() as folder:
        uri = build(Path(folder), mosaic, expected)
        for level in range(mosaic.levels):
            np.testing.assert_array_equal(stored_codes(uri, level), expected)
            expected = pyramid.halve(expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("grid", "cut", "block_levels", "levels"),
    [
        (Grid(1700, 3100), Tiling(32, 8, 24 * 64, 24), 7, 9),
        (Grid(2601, 5130), Tiling(576, 64, 512 * 5), 1, 5),
    ],
    ids=["power of two", "odd multiple"],
)
def test_levels_of_large_blocks_are_right_on_both_sides_of_the_last_block_level(
    tmp_path, grid, cut, block_levels, levels
):
    mosaic = mosaic_of(grid, cut)
    assert (mosaic.block_levels, mosaic.levels) == (block_levels, levels)
    expected = codes_of(mosaic.grid)
    uri = build(tmp_path, mosaic, expected)
    for level in range(mosaic.levels):
        np.testing.assert_array_equal(stored_codes(uri, level), expected)
        expected = pyramid.halve(expected)


@pytest.mark.parametrize("name", GRIDS)
def test_a_mosaic_of_any_grid_holds_its_codes(tmp_path, name):
    codes = codes_of(GRIDS[name])
    np.testing.assert_array_equal(stored_codes(build(tmp_path, mosaic_of(GRIDS[name]), codes)), codes)


def test_a_scene_without_data_is_a_complete_mosaic_of_no_shards(tmp_path):
    mosaic = mosaic_of(GRID)
    uri = build(tmp_path, mosaic, np.full((101, 75), 255, np.uint8))
    assert root_attributes(uri)["complete"] is True
    assert all((stored_codes(uri, level) == 255).all() for level in range(mosaic.levels))
    assert not [name for name in files(tmp_path) if "saliency/c/" in name]


def test_a_shard_larger_than_the_array_holds_it(tmp_path):
    mosaic = mosaic_of(Grid(5, 7), Tiling())
    codes = codes_of(mosaic.grid, 1)
    uri = build(tmp_path, mosaic, codes)
    assert zarr.open_array(uri, path="0/saliency").shards == (4096, 4096)
    np.testing.assert_array_equal(stored_codes(uri), codes)


def test_arrays_are_laid_out_as_stated(tmp_path):
    mosaic = mosaic_of(Grid(200, 300), tiling(4))
    uri = build(tmp_path, mosaic, codes_of(mosaic.grid))
    root = zarr.open_group(uri, mode="r")
    assert sorted(root.group_keys()) == [str(level) for level in range(mosaic.levels)]
    for level in range(mosaic.levels):
        array = root[f"{level}/saliency"]
        assert array.shape == (-(-200 // 2**level), -(-300 // 2**level))
        assert (array.dtype, array.fill_value) == (np.uint8, 255)
        assert array.chunks == (24, 24)
        assert array.metadata.dimension_names == ("y", "x")
        assert [type(codec).__name__ for codec in array.compressors] == ["ZstdCodec"]
        if level < mosaic.block_levels:
            assert array.shards == (mosaic.shard_px(level),) * 2
    assert mosaic.block_levels == 3


def test_consolidated_metadata_lists_what_the_store_holds(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    ours = zarr.open_group(uri, mode="r", use_consolidated=True)
    truth = zarr.open_group(uri, mode="r", use_consolidated=False)
    found = dict(truth.members(max_depth=None))
    listed = dict(ours.members(max_depth=None))
    assert listed.keys() == found.keys()
    for path, node in found.items():
        assert dict(listed[path].attrs) == dict(node.attrs)
        if isinstance(node, zarr.Array):
            assert as_json(listed[path]) == as_json(node)


def test_a_block_costs_one_put_a_level_and_no_read(tmp_path):
    mosaic = mosaic_of(GRID, tiling(4))
    codes = np.where(codes_of(GRID) == 255, 0, codes_of(GRID))
    begun(ZarrBlockWriter(open_store(str(tmp_path))), mosaic, PROVENANCE)
    store = counting_store(tmp_path)
    write_blocks(ZarrBlockWriter(store), mosaic, codes)
    assert sorted((name, key.partition(".zarr/")[2]) for name, key in store.calls) == [
        ("write", f"{level}/saliency/c/{row}/0") for level in range(mosaic.block_levels) for row in (0, 1)
    ]


def test_what_is_put_beside_a_block_is_put_even_where_the_block_has_no_data(tmp_path):
    mosaic, writer = mosaic_of(GRID, tiling(4)), ZarrBlockWriter(open_store(str(tmp_path)))
    block = next(mosaic.blocks())
    codes = np.full((block.height_px, block.width_px), 255, np.uint8)
    writer.write_block(mosaic, block, codes, {"0/zarr.json": b"{}", "1/zarr.json": b"[]"})
    found = files(tmp_path / mosaic.path)
    assert found == {"0/zarr.json": b"{}", "1/zarr.json": b"[]"}


def test_a_shard_of_a_coarse_level_is_written_once_and_each_below_is_read_once(tmp_path):
    mosaic = mosaic_of(Grid(500, 300, NORTH_UP, UTM), tiling(2))
    writer = ZarrBlockWriter(open_store(str(tmp_path)))
    claim = begun(writer, mosaic, PROVENANCE)
    write_blocks(writer, mosaic, np.zeros((500, 300), np.uint8))
    store = counting_store(tmp_path)
    committed(ZarrBlockWriter(store), mosaic, claim)
    shards = [key for key in store.keys_of("read") if not key.endswith("zarr.json")]
    assert len(shards) == len(set(shards))
    assert len(store.keys_of("write")) == len(set(store.keys_of("write")))
    assert store.calls[-1] == ("replace", f"{mosaic.path}/zarr.json")
    assert store.keys_of("replace") == [f"{mosaic.path}/zarr.json"]


def test_a_claim_puts_the_root_and_asks_nothing(tmp_path):
    mosaic, store = mosaic_of(GRID), counting_store(tmp_path)
    writer = ZarrBlockWriter(store)
    claim = writer.claim(mosaic, PROVENANCE)
    assert store.calls == [("create", f"{mosaic.path}/zarr.json")]
    assert root_attributes(f"{tmp_path}/{mosaic.path}")["complete"] is False
    assert len(claim.files) == 7 * mosaic.levels
    assert writer.describe(mosaic, claim).files == {}
    assert len(store.keys_of("write")) == 7 * mosaic.levels


def test_of_many_claims_one_is_given(tmp_path):
    mosaic, writer = mosaic_of(GRID), ZarrBlockWriter(open_store(str(tmp_path)))
    with ThreadPoolExecutor(6) as pool:
        claims = list(pool.map(lambda _: writer.claim(mosaic, PROVENANCE), range(12)))
    (claim,) = [claim for claim in claims if claim is not None]
    assert Path(tmp_path, mosaic.path, "zarr.json").read_bytes() == claim.root


def test_a_claim_that_was_taken_over_commits_and_removes_nothing(tmp_path):
    mosaic, writer = mosaic_of(GRID), ZarrBlockWriter(open_store(str(tmp_path)))
    late = begun(writer, mosaic, PROVENANCE)
    found = writer.find_root(mosaic, PROVENANCE | {"created": "later"})
    assert (found.is_complete, found.is_same) == (False, True)
    claim = writer.take_over(mosaic, PROVENANCE | {"created": "later"}, found)
    assert writer.take_over(mosaic, PROVENANCE, found) is None, "what was found is not there any more"
    before = files(tmp_path)
    for act in (lambda: committed(writer, mosaic, late), lambda: writer.empty(mosaic.path, late)):
        with pytest.raises(LostClaimError):
            act()
        assert files(tmp_path) == before
    write_blocks(writer, mosaic, codes_of(GRID))
    committed(writer, mosaic, claim)
    np.testing.assert_array_equal(stored_codes(f"{tmp_path}/{mosaic.path}"), codes_of(GRID))
    assert root_attributes(f"{tmp_path}/{mosaic.path}")["provenance"]["created"] == "later"


def test_a_complete_root_says_what_it_was_committed_with(tmp_path):
    mosaic, writer = mosaic_of(GRID), ZarrBlockWriter(open_store(str(tmp_path)))
    claim = begun(writer, mosaic, PROVENANCE)
    blocks = [BlockRecord(block, "d", 70, 7) for block in mosaic.blocks()]
    digest = committed(writer, mosaic, claim, blocks)
    found = writer.find_root(mosaic, PROVENANCE)
    assert (found.is_complete, found.is_same, found.root_digest) == (True, True, digest)
    assert found.blocks == tuple(blocks)


@pytest.mark.parametrize(
    ("grid", "cut", "provenance"),
    [
        (GRID, tiling(3), PROVENANCE),
        (Grid(101, 76, NORTH_UP, UTM), tiling(2), PROVENANCE),
        (Grid(101, 75, NORTH_UP), tiling(2), PROVENANCE),
        (GRID, tiling(2), PROVENANCE | {"run_key": "other"}),
    ],
    ids=["block", "size", "crs", "run key"],
)
def test_a_root_of_another_layout_or_provenance_is_not_the_same(tmp_path, grid, cut, provenance):
    writer = ZarrBlockWriter(open_store(str(tmp_path)))
    begun(writer, mosaic_of(GRID), PROVENANCE)
    assert writer.find_root(mosaic_of(GRID), PROVENANCE | {"created": "later", "run_id": "x"}).is_same
    assert not writer.find_root(mosaic_of(grid, cut), provenance).is_same


@pytest.mark.parametrize(
    "root", [b"", b"[]", b'{"attributes": 1}', b'{"zarr_format": 3}', b"\xff{", b"[" * 100_000]
)
def test_a_damaged_root_is_neither_complete_nor_the_same(tmp_path, root):
    mosaic, writer = mosaic_of(GRID), ZarrBlockWriter(open_store(str(tmp_path)))
    begun(writer, mosaic, PROVENANCE)
    Path(tmp_path, mosaic.path, "zarr.json").write_bytes(root)
    found = writer.find_root(mosaic, PROVENANCE)
    assert (found.is_complete, found.is_same, found.blocks) == (False, False, None)
    assert not writer.is_complete(mosaic.path)


def test_where_nothing_is_no_root_is_found(tmp_path):
    assert ZarrBlockWriter(open_store(str(tmp_path))).find_root(mosaic_of(GRID), PROVENANCE) is None


def test_a_commit_that_is_made_twice_changes_nothing_the_second_time(tmp_path):
    mosaic, writer = mosaic_of(GRID), ZarrBlockWriter(open_store(str(tmp_path)))
    claim = begun(writer, mosaic, PROVENANCE)
    write_blocks(writer, mosaic, codes_of(GRID))
    first = committed(writer, mosaic, claim)
    once = files(tmp_path)
    assert committed(writer, mosaic, claim) == first
    assert files(tmp_path) == once


def test_commit_sweeps_what_killed_writers_left(tmp_path):
    mosaic = mosaic_of(GRID)
    writer = ZarrBlockWriter(open_store(str(tmp_path)))
    claim = begun(writer, mosaic, PROVENANCE)
    shards = Path(tmp_path, mosaic.path, "0", "saliency", "c", "0")
    shards.mkdir(parents=True)
    (shards / "0.0123456789abcdef.partial").write_bytes(b"half")
    committed(writer, mosaic, claim)
    assert not [name for name in files(tmp_path) if name.endswith(".partial")]


def test_commit_of_a_store_that_was_removed_fails_and_makes_nothing(tmp_path):
    mosaic, writer = mosaic_of(GRID, tiling(8)), ZarrBlockWriter(open_store(str(tmp_path)))
    claim = begun(writer, mosaic, PROVENANCE)
    shutil.rmtree(tmp_path / mosaic.path)
    with pytest.raises(LostClaimError):
        committed(writer, mosaic, claim)
    assert files(tmp_path) == {}


@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: b"", lambda data: data[::-1]])
def test_commit_over_a_damaged_shard_fails_and_the_mosaic_stays_incomplete(tmp_path, damage):
    mosaic = mosaic_of(GRID)
    writer = ZarrBlockWriter(open_store(str(tmp_path)))
    claim = begun(writer, mosaic, PROVENANCE)
    write_blocks(writer, mosaic, np.zeros((101, 75), np.uint8))
    shard = Path(tmp_path, mosaic.path, f"{mosaic.block_levels - 1}/saliency/c/0/0")
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(SceneError, match="is damaged"):
        committed(writer, mosaic, claim)
    assert root_attributes(f"{tmp_path}/{mosaic.path}")["complete"] is False


def test_only_whole_blocks_with_codes_of_their_shape_are_written(tmp_path):
    mosaic, writer = mosaic_of(GRID, tiling(2)), ZarrBlockWriter(open_store(str(tmp_path)))
    for window in (Window(0, 24, 0, 48), Window(0, 96, 0, 48), Window(24, 72, 0, 48), Window(96, 144, 0, 48)):
        with pytest.raises(ValueError, match="is not a block of"):
            writer.write_block(mosaic, window, np.zeros((window.height_px, window.width_px), np.uint8))
    with pytest.raises(ValueError, match="of its shape"):
        writer.write_block(mosaic, Window(0, 48, 0, 48), np.zeros((48, 47), np.uint8))
    with pytest.raises(ValueError, match="float64"):
        writer.write_block(mosaic, Window(0, 48, 0, 48), np.zeros((48, 48)))  # type: ignore[arg-type]
    assert files(tmp_path) == {}


def test_an_emptied_store_holds_no_mosaic_until_it_is_cleared_and_then_nothing_is_left(tmp_path):
    mosaic, writer = mosaic_of(GRID), ZarrBlockWriter(open_store(str(tmp_path / "out")))
    build(tmp_path / "out", mosaic, codes_of(GRID))
    for _ in range(2):
        writer.empty(mosaic.path)
        found = writer.find_root(mosaic, PROVENANCE)
        assert (found.is_complete, found.is_same) == (False, False)
        assert writer.claim(mosaic, PROVENANCE) is None
    for _ in range(2):
        writer.clear(mosaic.path)
        assert list((tmp_path / "out").iterdir()) == []


def test_who_holds_the_claim_may_empty_it_and_do_so_again(tmp_path):
    mosaic, writer = mosaic_of(GRID), ZarrBlockWriter(open_store(str(tmp_path / "out")))
    claim = begun(writer, mosaic, PROVENANCE)
    for _ in range(2):
        writer.empty(mosaic.path, claim)
    writer.clear(mosaic.path)
    writer.empty(mosaic.path, claim)
    writer.clear(mosaic.path)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("bad", [{"stretch": float("nan")}, {"model": object()}, {"x": {1, 2}}])
def test_provenance_that_is_no_json_is_refused_before_anything_is_written(tmp_path, bad):
    with pytest.raises((TypeError, ValueError)):
        begun(ZarrBlockWriter(open_store(str(tmp_path))), mosaic_of(GRID), bad)
    assert files(tmp_path) == {}


def test_a_pickled_writer_in_many_threads_writes_the_same_bytes(tmp_path):
    mosaic, codes = mosaic_of(GRID, tiling(1)), codes_of(GRID)
    build(tmp_path / "one", mosaic, codes)
    writer = pickle.loads(pickle.dumps(ZarrBlockWriter(open_store(str(tmp_path / "many")))))
    claim = begun(writer, mosaic, PROVENANCE)
    with ThreadPoolExecutor(6) as pool:
        for _ in pool.map(
            lambda block: writer.write_block(mosaic, block, codes[block.slices]), mosaic.blocks()
        ):
            pass
    committed(writer, mosaic, claim)
    assert settled(tmp_path / "many") == settled(tmp_path / "one")


def test_the_root_is_strict_json_with_the_provenance_as_given(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))

    def refuse(constant):
        raise AssertionError(constant)

    root = json.loads(Path(uri, "zarr.json").read_text(), parse_constant=refuse)
    assert root["attributes"]["provenance"] == PROVENANCE
