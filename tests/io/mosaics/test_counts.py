from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.composites import halve_counts
from sgddiff_batch.core.fingerprint import canonical_json
from sgddiff_batch.errors import SceneError
from sgddiff_batch.io.mosaics import metadata
from sgddiff_batch.io.mosaics.counts import AreaBlockWriter, counts_level
from sgddiff_batch.io.mosaics.opening import open_mosaic
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from tests.io.mosaic_examples import GRIDS, codes_of, mosaic_of, tiling, write_blocks
from tests.io.mosaics import zarr_reference
from tests.io.mosaics.test_conventions import schema
from tests.kit.mosaics import begun, committed

GRID = GRIDS["north-up"]
PROVENANCE = {"run_key": "key", "created": "2026-11-23T12:00:00Z"}


def counts_of(codes: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(1).integers(1, 400, codes.shape, dtype=np.uint16)
    return np.where(codes == 255, 0, random).astype(np.uint16)


def write_area(folder: Path, strides: int = 2) -> tuple[str, np.ndarray, np.ndarray]:
    mosaic, codes = mosaic_of(GRID, tiling(strides)), codes_of(GRID)
    counts, writer = counts_of(codes), AreaBlockWriter(open_store(str(folder)))
    claim = begun(writer, mosaic, PROVENANCE)
    for block in mosaic.blocks():
        writer.write_counts(mosaic, block, counts[block.slices])
    write_blocks(writer, mosaic, codes)
    committed(writer, mosaic, claim)
    return f"{folder}/{mosaic.path}", codes, counts


@pytest.mark.parametrize("strides", [1, 2, 3, 8])
def test_every_level_holds_counts_that_fit_its_saliency(tmp_path, strides):
    uri, codes, counts = write_area(tmp_path, strides)
    group = zarr.open_group(uri, mode="r", use_consolidated=True)
    for level in range(len(list(group.group_keys()))):
        np.testing.assert_array_equal(group[f"{level}/saliency"][...], codes)
        np.testing.assert_array_equal(group[f"{level}/n_obs"][...], counts)
        codes, counts = pyramid.halve(codes), halve_counts(counts)
    assert max(codes.shape) < 24


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("strides", [1, 2])
def test_a_new_area_mosaics_objects_are_those_that_zarr_makes(name, strides, tmp_path):
    mosaic = mosaic_of(GRIDS[name], tiling(strides))
    claim = AreaBlockWriter(open_store(str(tmp_path))).claim(mosaic, PROVENANCE)
    found = claim.files
    levels = metadata.levels_of(mosaic)
    wanted, _ = zarr_reference.metadata_objects(mosaic.grid, levels, PROVENANCE)
    for level in map(counts_level, levels):
        key = f"{level.array_path}/{metadata.ROOT}"
        attributes = json.loads(found[key])["attributes"]
        wanted[key] = zarr_reference.array_object(level.shards, level.array_path, level.shape, attributes)
    root = zarr_reference.root_object(mosaic.grid, len(levels), wanted, PROVENANCE)
    assert found == wanted
    document = json.loads(claim.root)
    del document["attributes"]["claim"]
    assert canonical_json(document).encode() == root


def test_counts_say_that_their_levels_are_made_in_another_way_than_the_roots(tmp_path):
    uri, _, _ = write_area(tmp_path)
    group = zarr.open_group(uri, mode="r", use_consolidated=True)
    assert group.attrs["multiscales"]["resampling_method"] == "average"
    attributes = dict(group["1/n_obs"].attrs)
    assert attributes["resampling_method"] == "max"
    assert "greatest" in attributes["long_name"]


def test_the_conventions_hold_for_counts_too(tmp_path):
    uri, _, _ = write_area(tmp_path)
    for path in Path(uri).rglob("zarr.json"):
        node = json.loads(path.read_text())
        declared = [entry["name"] for entry in node["attributes"].get("zarr_conventions", [])]
        if path.parent.name in ("saliency", "n_obs"):
            assert declared == ["proj", "spatial"]
        for name in declared:
            schema(name).validate(node)


def test_the_independent_validator_passes_an_area_mosaic(tmp_path):
    zarr_cm = pytest.importorskip("zarr_cm", reason="the test extra's zarr-cm is not installed")
    modules = {"multiscales": zarr_cm.multiscales, "proj": zarr_cm.proj, "spatial": zarr_cm.spatial}
    uri, _, _ = write_area(tmp_path)
    for path in Path(uri).rglob("zarr.json"):
        node = json.loads(path.read_text())
        for entry in node["attributes"].get("zarr_conventions", []):
            modules[entry["name"]].validate_node_metadata(node)


def test_readers_see_saliency_and_counts_on_one_grid(tmp_path):
    uri, _, counts = write_area(tmp_path)
    saliency = open_mosaic(uri)
    both = xr.open_zarr(uri, group="0", zarr_format=3, decode_coords="all")
    np.testing.assert_array_equal(both.n_obs.values, counts)
    assert both.n_obs.dtype == np.uint16, "0 was taken for a gap"
    np.testing.assert_array_equal(np.isnan(saliency.values), counts == 0)
    np.testing.assert_array_equal(both.n_obs.x, saliency.x)
    assert both.n_obs.rio.crs.to_epsg() == 32633
    assert both.n_obs.rio.transform() == saliency.rio.transform()
    assert set(both.data_vars) - {"spatial_ref"} == {"saliency", "n_obs"}


def test_the_consolidated_metadata_is_that_of_the_objects(tmp_path):
    uri, _, _ = write_area(tmp_path)
    root = json.loads(Path(uri, "zarr.json").read_text())
    for name, node in root["consolidated_metadata"]["metadata"].items():
        own = json.loads(Path(uri, name, "zarr.json").read_text())
        assert {k: v for k, v in node.items() if k != "consolidated_metadata"} == own
    assert "0/n_obs" in root["consolidated_metadata"]["metadata"]


def test_a_store_of_a_scene_is_not_taken_for_one_of_an_area(tmp_path):
    mosaic, store = mosaic_of(GRID), open_store(str(tmp_path))
    begun(ZarrBlockWriter(store), mosaic, PROVENANCE)
    assert not AreaBlockWriter(store).find_root(mosaic, PROVENANCE).is_same


def test_damaged_counts_are_found_when_the_pyramid_is_built(tmp_path):
    mosaic, codes = mosaic_of(GRID, tiling(1)), codes_of(GRID)
    writer = AreaBlockWriter(open_store(str(tmp_path)))
    claim = begun(writer, mosaic, PROVENANCE)
    for block in mosaic.blocks():
        writer.write_counts(mosaic, block, counts_of(codes)[block.slices])
    write_blocks(writer, mosaic, codes)
    writer.store.write(f"{mosaic.path}/0/n_obs/c/0/0", b"damaged")
    with pytest.raises(SceneError, match="n_obs/c/0/0 is damaged"):
        committed(writer, mosaic, claim)
