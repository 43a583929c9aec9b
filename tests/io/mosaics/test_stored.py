"""A stored mosaic is what its own root says, and is read shard by shard."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.reading import DamagedObjectError
from sgddiff_batch.io.mosaics.stored import open_stored, parse_stored
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import Store, open_store
from tests.io.mosaic_examples import GRIDS, codes_of, mosaic_of, tiling, write_blocks
from tests.kit.mosaics import begun, committed

MOSAIC = mosaic_of(GRIDS["north-up"], tiling(2))
CODES = codes_of(MOSAIC.grid, 3)


def write(folder, mosaic=MOSAIC, codes=CODES) -> Store:
    """Write a mosaic and return the store of it alone."""
    writer = ZarrBlockWriter(open_store(str(folder)))
    provenance = {
        "scene_id": mosaic.id,
        "source_uri": mosaic.scene.uri,
        "source_version": mosaic.version,
        "source_size_bytes": 1,
        **{"bands": [1, 2, 3], "stretch": None, "notes": []},
        "pixel_settings": {
            "tile_px": mosaic.tiling.tile_px,
            "overlap_px": mosaic.tiling.overlap_px,
            "pixels_version": 3 if mosaic.tiling.fits else 2,
        },
    }
    claim = begun(writer, mosaic, provenance)
    write_blocks(writer, mosaic, codes)
    committed(writer, mosaic, claim)
    return open_store(f"{folder}/{mosaic.path}")


@pytest.fixture
def store(tmp_path):
    return write(tmp_path)


@pytest.mark.parametrize("name", GRIDS)
def test_grid_tiling_and_version_are_those_that_it_was_made_with(tmp_path, name):
    mosaic = mosaic_of(GRIDS[name], tiling(3))
    found = open_stored(write(tmp_path, mosaic, codes_of(mosaic.grid)), mosaic.path).mosaic
    for fact in ("path", "id", "version", "grid", "tiling"):
        assert getattr(found, fact) == getattr(mosaic, fact)


@pytest.mark.parametrize("cut", [Tiling(32, 8, 48, fits=False), Tiling(96, 32, 1024, 64), Tiling()])
def test_chunks_and_the_lattice_are_those_of_the_mosaic_whatever_new_ones_have(tmp_path, cut):
    mosaic = mosaic_of(GRIDS["one row"], cut)
    found = open_stored(write(tmp_path, mosaic, codes_of(mosaic.grid)), mosaic.path).mosaic
    assert (found.tiling, found.lattice) == (cut, mosaic.lattice)


def test_a_mosaic_that_is_not_complete_opens_too(tmp_path):
    begun(ZarrBlockWriter(open_store(str(tmp_path))), MOSAIC, _provenance())
    stored = open_stored(open_store(f"{tmp_path}/{MOSAIC.path}"))
    assert stored.attributes["complete"] is False
    assert stored.read_shard(stored.levels[0], Window(0, 48, 0, 48)) is None
    assert (stored.read(stored.levels[0], Window(0, 96, 0, 48)) == 255).all()


def _provenance():
    settings = {"tile_px": 32, "overlap_px": 8}
    rest = {"source_size_bytes": 1, "bands": [1], "stretch": None, "notes": [], "pixel_settings": settings}
    return {"scene_id": "a/scene.tif", "source_uri": "", "source_version": "v", **rest}


def test_windows_and_shards_hold_what_was_written(store):
    stored = open_stored(store)
    level = stored.levels[0]
    np.testing.assert_array_equal(stored.read(level, MOSAIC.grid.window), CODES)
    window = Window(48, 96, 0, 48)
    assert stored.shard_key(level, window) == "0/saliency/c/1/0"
    np.testing.assert_array_equal(stored.read_shard(level, window), CODES[48:96, :48])


def test_averages_of_a_level_are_what_the_next_one_holds(store):
    stored = open_stored(store)
    for below, above in zip(stored.levels, stored.levels[1:], strict=False):
        wanted = stored.read(above, above.grid.window)
        np.testing.assert_array_equal(stored.averages(below, above.grid.window), wanted)
    np.testing.assert_array_equal(
        stored.averages(stored.levels[0], stored.levels[1].grid.window), pyramid.halve(CODES)
    )


def test_a_damaged_shard_is_told_with_its_key(store):
    store.write("0/saliency/c/1/0", b"damaged")
    stored = open_stored(store)
    with pytest.raises(DamagedObjectError) as seen:
        stored.read(stored.levels[0], MOSAIC.grid.window)
    assert seen.value.key == "0/saliency/c/1/0"


@pytest.mark.parametrize("axis", ["x", "y"])
def test_an_axis_is_decoded_from_its_one_chunk(store, axis):
    stored = open_stored(store)
    found = stored.decode_axis(f"0/{axis}", store.read(f"0/{axis}/c/0"))
    wanted = MOSAIC.grid.x_centres() if axis == "x" else MOSAIC.grid.y_centres()
    np.testing.assert_array_equal(found, wanted)


def test_without_a_root_there_is_no_mosaic(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_stored(open_store(str(tmp_path)))


def edited(root: bytes, *path: object, value: object = None) -> bytes:
    document = node = json.loads(root)
    *way, last = path
    for name in way:
        node = node[name]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return json.dumps(document).encode()


NODES = ("consolidated_metadata", "metadata")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("attributes", "provenance"), None),
        (("attributes", "provenance", "scene_id"), None),
        (("attributes", "provenance", "pixel_settings", "tile_px"), None),
        (("attributes", "provenance", "pixel_settings", "tile_px"), "many"),
        (("attributes", "multiscales"), None),
        (("consolidated_metadata",), None),
        ((*NODES, "0/saliency"), None),
        ((*NODES, "0/saliency", "shape"), [0, 5]),
        ((*NODES, "0/saliency", "chunk_grid", "configuration", "chunk_shape"), [48, 24]),
        ((*NODES, "0/saliency", "codecs", 0, "configuration", "chunk_shape"), [24, 48]),
        ((*NODES, "0/saliency", "codecs", 0, "configuration", "chunk_shape"), [0, 0]),
        ((*NODES, "0/saliency", "codecs", 0, "configuration", "chunk_shape"), [-24, -24]),
        ((*NODES, "0/saliency", "codecs", 0, "configuration", "chunk_shape"), [36, 36]),
        ((*NODES, "0/saliency", "attributes", "spatial:transform"), [0, 0, 0, 0, 0, 0]),
        ((*NODES, "0/spatial_ref"), None),
    ],
)
def test_a_root_that_lacks_or_twists_what_decides_the_layout_is_damaged(store, path, value):
    root = edited(store.read("zarr.json"), *path, value=value)
    with pytest.raises(DamagedObjectError, match="it is not the root of a mosaic of this project"):
        parse_stored(store, "", root)


@pytest.mark.parametrize("root", [b"", b"{", b"[]", b"7", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_root_is_damaged(store, root):
    with pytest.raises(DamagedObjectError, match="it is not the root of a mosaic of this project"):
        parse_stored(store, "", root)
