"""Rows say of each object what the map says."""

from __future__ import annotations

import numpy as np
import pytest

from sgddiff_batch.core.object_settings import ObjectSettings
from tests.io.objects.examples import SQUARE, rows_of, stored


def test_saliency_is_that_of_the_map_itself_and_no_data_is_no_part(tmp_path):
    (row,) = rows_of(stored(tmp_path, SQUARE))
    of_object = SQUARE[(SQUARE >= 127) & (SQUARE != 255)]
    assert row["pixels"] == of_object.size == 1500
    assert row["saliency_mean"] == pytest.approx(of_object.mean() / 254)
    assert row["saliency_max"] == 1.0
    assert len(row["geometry_native"].interiors) == 1


def test_the_scene_the_store_and_the_crs_stand_in_each_row(tmp_path):
    (row,) = rows_of(stored(tmp_path, SQUARE))
    assert (row["scene"], row["store"]) == ("a/scene.tif", f"a/scene.tif/{1:016x}-aaaaaaaaaaaa.zarr")
    assert (row["crs"], row["time"]) == ("EPSG:32633", None)
    assert (row["run"], row["model_digest"]) == ("run", "d" * 64)


def test_ids_are_of_the_store_and_the_first_pixel(tmp_path):
    codes = np.zeros((60, 60), np.uint8)
    codes[5, 7] = codes[50, 50] = 200
    ids = [row["id"] for row in rows_of(stored(tmp_path / "a", codes))]
    codes[51, 50] = 200
    later = [row["id"] for row in rows_of(stored(tmp_path / "b", codes))]
    assert ids == later, "what an object has beside its first pixel decides nothing"
    assert len({*ids}) == 2
    assert all(len(one) == 20 for one in ids)


def test_only_objects_that_touch_an_edge_of_the_mosaic_say_so(tmp_path):
    codes = np.zeros((60, 60), np.uint8)
    codes[0, 5] = codes[59, 9] = codes[10, 0] = codes[20, 59] = codes[47, 47:49] = 200
    rows = {(row["row"], row["col"]): row["at_edge"] for row in rows_of(stored(tmp_path, codes))}
    assert rows == {(0, 5): True, (10, 0): True, (20, 59): True, (47, 47): False, (59, 9): True}


def test_small_objects_are_left_out_where_there_are_metres(tmp_path):
    codes = np.zeros((60, 60), np.uint8)
    codes[5, 5] = codes[9, 9:11] = 200
    large = ObjectSettings(min_area_m2=150)
    assert [row["pixels"] for row in rows_of(stored(tmp_path / "a", codes), large)] == [2]
    assert len(rows_of(stored(tmp_path / "b", codes, crs=None), large)) == 2
