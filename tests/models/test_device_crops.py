import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.augmentation import Colour, Haze, Stretch, Wedge, Window, augment
from models.crops import CropSettings
from models.data import make_pair
from models.device_crops import Sheet, draw_sheet, folded_grid, make_crops, to_device, turned
from models.device_photometry import NOTHING
from tests.models.device_examples import PLAIN, coarse_pair


def _sheet(row, photometry=NOTHING, pasted=(), crop_px=64):
    return Sheet(
        crop_px,
        0,
        np.array([row], dtype=np.float32),
        np.array([photometry], dtype=np.float32),
        np.array(pasted, dtype=np.float32).reshape(-1, 11),
    )


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_crop_at_native_size_is_the_window_turned(quarters, mirrored):
    pair = coarse_pair()
    window = Window(64, pair.pixels[:, 8:72, 16:80].copy(), pair.mask[8:72, 16:80].copy(), quarters, mirrored)
    wanted, wanted_mask = augment([window])
    made = [
        make_crops(to_device([pair], "cpu"), _sheet([0, 39.5, 47.5, *turned(q, m, 1.0), 0]))
        for q, m in ((quarters, mirrored), ((4 - quarters) % 4, mirrored))
    ]
    # Turns are drawn with equal shares, so either sense of rotation will do.
    assert any(torch.allclose(x, wanted, atol=1e-2) and torch.equal(mask, wanted_mask) for x, mask in made)


def test_a_reduced_crop_is_close_to_an_antialiased_resize():
    pair = coarse_pair(side=160)
    made, mask = make_crops(to_device([pair], "cpu"), _sheet([0, 79.5, 79.5, *turned(0, False, 2.5), 0]))
    wanted, wanted_mask = augment([Window(64, pair.pixels, pair.mask)])
    plain = torch.nn.functional.interpolate(torch.from_numpy(pair.pixels)[None].float(), 64, mode="bilinear")
    assert float((made - wanted).abs().mean()) < 0.6 * float((plain - wanted).abs().mean())
    assert float((mask - wanted_mask).abs().mean()) < 0.01


def test_beyond_a_picture_its_edge_goes_on():
    pair = make_pair("flat", np.full((3, 32, 32), 9, np.uint8), np.zeros((32, 32), bool))
    made, mask = make_crops(to_device([pair], "cpu"), _sheet([0, 0, 0, *turned(0, False, 1.0), 0]))
    torch.testing.assert_close(made, torch.full_like(made, 9))
    assert not mask.any()


def test_pictures_of_different_sizes_are_read_from_their_own_words():
    pairs = [make_pair(str(v), np.full((3, s, s + 7), v, np.uint8), np.zeros((s, s + 7), bool)) for v, s in
             ((10, 40), (20, 64), (30, 33))]  # fmt: skip
    sheet = draw_sheet(to_device(pairs, "cpu"), 12, PLAIN, 0, 0)
    made, _ = make_crops(to_device(pairs, "cpu"), sheet)
    for crop, row in zip(made, sheet.crops, strict=True):
        torch.testing.assert_close(crop, torch.full_like(crop, [10.0, 20.0, 30.0][int(row[0])]))


def test_a_row_is_a_function_of_seed_step_and_place():
    pictures = to_device([coarse_pair(), coarse_pair("another")], "cpu")
    config = CropSettings(crop_px=64, paste=1.0)
    whole = draw_sheet(pictures, 6, config, 3, 8)
    part = draw_sheet(pictures, 2, config, 3, 8, first=4)
    assert np.array_equal(whole.crops[4:], part.crops)
    assert np.array_equal(whole.photometry[4:], part.photometry)
    assert not np.array_equal(whole.crops, draw_sheet(pictures, 6, config, 3, 9).crops)
    first, second = (make_crops(pictures, whole)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_windows_for_negatives_hold_no_object_and_the_others_do():
    pictures = to_device([coarse_pair(side=256)], "cpu")
    masks = {}
    for share in (0.0, 1.0):
        config = CropSettings(**{**_fields(PLAIN), "negatives": share, "scale_min": 1.0, "scale_max": 1.0})
        masks[share] = make_crops(pictures, draw_sheet(pictures, 20, config, 0, 0))[1]
    assert masks[0.0].amax((1, 2, 3)).min() == 1
    assert masks[1.0].amax((1, 2, 3)).mean() < 0.3


def test_a_pasted_object_adds_its_pixels_and_its_mask():
    dark = make_pair("dark", np.zeros((3, 96, 96), np.uint8), np.zeros((96, 96), bool))
    pictures = to_device([coarse_pair(), dark], "cpu")
    one = pictures.objects[0][0]
    row = [1, 47.5, 47.5, *turned(0, False, 1.0), 0]
    pasted = [[0, 20.5, 30.5, 0, one.number, one.row, one.column, *turned(1, True, 1.0)]]
    made, mask = make_crops(pictures, _sheet(row, pasted=pasted))
    assert int(mask.sum()) == 10 * 12
    assert mask[0, 0, 20, 30] == 1
    assert made[0, :, 20, 30].sum() > 0
    assert float(made[0, :, 50:].abs().max()) < 0.01


def test_no_object_is_pasted_over_another():
    pictures = to_device([coarse_pair()], "cpu")
    one = pictures.objects[0][0]
    row = [0, 47.5, 47.5, *turned(0, False, 1.0), 0]
    centre = (one.row - 47.5 + 31.5, one.column - 47.5 + 31.5)
    pasted = [[0, *centre, 0, one.number, one.row, one.column, *turned(1, False, 1.0)]]
    with_it, without = (make_crops(pictures, _sheet(row, pasted=p)) for p in (pasted, ()))
    assert torch.equal(with_it[0], without[0])
    assert torch.equal(with_it[1], without[1])


def test_objects_that_an_edge_cuts_off_are_never_pasted():
    mask = np.zeros((96, 96), bool)
    mask[0:10, 20:30] = mask[50:60, 40:50] = mask[80:82, 80:82] = True
    pair = make_pair("cut", np.zeros((3, 96, 96), np.uint8), mask)
    assert [(o.row, o.column, o.longest_px) for o in to_device([pair], "cpu").objects[0]] == [
        (54.5, 44.5, 10)
    ]


@given(kept=st.integers(2, 60), across=st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_fold_reflects_what_is_kept(kept, across):
    rows, columns = folded_grid(torch.tensor([-kept if across else kept], dtype=torch.float32), 64)
    bent, straight = (columns[0, 0], rows[0, :, 0]) if across else (rows[0, :, 0], columns[0, 0])
    wanted = np.pad(np.arange(kept), (0, 64 - kept), mode="reflect")
    assert np.array_equal(bent.numpy(), wanted)
    assert np.array_equal(straight.numpy(), np.arange(64))


@pytest.mark.parametrize(
    "part",
    [
        {"colour": Colour(1.2, 0.8, 0.7, 1.3, 0.95, 1.0, 1.1)},
        {"colour": Colour(0.8, 1.25, 1.4, 0.8, 1.1, 0.9, 1.0)},
        {"grey": True},
        {"haze": Haze(0.8, 0.4)},
        {"stretch": Stretch(0.02, 0.98, 40.0)},
        {"stretch": Stretch(0.0, 1.0, 24.0)},
        {"wedge": Wedge(1.0, 0.3)},
    ],
)
def test_a_batch_is_changed_as_single_windows_are(part):
    pair = coarse_pair(side=64)
    wanted, wanted_mask = augment([Window(64, pair.pixels, pair.mask, **part)])
    row = list(map(float, NOTHING))
    for name, value in part.items():
        if name == "colour":
            row[:7] = [value.red, value.green, value.blue, *value[:4]]
        elif name == "grey":
            row[7] = 1.0
        else:
            places = {"haze": (8, 9), "stretch": (11, 12, 13), "wedge": (15, 16)}[name]
            for place, number in zip(places, value, strict=True):
                row[place] = number
    made, mask = make_crops(to_device([pair], "cpu"), _sheet([0, 31.5, 31.5, *turned(0, False, 1.0), 0], row))
    # A stretch rounds: where both lie at a step's edge they may fall on different sides of it.
    differing = (made - wanted).abs().amax(1) > 1.0
    assert float(differing.float().mean()) < 0.01
    assert torch.equal(mask, wanted_mask)


def _fields(config):
    return {name: getattr(config, name) for name in config.__slots__}
