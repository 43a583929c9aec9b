"""What is shown of a mosaic is its own codes beside its own scene, or a word on what is missing."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.query import OWN
from sgddiff_batch.io.mosaics import DamagedObjectError
from sgddiff_batch.io.pages import views
from sgddiff_batch.io.pages.views import view_of
from sgddiff_batch.io.storage import open_store
from tests.io.pages.page_examples import made_output, store_of
from tests.kit import jobs


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_output(tmp_path_factory.mktemp("views"))


def codes_of(output, path):
    return next(codes for name, codes in jobs.decoded(output).items() if name == f"/{path}/0")


def look(output, scene_id):
    path = store_of(output, scene_id)
    return view_of(open_store(str(output)), path, OWN), codes_of(output, path)


def test_a_small_mosaic_is_shown_whole_beside_its_scene(made):
    view, codes = look(made, "north/b.tif")
    np.testing.assert_array_equal(view.codes, codes)
    assert (view.is_whole, view.lacking) == (True, "")
    with rasterio.open(made.parent / "scenes" / "north" / "b.tif") as source:
        valid = codes != NO_DATA
        np.testing.assert_array_equal(view.pixels[:, valid], source.read()[:, valid])


@pytest.mark.parametrize("side", [64, 100])
def test_of_a_large_one_the_most_salient_part_is_shown_at_full_size(made, monkeypatch, side):
    monkeypatch.setattr(views, "WHOLE_PX", 200)
    monkeypatch.setattr(views, "PART_PX", side)
    view, codes = look(made, "a.tif")
    assert view.codes.shape == (side, side)
    np.testing.assert_array_equal(view.codes, codes[view.window.slices])
    assert view.pixels.shape == (3, side, side)
    mean = codes.astype(float).mean()
    assert view.codes.mean() > mean, "brighter than the scene as a whole"


def test_a_scene_that_is_gone_or_another_leaves_the_saliency_and_a_word(tmp_path):
    output = made_output(tmp_path)
    (tmp_path / "scenes" / "a.tif").unlink()
    jobs.write_scene(tmp_path / "scenes" / "c.tif", 60, 40, 3)
    gone, _ = look(output, "a.tif")
    other, _ = look(output, "c.tif")
    assert gone.pixels is None
    assert "cannot be read" in gone.lacking
    assert (other.pixels, other.lacking) == (None, "the scene has changed since")
    assert gone.codes.shape == (301, 417)


def test_a_mosaic_that_is_gone_or_damaged_is_told(tmp_path):
    output = made_output(tmp_path)
    store, path = open_store(str(output)), store_of(output, "c.tif")
    with pytest.raises(FileNotFoundError):
        view_of(store, "nowhere.zarr", OWN)
    (output / path / "0" / "saliency" / "c" / "0" / "0").write_bytes(b"damaged")
    with pytest.raises(DamagedObjectError):
        view_of(store, path, OWN)
