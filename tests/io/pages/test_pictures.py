"""Pictures are small, show what the view holds, and one that fails leaves its place with a word."""

from __future__ import annotations

import base64
import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.pages.digest import Pick
from sgddiff_batch.io.pages.pictures import SIDE_PX, draw_all, drawn
from sgddiff_batch.io.pages.views import View


def pick(name="a.tif"):
    return Pick({"scene_id": name, "store": name}, ("newest",))


def view(codes, pixels=..., *, is_whole=True, lacking=""):
    shown = np.full((3, *codes.shape), 120, dtype=np.uint8) if pixels is ... else pixels
    window = Window(10, 10 + codes.shape[0], 2000, 2000 + codes.shape[1])
    return View(codes, shown, window, is_whole, lacking)


def pixels_of(image):
    head, data = image.uri.split(",")
    assert head == "data:image/webp;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (image.width_px, image.height_px)
    return np.asarray(picture.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("shape", "size"), [((1000, 500), (256, 128)), ((30, 40), (30, 40)), ((1, 900), (1, 256))]
)
def test_no_side_is_longer_and_small_ones_stay_as_they_are(shape, size):
    found = drawn(pick(), view(np.zeros(shape, dtype=np.uint8)))
    for image in (found.scene, found.saliency, found.overlay):
        assert (image.height_px, image.width_px) == size
        assert len(image.uri) < 40_000
        pixels_of(image)
    assert SIDE_PX == 256


def test_an_object_of_one_pixel_is_not_lost_in_a_large_view():
    codes = np.zeros((1000, 1000), dtype=np.uint8)
    codes[500, 500] = MAX_CODE
    found = drawn(pick(), view(codes))
    assert pixels_of(found.saliency).sum(2).max() > 400
    assert pixels_of(found.saliency)[:100].sum(2).max() < 100
    assert not np.allclose(pixels_of(found.overlay), pixels_of(found.scene), atol=20)


def test_no_data_is_hatched_and_not_dark():
    codes = np.full((200, 200), NO_DATA, dtype=np.uint8)
    codes[:100] = 0
    saliency = pixels_of(drawn(pick(), view(codes)).saliency)
    assert saliency[:90].mean() < 30
    assert saliency[110:].mean() > 150


def test_without_a_scene_there_is_the_saliency_and_the_word():
    found = drawn(pick(), view(np.zeros((9, 9), dtype=np.uint8), None, lacking="it is gone"))
    assert (found.scene, found.overlay, found.lacking) == (None, None, "it is gone")
    assert found.saliency is not None


def test_a_part_says_which_one_it_is():
    codes = np.zeros((50, 60), dtype=np.uint8)
    assert drawn(pick(), view(codes, is_whole=False)).place == "rows 10 to 60, columns 2,000 to 2,060"
    assert drawn(pick(), view(codes)).place == ""


def test_what_cannot_be_looked_at_leaves_its_place_and_stops_no_other():
    def look(path):
        if path == "bad":
            raise ValueError("https://host/x?sig=secret is no mosaic")
        return view(np.zeros((9, 9), dtype=np.uint8))

    first, bad, last = draw_all([pick("a"), pick("bad"), pick("c")], look, 60)
    assert bad.lacking == "the mosaic cannot be read: https://host/x is no mosaic"
    assert bad.saliency is None
    assert None not in (first.saliency, last.saliency)
    assert [one.pick.row["store"] for one in (first, bad, last)] == ["a", "bad", "c"]


def test_one_that_never_ends_is_not_waited_for():
    over = threading.Event()

    def look(path):
        if path == "stuck":
            over.wait()
        return view(np.zeros((9, 9), dtype=np.uint8))

    start = time.monotonic()
    found = draw_all([pick("stuck"), pick("b"), pick("c")], look, 0.5, patience_s=0.5)
    over.set()
    assert time.monotonic() - start < 5
    assert [one.saliency is None for one in found] == [True, False, False]
    assert found[0].lacking == "not drawn: there was no time left"


def test_when_the_time_is_over_none_is_begun():
    asked = []
    left = draw_all([pick("a"), pick("b")], asked.append, 0.0)
    assert asked == []
    assert {one.lacking for one in left} == {"not drawn: there was no time left"}
