"""The scene below a mosaic: its pixels in their place, as the network saw them, or words on why not."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import Resampling

from tests.kit.file_server import FileServer, serving
from tests.viewer.page.examples import GRIDS, PAGE, config_of, seen, settle, show, size_of

NAME = "UTM north"
SIDE = 64
KINDS = {
    "bytes": {"dtype": "uint8"},
    "deflate": {"dtype": "uint8", "compress": "deflate", "predictor": 2},
    "zstd": {"dtype": "uint8", "compress": "zstd"},
    "LZW in strips": {"dtype": "uint8", "compress": "lzw", "tiled": False},
    "bands apart": {"dtype": "uint8", "interleave": "band"},
    "uint16 with a stretch": {"dtype": "uint16", "compress": "deflate"},
    "float32": {"dtype": "float32", "compress": "deflate"},
    "no data": {"dtype": "uint8", "nodata": 0},
}


def picture():
    """Return (3, h, w): squares of a few colours, none of them of a shade of grey."""
    grid, rng = GRIDS[NAME], np.random.default_rng(1)
    small = rng.integers(1, 5, (3, -(-grid.height_px // 16), -(-grid.width_px // 16))) * 50
    small[2] = 255 - small[0] // 2
    return np.kron(small, np.ones((1, 16, 16), int))[:, : grid.height_px, : grid.width_px].astype(np.uint8)


def write(path, pixels, overviews=(), **kind):
    grid = GRIDS[NAME]
    options = {"tiled": True, "blockxsize": SIDE, "blockysize": SIDE} if kind.get("tiled", True) else {}
    options |= {
        "driver": "GTiff",
        "height": grid.height_px,
        "width": grid.width_px,
        "count": 3,
        "crs": grid.crs_wkt,
    }
    options |= {"transform": rasterio.Affine(*grid.transform.coefficients), "photometric": "RGB"}
    with rasterio.open(path, "w", **(options | kind)) as file:
        file.write(pixels.astype(kind["dtype"]))
        if overviews:
            file.build_overviews(list(overviews), Resampling.nearest)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The folder of an output, and its mosaic, by whether the mosaic was made with a stretch."""
    grid, made = GRIDS[NAME], {}
    codes = np.zeros((grid.height_px, grid.width_px), np.uint8)
    for stretch in (None, [0.0, 1000.0]):
        folder = tmp_path_factory.mktemp("scene") / "out"
        stores = show(folder, {NAME: (grid, codes)}, uri="s3://archive/a scene.tif", stretch=stretch)
        made[bool(stretch)] = folder, stores[NAME]
    return made


@pytest.fixture
def shown(visit, outputs, tmp_path):
    """The file of a scene in a bucket with a name of its own, and what opens the mosaic above it."""
    (tmp_path / "bucket").mkdir()
    documents = {"/page/config.json": config_of(scenes=[{"prefix": "s3://archive/", "href": "/bucket/"}])}
    with serving(FileServer({"page": PAGE, "bucket": tmp_path / "bucket"}, documents)) as server:

        def look(scale, words="", found=True, stretched=False):
            server.folders["output"], store = outputs[stretched]
            state = f"mosaic={store}&view=212,152,{scale}{words}"
            one = visit(f"{server.address}/page/index.html#{state}", window=(760, 560))
            settle(one)
            one.page.wait_for_function("(is) => document.querySelector('#scene').disabled !== is", arg=found)
            return one

        yield tmp_path / "bucket" / "a scene.tif", look


def expected(pixels, scale, height, width):
    """Return the colours (h, w, 3) of each pixel of the screen, and where there is a scene."""
    row = np.floor(152 + (np.arange(height) + 0.5 - height / 2) * scale).astype(int)
    col = np.floor(212 + (np.arange(width) + 0.5 - width / 2) * scale).astype(int)
    inside = np.ix_((row >= 0) & (row < pixels.shape[1]), (col >= 0) & (col < pixels.shape[2]))
    found = np.full((height, width, 3), -1)
    rows, cols = row[inside[0][:, 0]], col[inside[1][0]]
    found[inside] = np.moveaxis(pixels[:, rows][:, :, cols], 0, -1)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_its_pixels_lie_where_they_belong(shown, kind):
    path, look = shown
    pixels = picture()
    if kind == "no data":
        pixels[:, 100:140, 100:140] = 0
    factor = 1000 / 255 if KINDS[kind]["dtype"] != "uint8" else 1
    write(path, pixels * factor, **KINDS[kind])
    one = look(1, "&opacity=0", stretched=factor != 1)
    wanted = expected(pixels, 1, *size_of(one))
    if kind == "no data":
        wanted[(wanted == 0).all(-1)] = (227, 234, 240)
    inside = (wanted >= 0).all(-1)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(seen(one).pixels[inside], wanted[inside], atol=1 if factor == 1 else 2)


@pytest.mark.parametrize("level", [1, 2])
def test_far_out_its_overviews_are_read_and_lie_there_too(shown, level):
    path, look = shown
    write(path, picture(), overviews=(2, 4), dtype="uint8")
    one = look(2**level, "&opacity=0")
    wanted = expected(picture(), 2**level, *size_of(one))
    inside = (wanted >= 0).all(-1)
    pixels = seen(one).pixels.astype(int)
    shifts = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
    off = [np.abs(pixels - np.roll(wanted, shift, (0, 1)))[inside].mean() for shift in shifts]
    assert off[0] == min(off) < 12


REFUSED = {
    "not there": (None, "the scene cannot be read"),
    "no picture": (b"words", "Invalid byte order"),
    "of another size": ("small", "the scene has 10 x 10 px, its mosaic 301 x 427"),
    "cut off": (b"II*\0\xff\xff\0\0", "the scene cannot be read"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_scene_that_cannot_be_read_is_said_and_the_mosaic_is_shown(shown, why):
    path, look = shown
    content, words = REFUSED[why]
    if content == "small":
        Image.fromarray(np.ones((10, 10), np.uint8)).save(path, "TIFF")
    elif content:
        path.write_bytes(content)
    one = look(1, "&colours=grey&opacity=1&threshold=0", found=False)
    one.page.wait_for_function("() => document.querySelector('#scene-why').textContent")
    assert words in one.page.inner_text("#scene-why")
    assert (seen(one).codes == 0).mean() > 0.5
    one.expected("404")
