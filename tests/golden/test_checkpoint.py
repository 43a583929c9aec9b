"""A checkpoint of format version 1: it must load for ever, and compute what it did when it was saved.

`map.png` is 255 times what the bare network made of :func:`picture`, `codes.png` what the predictor did by
the lattice of mosaics before `pixels_version` 3, `codes-fitted.png` by that of today.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.checkpoint import load_checkpoint
from models.predictor import load_predictor
from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window

FOLDER = Path(__file__).parent
CHECKPOINT = FOLDER / "checkpoint"
DIGEST_STARTS = "586da72c8a62"
TILE_PX, OVERLAP_PX = 64, 16
SHARE_OFF = 0.002
"""So many pixels may be off by one: another CPU sums in another order."""


def picture():
    """(3, 90, 131) uint8 of slopes, stripes and a chessboard, without any random number."""
    rows, columns = np.mgrid[:90, :131]
    chessboard = np.where((rows // 16 + columns // 16) % 2, 220, 30)
    return np.stack([(rows * 7 + columns * 3) % 256, rows * columns % 251, chessboard]).astype(np.uint8)


def golden(name):
    with Image.open(FOLDER / name) as opened:
        return np.asarray(opened)


def assert_same(found, expected):
    off = np.abs(found.astype(int) - expected.astype(int))
    assert off.max() <= 1
    assert (off > 0).mean() <= SHARE_OFF


@pytest.fixture(scope="module")
def checkpoint():
    return load_checkpoint(CHECKPOINT)


def test_a_checkpoint_of_the_first_format_loads(checkpoint):
    assert checkpoint.digest.startswith(DIGEST_STARTS)
    assert checkpoint.data == {"seen": "nothing"}
    assert checkpoint.training == {"note": "random weights, kept as a witness of the format"}


@torch.inference_mode()
def test_its_network_computes_what_it_did(checkpoint):
    saliency = checkpoint.network(torch.from_numpy(picture())[None])[0, 0]
    assert_same((saliency.numpy() * 255).round().astype(np.uint8), golden("map.png"))


@pytest.mark.parametrize(("name", "fits"), [("codes.png", False), ("codes-fitted.png", True)])
def test_the_predictor_computes_the_codes_that_it_did(name, fits):
    height, width = golden(name).shape
    tiles = Lattice(height, width, TILE_PX, OVERLAP_PX, fits).task_tiles(Window(0, height, 0, width))
    codes = load_predictor(str(CHECKPOINT), "cpu").predict(picture(), np.ones((height, width), bool), tiles)
    assert_same(codes, golden(name))


@torch.inference_mode()
@pytest.mark.parametrize("shape", [(1, 3, 90, 131), (2, 3, 33, 32), (3, 3, 1, 50)], ids=str)
def test_the_network_is_bare_bytes_of_any_size_in_and_probabilities_out(checkpoint, shape):
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    saliency = checkpoint.network(pixels)
    assert saliency.dtype == torch.float32
    assert saliency.shape == (shape[0], 1, *shape[2:])
    assert 0 <= float(saliency.min()) <= float(saliency.max()) <= 1
    assert not checkpoint.network.training
