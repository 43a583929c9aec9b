from __future__ import annotations

import json
import pickle
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
from sgddiff_batch.errors import SceneError
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from tests.io.mosaic_examples import (
    GRIDS,
    NORTH_UP,
    UTM,
    Killed,
    build,
    codes_of,
    counting_store,
    mosaic_of,
    root_attributes,
    stored_codes,
    tiling,
    write_blocks,
)

PROVENANCE = {"run_key": "key", "created": "2026-11-23T12:00:00Z"}
GRID = Grid(101, 75, NORTH_UP, UTM)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def as_json(array: zarr.Array) -> str:
    """Return an array's metadata as text, in which NaN is equal to NaN."""
    return json.dumps(array.metadata.to_dict(), sort_keys=True, default=str)


def run(writer: ZarrBlockWriter, mosaic: Mosaic, codes: np.ndarray) -> None:
    writer.create(mosaic, PROVENANCE)
    write_blocks(writer, mosaic, codes)
    writer.commit(mosaic)


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
    [(Grid(1700, 3100), Tiling(32, 8, 24 * 64), 7, 9), (Grid(2601, 5130), Tiling(576, 64, 512 * 5), 1, 5)],
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
    ZarrBlockWriter(open_store(str(tmp_path))).create(mosaic, PROVENANCE)
    store = counting_store(tmp_path)
    write_blocks(ZarrBlockWriter(store), mosaic, codes)
    assert [(name, key.partition(".zarr/")[2]) for name, key in store.calls] == [
        ("write", f"{level}/saliency/c/{row}/0") for row in (0, 1) for level in range(mosaic.block_levels)
    ]


def test_a_shard_of_a_coarse_level_is_written_once_and_each_below_is_read_once(tmp_path):
    mosaic = mosaic_of(Grid(500, 300, NORTH_UP, UTM), tiling(2))
    writer = ZarrBlockWriter(open_store(str(tmp_path)))
    writer.create(mosaic, PROVENANCE)
    write_blocks(writer, mosaic, np.zeros((500, 300), np.uint8))
    store = counting_store(tmp_path)
    ZarrBlockWriter(store).commit(mosaic)
    shards = [key for key in store.keys_of("read") if not key.endswith("zarr.json")]
    assert len(shards) == len(set(shards))
    assert len(store.keys_of("write")) == len(set(store.keys_of("write")))
    assert store.calls[-1] == ("write", f"{mosaic.path}/zarr.json")
    assert store.keys_of("write").count(f"{mosaic.path}/zarr.json") == 1


def test_creation_reads_one_object_and_writes_its_root_last(tmp_path):
    mosaic, store = mosaic_of(GRID), counting_store(tmp_path)
    assert not ZarrBlockWriter(store).create(mosaic, PROVENANCE)
    root = f"{mosaic.path}/zarr.json"
    assert store.keys_of("read") == [root]
    assert store.keys_of("delete") == []
    assert store.calls[-1] == ("write", root)
    assert len(store.keys_of("write")) == 1 + 7 * mosaic.levels
    assert root_attributes(f"{tmp_path}/{mosaic.path}")["complete"] is False


def test_a_store_of_the_same_layout_is_kept_with_its_blocks(tmp_path):
    mosaic, codes = mosaic_of(GRID), codes_of(GRID)
    blocks = list(mosaic.blocks())
    writer = ZarrBlockWriter(open_store(str(tmp_path)))
    writer.create(mosaic, PROVENANCE)
    for block in blocks[:2]:
        writer.write_block(mosaic, block, codes[block.slices])
    assert writer.create(mosaic, PROVENANCE | {"created": "later"})
    for block in blocks[2:]:
        writer.write_block(mosaic, block, codes[block.slices])
    writer.commit(mosaic)
    np.testing.assert_array_equal(stored_codes(f"{tmp_path}/{mosaic.path}"), codes)


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
def test_a_store_of_another_layout_is_begun_anew(tmp_path, grid, cut, provenance):
    writer = ZarrBlockWriter(open_store(str(tmp_path)))
    writer.create(mosaic_of(GRID), PROVENANCE)
    write_blocks(writer, mosaic_of(GRID), np.zeros((101, 75), np.uint8))
    assert not writer.create(mosaic_of(grid, cut), provenance)
    assert not [name for name in files(tmp_path) if "saliency/c/" in name]


@pytest.mark.parametrize(
    "root", [b"", b"[]", b'{"attributes": 1}', b'{"zarr_format": 3}', b"\xff{", b"[" * 100_000]
)
def test_a_store_with_a_damaged_root_is_begun_anew(tmp_path, root):
    mosaic, writer = mosaic_of(GRID), ZarrBlockWriter(open_store(str(tmp_path)))
    writer.create(mosaic, PROVENANCE)
    Path(tmp_path, mosaic.path, "zarr.json").write_bytes(root)
    assert not writer.create(mosaic, PROVENANCE)
    assert writer.create(mosaic, PROVENANCE)


def test_a_creation_killed_anywhere_is_repaired_by_the_next(tmp_path):
    mosaic = mosaic_of(Grid(60, 30))
    plain = ZarrBlockWriter(open_store(str(tmp_path)))
    plain.create(mosaic, PROVENANCE)
    whole = files(tmp_path)
    plain.discard(mosaic.path)
    for number in range(len(whole)):
        with pytest.raises(Killed):
            ZarrBlockWriter(counting_store(tmp_path, die_at=number)).create(mosaic, PROVENANCE)
        assert not plain.create(mosaic, PROVENANCE)
        assert files(tmp_path) == whole
        plain.discard(mosaic.path)


def test_a_run_killed_at_any_write_and_repeated_equals_an_unbroken_one(tmp_path):
    mosaic = mosaic_of(Grid(100, 60), tiling(2))
    codes = codes_of(mosaic.grid)
    build(tmp_path / "whole", mosaic, codes)
    whole = files(tmp_path / "whole")
    for number in range(0, len(whole) + 1, 3):
        broken = tmp_path / f"broken-{number}"
        writer = ZarrBlockWriter(counting_store(broken, die_at=number))
        with pytest.raises(Killed):
            run(writer, mosaic, codes)
        build(broken, mosaic, codes)
        assert files(broken) == whole


def test_a_second_commit_changes_nothing(tmp_path):
    mosaic = mosaic_of(GRID)
    build(tmp_path, mosaic, codes_of(GRID))
    once = files(tmp_path)
    store = counting_store(tmp_path)
    ZarrBlockWriter(store).commit(mosaic)
    assert files(tmp_path) == once
    assert store.keys_of("write") == []


def test_commit_sweeps_what_killed_writers_left(tmp_path):
    mosaic = mosaic_of(GRID)
    writer = ZarrBlockWriter(open_store(str(tmp_path)))
    writer.create(mosaic, PROVENANCE)
    shards = Path(tmp_path, mosaic.path, "0", "saliency", "c", "0")
    shards.mkdir(parents=True)
    (shards / "0.0123456789abcdef.partial").write_bytes(b"half")
    writer.commit(mosaic)
    assert not [name for name in files(tmp_path) if name.endswith(".partial")]


def test_commit_of_a_store_that_was_removed_fails_and_makes_nothing(tmp_path):
    with pytest.raises(SceneError, match=r"has no zarr\.json"):
        ZarrBlockWriter(open_store(str(tmp_path))).commit(mosaic_of(GRID))
    assert files(tmp_path) == {}


@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: b"", lambda data: data[::-1]])
def test_commit_over_a_damaged_shard_fails_and_the_mosaic_stays_incomplete(tmp_path, damage):
    mosaic = mosaic_of(GRID)
    writer = ZarrBlockWriter(open_store(str(tmp_path)))
    writer.create(mosaic, PROVENANCE)
    write_blocks(writer, mosaic, np.zeros((101, 75), np.uint8))
    shard = Path(tmp_path, mosaic.path, f"{mosaic.block_levels - 1}/saliency/c/0/0")
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(SceneError, match="is damaged"):
        writer.commit(mosaic)
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


@pytest.mark.parametrize("store", ["", ".", "a", "../b.zarr", "/etc/x.zarr", "a//b.zarr", "a/../b.zarr"])
def test_discard_refuses_what_is_no_path_of_a_mosaic(tmp_path, store):
    (tmp_path / "precious").write_text("x")
    with pytest.raises(ValueError, match="not the path of a mosaic"):
        ZarrBlockWriter(open_store(str(tmp_path))).discard(store)
    assert (tmp_path / "precious").exists()


def test_discard_leaves_nothing_and_may_be_repeated(tmp_path):
    mosaic = mosaic_of(GRID)
    build(tmp_path / "out", mosaic, codes_of(GRID))
    writer = ZarrBlockWriter(open_store(str(tmp_path / "out")))
    writer.discard(mosaic.path)
    writer.discard(mosaic.path)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("bad", [{"stretch": float("nan")}, {"model": object()}, {"x": {1, 2}}])
def test_provenance_that_is_no_json_is_refused_before_anything_is_written(tmp_path, bad):
    with pytest.raises((TypeError, ValueError)):
        ZarrBlockWriter(open_store(str(tmp_path))).create(mosaic_of(GRID), bad)
    assert files(tmp_path) == {}


def test_a_pickled_writer_in_many_threads_writes_the_same_bytes(tmp_path):
    mosaic, codes = mosaic_of(GRID, tiling(1)), codes_of(GRID)
    build(tmp_path / "one", mosaic, codes)
    writer = pickle.loads(pickle.dumps(ZarrBlockWriter(open_store(str(tmp_path / "many")))))
    writer.create(mosaic, PROVENANCE)
    with ThreadPoolExecutor(6) as pool:
        for _ in pool.map(
            lambda block: writer.write_block(mosaic, block, codes[block.slices]), mosaic.blocks()
        ):
            pass
    writer.commit(mosaic)
    assert files(tmp_path / "many") == files(tmp_path / "one")


def test_the_root_is_strict_json_with_the_provenance_as_given(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))

    def refuse(constant):
        raise AssertionError(constant)

    root = json.loads(Path(uri, "zarr.json").read_text(), parse_constant=refuse)
    assert root["attributes"]["provenance"] == PROVENANCE
