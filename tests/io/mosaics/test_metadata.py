"""The objects of a mosaic that hold no saliency: how its levels are cut up, and what its root says."""

from __future__ import annotations

import json

import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.metadata import (
    COARSE_SHARD_PX,
    ROOT,
    levels_of,
    metadata_objects,
)
from tests.core.strategies import LARGE_TILINGS, tilings
from tests.io.mosaic_examples import GRIDS, mosaic_of, tiling

PROVENANCE = {"run_key": "key", "created": "2026-11-23T12:00:00Z", "run_id": "1", "software": {"a": "1"}}


def root_of(grid: Grid = GRIDS["north-up"], cut: Tiling | None = None, **provenance: object) -> bytes:
    levels = levels_of(mosaic_of(grid, cut or tiling()))
    return metadata_objects(grid, levels, PROVENANCE | provenance)[1]


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.one_of(tilings(), LARGE_TILINGS))
def test_each_level_is_half_the_last_one_and_built_from_whole_shards_of_it(height, width, cut):
    mosaic = mosaic_of(Grid(height, width), cut)
    levels = levels_of(mosaic)
    assert [level.number for level in levels] == list(range(mosaic.levels))
    for level in levels:
        assert level.shape == (mosaic.grid.level(level.number).height_px, level.grid.width_px)
        assert level.shards.chunk_px == cut.chunk_px
        if level.number < mosaic.block_levels:
            assert level.shards.shard_px << level.number == cut.block_px
    coarse = {level.shards.shard_px for level in levels[mosaic.block_levels :]}
    assert len(coarse) <= 1
    last_px = levels[mosaic.block_levels - 1].shards.shard_px
    assert all(side % last_px == 0 and side > COARSE_SHARD_PX - last_px for side in coarse)


def test_the_key_of_a_shard_is_that_of_its_level_and_place():
    level = levels_of(mosaic_of(GRIDS["north-up"], tiling(2)))[1]
    assert level.array_path == "1/saliency"
    assert level.key(Window(24, 48, 0, 24)) == "1/saliency/c/1/0"


@pytest.mark.parametrize("name", GRIDS)
def test_the_consolidated_metadata_is_that_of_the_objects(name):
    mosaic = mosaic_of(GRIDS[name])
    files, root = metadata_objects(mosaic.grid, levels_of(mosaic), PROVENANCE)
    assert ROOT not in files
    nodes = json.loads(root)["consolidated_metadata"]["metadata"]
    metadata = {key.removesuffix(f"/{ROOT}"): json.loads(data) for key, data in files.items() if ROOT in key}
    assert nodes.keys() == metadata.keys()
    for path, node in metadata.items():
        assert {key: nodes[path][key] for key in node} == node


@pytest.mark.parametrize("name", GRIDS)
def test_zarr_opens_what_the_objects_describe(name, tmp_path):
    mosaic = mosaic_of(GRIDS[name])
    files, root = metadata_objects(mosaic.grid, levels_of(mosaic), PROVENANCE)
    for key, data in {**files, ROOT: root}.items():
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for consolidated in (True, False):
        group = zarr.open_group(tmp_path, mode="r", use_consolidated=consolidated)
        assert sorted(group.group_keys()) == [str(number) for number in range(mosaic.levels)]
        assert group["0/saliency"].shape == (mosaic.grid.height_px, mosaic.grid.width_px)
        assert ("x" in group["0"]) == mosaic.grid.transform.is_axis_aligned
        if mosaic.grid.transform.is_axis_aligned:
            assert group["0/x"][...].tolist() == mosaic.grid.x_centres().tolist()


@pytest.mark.parametrize("bad", [{"a": {1, 2}}, {"a": float("nan")}])
def test_provenance_that_is_no_json_is_refused(bad):
    with pytest.raises((TypeError, ValueError)):
        root_of(**bad)
