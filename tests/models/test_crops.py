import dataclasses
import pickle

import numpy as np
import pytest
import torch

from models.config import ConfigError
from models.crops import PROBABILITIES, CropSettings, draw_batch, draw_windows
from models.data import make_pair
from models.mixing import Mix

NONE = dict.fromkeys(PROBABILITIES, 0.0)
ALL = dict.fromkeys(PROBABILITIES, 0.5)
# The field of a window that tells whether a step was drawn.
DRAWN = {
    "wedge": "wedge",
    "mirror": "fold",
    "colour": "colour",
    "haze": "haze",
    "grey": "grey",
    "noise": "noise",
    "stretch": "stretch",
    "jpeg": "jpeg",
    "paste": "objects",
}


def _plain(size=(160, 176), mask=False):
    pixels = np.random.default_rng(0).integers(0, 255, (3, *size), dtype=np.uint8)
    return make_pair("plain", pixels, np.full(size, mask))


def _one_small_object():
    mask = np.zeros((300, 300), bool)
    mask[20:32, 20:32] = True
    return make_pair("small", np.where(mask, np.uint8(200), np.uint8(20))[None].repeat(3, 0), mask)


def test_a_batch_is_a_function_of_seed_and_step(squares):
    settings = CropSettings(96, **ALL)
    first, again, later, other = (
        draw_batch(squares, 3, settings, *at) for at in ((5, 7), (5, 7), (5, 8), (6, 7))
    )
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], later[0])
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("first", [0, 3, 6])
def test_a_workers_share_is_the_slice_of_the_whole_batch_to_the_bit(squares, first):
    settings = CropSettings(64, **ALL)
    source = Mix((squares[:2], squares[2:]), (1.0, 2.0))
    whole = draw_batch(source, 9, settings, 1, 2)
    share = draw_batch(source, 3, settings, 1, 2, first)
    for ours, all_of_it in zip(share, whole, strict=True):
        assert torch.equal(ours, all_of_it[first : first + 3])


def test_drawing_changes_no_global_random_state_and_no_pair(squares):
    before = [(pair.pixels.copy(), pair.mask.copy()) for pair in squares]
    state = torch.get_rng_state()
    draw_batch(squares, 8, CropSettings(64, **ALL), 0, 0)
    assert torch.equal(torch.get_rng_state(), state)
    for pair, (pixels, mask) in zip(squares, before, strict=True):
        assert (pair.pixels == pixels).all()
        assert (pair.mask == mask).all()


def test_read_only_pictures_can_be_drawn_from(squares):
    for pair in squares:
        pair.pixels.flags.writeable = pair.mask.flags.writeable = False
    pixels, _ = draw_batch(squares, 6, CropSettings(64, **ALL), 0, 0)
    assert pixels.shape == (6, 3, 64, 64)


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_each_step_is_on_or_off_by_its_probability(name):
    def share(probability):
        settings = CropSettings(96, **{**NONE, name: probability})
        windows = draw_windows([_one_small_object()], 80, settings, 0, 0)
        drawn = {field: sum(bool(getattr(w, field)) for w in windows) / 80 for field in DRAWN.values()}
        assert all(value == 0 for field, value in drawn.items() if field != DRAWN[name])
        return drawn[DRAWN[name]]

    assert share(0.0) == 0
    assert share(1.0) >= (0.95 if name == "paste" else 1)  # in 8 tries no free place may be found
    assert 0.3 < share(0.5) < 0.7


def test_crops_have_their_size_range_and_a_mask_of_zeros_and_ones(squares):
    pixels, mask = draw_batch(squares, 12, CropSettings(96, **ALL), 0, 0)
    assert pixels.shape == (12, 3, 96, 96)
    assert mask.shape == (12, 1, 96, 96)
    assert pixels.dtype == mask.dtype == torch.float32
    assert 0 <= float(pixels.min()) <= float(pixels.max()) <= 255
    assert set(mask.unique().tolist()) == {0.0, 1.0}


def test_crops_that_are_no_negatives_hold_an_object(squares):
    _, mask = draw_batch(squares, 20, CropSettings(96, **NONE), 0, 0)
    assert (mask.sum((1, 2, 3)) > 0).all()


def test_negatives_have_empty_masks_until_objects_are_pasted():
    pair = _one_small_object()
    without = CropSettings(96, **{**NONE, "negatives": 1.0})
    assert draw_batch([pair], 20, without, 0, 0)[1].sum() == 0
    pasted = draw_batch([pair], 20, dataclasses.replace(without, paste=1.0), 0, 0)[1]
    assert (pasted.sum((1, 2, 3)) > 0).all()


@pytest.mark.parametrize("size", [(20, 300), (7, 5), (1, 1), (17, 16)])
@pytest.mark.parametrize("mask", [False, True])
def test_pictures_smaller_than_a_crop_and_full_or_empty_masks_are_enlarged(size, mask):
    pixels, found = draw_batch([_plain(size, mask)], 12, CropSettings(64, **{**ALL, "wedge": 0.0}), 0, 0)
    assert pixels.shape == (12, 3, 64, 64)
    assert pixels.isfinite().all()
    assert (found == float(mask)).all()


def test_grey_and_constant_pictures_stay_finite_and_in_range():
    for value in (0, 255, 128):
        pair = make_pair("flat", np.full((3, 100, 100), value, np.uint8), np.zeros((100, 100), bool))
        pixels, _ = draw_batch([pair], 12, CropSettings(64, **ALL), 0, 0)
        assert pixels.isfinite().all()
        assert 0 <= float(pixels.min()) <= float(pixels.max()) <= 255


def test_windows_can_be_sent_to_another_process(squares):
    from models.augmentation import augment

    windows = draw_windows(squares, 4, CropSettings(64, **ALL), 0, 0)
    sent = pickle.loads(pickle.dumps(windows))
    assert all(torch.equal(a, b) for a, b in zip(augment(windows), augment(sent), strict=True))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("crop_px", 0),
        ("crop_px", 100),
        ("crop_px", -32),
        ("crop_px", 64.0),
        ("crop_px", True),
        ("scale_min", 0.0),
        ("scale_min", 2.0),
        ("scale_max", float("inf")),
        ("scale_max", float("nan")),
        *((name, value) for name in PROBABILITIES for value in (-0.1, 1.1, float("nan"), "often", None)),
    ],
)
def test_settings_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=field):
        CropSettings(**{field: value})


def test_a_batch_without_crops_and_a_picture_without_pixels_are_refused(squares):
    with pytest.raises(ValueError, match="at least one crop"):
        draw_windows(squares, 0, CropSettings(64), 0, 0)
    hollow = make_pair("hollow", np.zeros((3, 0, 9), np.uint8), np.zeros((0, 9), bool))
    with pytest.raises(ValueError, match="hollow"):
        draw_windows([hollow], 1, CropSettings(64), 0, 0)
    with pytest.raises(ValueError, match="no pictures"):
        draw_batch([], 1, CropSettings(64), 0, 0)
