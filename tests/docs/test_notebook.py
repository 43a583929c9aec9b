"""The notebook of docs/, its cells run in one namespace, as a kernel does it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio

from tests.docs.blocks import DOCS, cells_of
from tests.kit.entry_points import installed

NOTEBOOK = "saliency.ipynb"


def test_a_notebook_is_stored_without_what_it_printed():
    cells = json.loads((DOCS / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    assert all(not cell["outputs"] for cell in cells if cell["cell_type"] == "code")
    assert len({cell["id"] for cell in cells}) == len(cells)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What its cells have made, in a folder of their own."""
    names: dict[str, object] = {"folder": tmp_path_factory.mktemp("notebook")}
    with pytest.MonkeyPatch.context() as patch:
        installed(tmp_path_factory.mktemp("installed"), patch)
        patch.chdir(names["folder"])
        for number, code in enumerate(cells_of(NOTEBOOK), 1):
            exec(compile(code, f"{NOTEBOOK}, cell {number}", "exec"), names)
    return names


def test_the_network_finds_what_the_notebook_draws(made):
    assert made["on_hulls"] > 0.5 > 10 * made["on_water"]
    assert made["salient_m2"] == pytest.approx(0.25 * made["hulls"].sum(), rel=0.5)


def test_where_its_mask_says_so_there_is_no_data(made):
    np.testing.assert_array_equal(made["with_mask"] == 255, ~made["beyond_the_swath"])


def test_its_file_has_the_codes_and_the_place_of_its_pixels(made):
    with rasterio.open(made["folder"] / "saliency.tif") as raster:
        np.testing.assert_array_equal(raster.read(1), made["codes"])
        assert (raster.nodata, raster.scales, raster.crs.to_epsg()) == (255, (1 / 254,), 32633)
        assert raster.transform[:6] == (0.5, 0, 499_999.75, 0, -0.5, 5_000_000.25)
