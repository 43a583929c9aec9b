from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sgddiff_batch.core.colours import code_colours
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.pyramid import halve
from sgddiff_batch.io.mosaics.export_png import PngExport, export_png
from sgddiff_batch.io.mosaics.export_target import MARK_BYTES
from tests.io.mosaic_examples import GRIDS, NORTH_UP, UTM, build, codes_of, mosaic_of, stored_codes

GRID = Grid(101, 75, NORTH_UP, UTM)


def codes_in(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "P"
        return np.asarray(image)


@pytest.mark.parametrize(("size_px", "level"), [(1000, 0), (101, 0), (100, 1), (51, 1), (50, 2), (13, 3)])
def test_a_picture_is_the_finest_level_that_fits(tmp_path, size_px, level):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    export_png(uri, tmp_path / "a.png", size_px)
    np.testing.assert_array_equal(codes_in(tmp_path / "a.png"), stored_codes(uri, level))


def test_below_the_coarsest_level_it_is_halved_on(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    export_png(uri, tmp_path / "a.png", 6)
    np.testing.assert_array_equal(codes_in(tmp_path / "a.png"), halve(halve(stored_codes(uri, 3))))


def test_its_colours_are_those_of_the_table_and_no_data_is_transparent(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    export_png(uri, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        shown = np.asarray(image.convert("RGBA"))
    codes = stored_codes(uri)
    np.testing.assert_array_equal(shown[..., 3], np.where(codes == 255, 0, 255))
    np.testing.assert_array_equal(shown[codes < 255][:, :3], code_colours()[codes[codes < 255]])


@pytest.mark.parametrize("name", GRIDS)
def test_a_mosaic_on_any_grid_gives_its_rows_and_columns(tmp_path, name):
    uri = build(tmp_path, mosaic_of(GRIDS[name]), codes_of(GRIDS[name]))
    export_png(uri, tmp_path / "a.png")
    np.testing.assert_array_equal(codes_in(tmp_path / "a.png"), stored_codes(uri))


def test_a_picture_says_of_which_mosaic_and_of_which_size_it_is(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    export_png(uri, tmp_path / "a.png", 60)
    beginning = (tmp_path / "a.png").read_bytes()[:MARK_BYTES]
    assert PngExport(60).marked(beginning) == PngExport(60).mark(uri) != PngExport(61).mark(uri)
    for other in (b"", b"\x89PNG\r\n\x1a\n", b"no picture"):
        assert PngExport().marked(other) is None


def test_a_picture_without_pixels_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 1 px"):
        export_png(build(tmp_path, mosaic_of(GRID), codes_of(GRID)), tmp_path / "a.png", 0)
