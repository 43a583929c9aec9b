"""The objects of a mosaic that hold no saliency: how its levels are cut up, and what its root says."""

from __future__ import annotations

import json

import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from sgddiff_batch.core.grid import IDENTITY, Grid, Transform
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.metadata import (
    COARSE_SHARD_PX,
    ROOT,
    levels_of,
    metadata_objects,
)
from sgddiff_batch.io.mosaics.shards import ShardSpec
from tests.core.strategies import LARGE_TILINGS, tilings
from tests.io.mosaic_examples import GRIDS, LONLAT, NO_CODE, NORTH_UP, UTM, mosaic_of, tiling
from tests.io.mosaics import zarr_reference

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


NUMBERS = st.floats(-1e7, 1e7, allow_subnormal=False)
STEPS = st.one_of(st.sampled_from([10, 0.5, -20.0, 1 / 3]), NUMBERS.filter(lambda step: abs(step) > 1e-6))
TRANSFORMS = st.one_of(
    st.sampled_from([IDENTITY, NORTH_UP, Transform(10, 3, 499980, 2, -10, 5000040)]),
    st.builds(Transform, STEPS, st.just(0), NUMBERS, st.just(0.0), STEPS, NUMBERS),
    st.builds(Transform, st.just(0.0), STEPS, NUMBERS, STEPS, st.just(0.0), NUMBERS),
)
CRSS = st.one_of(
    st.none(),
    st.sampled_from([UTM, LONLAT, NO_CODE, CRS.from_epsg(3857).to_wkt(), CRS.from_epsg(5514).to_wkt()]),
    st.text(max_size=9),
)
LENGTHS = st.one_of(st.integers(1, 600), st.integers(1, 40_000))


@given(
    st.builds(Grid, LENGTHS, LENGTHS, TRANSFORMS, CRSS),
    *(st.one_of(tilings(), LARGE_TILINGS, st.just(Tiling(1088, 64, 4096))), st.sampled_from([1, 0, 3, -1])),
    st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, max_value=9))),
)
def test_all_objects_are_those_of_zarr(grid, cut, zstd_level, provenance):
    provenance = {key: value for key, value in provenance.items() if value != float("-inf")}
    levels = levels_of(mosaic_of(grid, cut), zstd_level)
    files, root = metadata_objects(grid, levels, provenance)
    wanted, wanted_root = zarr_reference.metadata_objects(grid, levels, provenance)
    assert files == wanted
    assert root == wanted_root


@pytest.mark.parametrize("name", GRIDS)
def test_arrays_beside_those_of_every_mosaic_are_in_the_root_too(name):
    levels = levels_of(mosaic_of(GRIDS[name]))
    spec = ShardSpec(48, 24, dtype="uint16", fill=0)
    others = {"0/a": spec.node((5, 7), {"b": 1}), "1/a": spec.node((3, 4), {})}
    files, root = metadata_objects(GRIDS[name], levels, PROVENANCE, others)
    wanted, _ = zarr_reference.metadata_objects(GRIDS[name], levels, PROVENANCE)
    wanted |= {
        "0/a/zarr.json": zarr_reference.array_object(spec, "0/a", (5, 7), {"b": 1}),
        "1/a/zarr.json": zarr_reference.array_object(spec, "1/a", (3, 4), {}),
    }
    assert files == wanted
    assert root == zarr_reference.root_object(GRIDS[name], len(levels), wanted, PROVENANCE)


@pytest.mark.parametrize("bad", [{"a": {1, 2}}, {"a": float("nan")}])
def test_provenance_that_is_no_json_is_refused(bad):
    with pytest.raises((TypeError, ValueError)):
        root_of(**bad)
