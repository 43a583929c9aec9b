"""Colours, haze, noise, stretches, JPEG and wedges of a whole batch, by a row of numbers a crop."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from models.crops import CropSettings
from models.device_photometry import (
    ANGLE,
    COLUMNS,
    LEVELS,
    NOTHING,
    OFFSET,
    QUALITY,
    draw_photometry,
    inside_wedge,
    recolour,
)
from tests.models.device_examples import PLAIN, coarse_pair


def test_a_row_of_nothing_changes_nothing():
    x, row = torch.rand(2, 3, 32, 32), np.array([NOTHING] * 2, dtype=np.float32)
    torch.testing.assert_close(recolour(x, torch.from_numpy(row), row), x, rtol=1e-4, atol=1e-4)
    assert inside_wedge(torch.from_numpy(row), 32).all()
    assert len(NOTHING) == COLUMNS


@pytest.mark.parametrize("quality", [30, 60, 90])
def test_jpeg_is_what_a_codec_does(quality):
    pixels = coarse_pair(side=64).pixels
    row = np.array([NOTHING], dtype=np.float32)
    row[0, QUALITY] = quality
    ours = recolour(torch.from_numpy(pixels)[None] / 255, torch.from_numpy(row), row)[0] * 255
    stored = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(stored, "JPEG", quality=quality)
    theirs = torch.from_numpy(np.asarray(Image.open(stored)).transpose(2, 0, 1).astype(np.float32))
    lost = float((theirs - torch.from_numpy(pixels)).abs().mean())
    assert float((ours - theirs).abs().mean()) < 0.7 * lost


def test_noise_has_the_strength_that_was_drawn_and_comes_from_its_generator():
    row = np.array([NOTHING], dtype=np.float32)
    row[0, 10] = 0.02
    x = torch.full((1, 3, 64, 64), 0.5)
    first, again, other = (
        recolour(x, torch.from_numpy(row), row, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert float((first - x).std()) == pytest.approx(0.02, rel=0.05)


def test_photometry_is_drawn_as_often_as_asked():
    rng = np.random.default_rng(0)
    never = np.array([draw_photometry(PLAIN, rng) for _ in range(20)])
    assert np.array_equal(never, np.array([NOTHING] * 20, dtype=float))
    always = CropSettings(**{**_fields(PLAIN), "jpeg": 1.0, "haze": 1.0})
    drawn = np.array([draw_photometry(always, rng) for _ in range(20)])
    assert (drawn[:, QUALITY] >= 30).all()
    assert (drawn[:, 9] >= 0.1).all()


def _fields(config):
    return {name: getattr(config, name) for name in config.__slots__}


def _rows(count, **changes):
    rows = np.array([NOTHING] * count, dtype=np.float32)
    for place, value in changes.items():
        rows[0, {"levels": LEVELS, "quality": QUALITY, "angle": ANGLE, "offset": OFFSET}[place]] = value
    return rows


@pytest.mark.parametrize("part", [{"levels": 24.0}, {"quality": 30.0}])
def test_a_dear_step_touches_no_crop_but_those_that_have_it(part):
    x, nothing = torch.rand(3, 3, 32, 32), _rows(3)
    rows = _rows(3, **part)
    if "levels" in part:
        rows[0, 12] = 1.0
    made = recolour(x, torch.from_numpy(rows), rows)
    plain = recolour(x, torch.from_numpy(nothing), nothing)
    assert torch.equal(made[1:], plain[1:])
    assert not torch.allclose(made[0], plain[0], atol=1e-2)


def test_a_lower_quality_loses_more():
    torch.manual_seed(1)
    x, lost = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8), 64, mode="bilinear"), []
    for quality in (95.0, 60.0, 30.0):
        rows = _rows(1, quality=quality)
        lost.append(float((recolour(x, torch.from_numpy(rows), rows) - x).abs().mean()))
    assert lost[0] < lost[1] < lost[2]


def test_a_wedge_through_the_middle_halves_the_crop_along_its_direction():
    across, down = (
        inside_wedge(torch.from_numpy(_rows(1, angle=angle, offset=0.0)), 8)[0, 0]
        for angle in (0.0, np.pi / 2)
    )
    assert torch.equal(across, torch.tensor([1.0] * 4 + [0.0] * 4).expand(8, 8))
    assert torch.equal(down, across.T)
