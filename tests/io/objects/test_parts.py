"""Parts do not depend on how a mosaic is cut up, and are not made of damaged ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.io.mosaics import DamagedObjectError
from sgddiff_batch.io.objects import parts
from sgddiff_batch.io.objects.geoparquet import decode
from sgddiff_batch.io.objects.parts import make_part, part_key
from tests.core.region_examples import MASKS, normal, polygons_by_gdal
from tests.io.mosaic_examples import GRIDS, codes_of
from tests.io.objects.examples import EXACT, SQUARE, rows_of, stored

GRID = GRIDS["north-up"]
CODES = codes_of(GRID, 5)


def test_rows_are_the_same_of_blocks_of_any_size(tmp_path):
    found = [rows_of(stored(tmp_path / str(n), CODES, strides=n), ObjectSettings()) for n in (1, 2, 5)]
    assert len(found[0]) > 100
    assert found[0] == found[1] == found[2]


def test_objects_are_the_polygons_of_the_whole_map(tmp_path):
    rows = rows_of(stored(tmp_path, CODES, crs=None, transform=GRIDS["no crs"].transform, strides=1))
    found = normal([row["geometry_native"] for row in rows])
    assert found == normal(polygons_by_gdal((CODES >= 127) & (CODES != 255)))


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("factor", [1, 13])
def test_any_form_gives_a_valid_file(tmp_path, name, factor):
    mask = np.kron(MASKS[name], np.ones((factor, factor), np.uint8))
    rows = rows_of(stored(tmp_path, mask * 200, strides=1), ObjectSettings())
    assert sum(row["pixels"] for row in rows) == mask.sum()
    assert all(row["geometry"].is_valid and row["geometry_native"].is_valid for row in rows)
    assert len(rows) == len(polygons_by_gdal(mask))


def test_the_same_mosaic_gives_the_same_bytes(tmp_path):
    one, other = (stored(tmp_path / name, CODES) for name in "ab")
    assert make_part(one, EXACT) == make_part(one, EXACT)
    rows = [decode(make_part(mosaic, EXACT))[0] for mosaic in (one, other)]
    assert rows[0].equals(rows[1])


def test_outlines_that_are_drawn_a_few_at_a_time_are_the_same(tmp_path, monkeypatch):
    mosaic = stored(tmp_path, CODES)
    whole = rows_of(mosaic)
    monkeypatch.setattr(parts, "_MOST_CORNERS", 9)
    assert rows_of(mosaic) == whole


@pytest.mark.parametrize("harm", ["lost", "other", "torn"])
def test_a_block_that_is_not_what_was_stored_is_damage_and_never_no_objects(tmp_path, harm):
    mosaic = stored(tmp_path, SQUARE)
    (shard, *_) = (key for key in mosaic.store.keys("0/saliency/c"))
    if harm == "lost":
        mosaic.store.delete(shard)
    else:
        data = mosaic.store.read(shard)
        other = stored(tmp_path / "b", SQUARE // 2).store.read(shard)
        mosaic.store.write(shard, other if harm == "other" else data[: len(data) // 2])
    with pytest.raises(DamagedObjectError):
        make_part(mosaic, EXACT)


def test_keys_are_of_the_store_and_the_settings():
    key = part_key("a/b.tif/v-k.zarr", EXACT)
    assert key == f"_objects/parts/a/b.tif/v-k.zarr-{EXACT.digest}.parquet"
    assert key != part_key("a/b.tif/v-k.zarr", dataclasses.replace(EXACT, low=0.2))
