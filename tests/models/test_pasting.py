import numpy as np
import pytest

from models.data import make_pair
from models.pasting import SMALLEST_PX, ZOOMS, draw_objects

EMPTY = np.zeros((120, 120), bool)


def _pair(*boxes, size=(160, 176)):
    """Dark, with a bright rectangle (row, column, height, width) an object."""
    mask = np.zeros(size, bool)
    for row, column, height, width in boxes:
        mask[row : row + height, column : column + width] = True
    pixels = np.where(mask, np.uint8(200), np.uint8(20))[None].repeat(3, 0)
    return make_pair("donor", pixels, mask)


def _draw(pair, occupied=EMPTY, times=60):
    rng = np.random.default_rng(0)
    return [one for _ in range(times) for one in draw_objects(pair, occupied, rng)]


def test_an_object_comes_whole_with_its_own_pixels_and_a_margin():
    for one in _draw(_pair((50, 60, 12, 20))):
        assert sorted(one.mask.shape) == [20, 28]
        assert one.mask.sum() == 12 * 20
        assert (one.pixels[:, one.mask] == 200).all()
        assert (one.pixels[:, ~one.mask] == 20).all()


def test_one_to_three_objects_are_pasted_inside_the_window():
    rng = np.random.default_rng(0)
    counts = set()
    for _ in range(60):
        objects = draw_objects(_pair((50, 60, 6, 9)), EMPTY, rng)
        counts.add(len(objects))
        for one in objects:
            assert 0 <= one.row <= one.row + one.height_px <= 120
            assert 0 <= one.column <= one.column + one.width_px <= 120
    assert counts == {1, 2, 3}


def test_only_the_chosen_object_is_cut_out_of_its_neighbours():
    for one in _draw(_pair((50, 60, 8, 8), (60, 60, 8, 8))):
        assert one.mask.sum() == 64


def test_objects_longer_than_a_third_of_the_window_are_not_pasted():
    drawn = _draw(_pair((40, 40, 6, 36)), times=200)
    assert drawn
    assert all(max(one.height_px, one.width_px) * 36 / 44 <= 120 / 3 + 1 for one in drawn)
    assert not _draw(_pair((40, 40, 6, int(40 / ZOOMS[0]) + 1)))


@pytest.mark.parametrize("box", [(0, 60, 9, 9), (151, 60, 9, 9), (60, 0, 9, 9), (60, 167, 9, 9)])
def test_objects_cut_off_by_their_pictures_edge_are_not_pasted(box):
    assert not _draw(_pair(box))


def test_specks_and_full_and_empty_masks_give_no_objects():
    assert not _draw(_pair((50, 60, SMALLEST_PX - 1, SMALLEST_PX - 1)))
    assert not _draw(_pair((0, 0, 160, 176)))
    assert not _draw(_pair())


def test_no_object_is_put_over_another():
    occupied = EMPTY.copy()
    occupied[:, 40:] = True
    rng = np.random.default_rng(0)
    for _ in range(60):
        taken = occupied.copy()
        for one in draw_objects(_pair((50, 60, 9, 9)), occupied, rng):
            place = np.s_[one.row : one.row + one.height_px, one.column : one.column + one.width_px]
            assert not taken[place].any()
            taken[place] = True
    assert not _draw(_pair((50, 60, 9, 9)), np.ones((120, 120), bool))


def test_a_window_of_a_few_pixels_takes_no_objects():
    assert not _draw(_pair((50, 60, 9, 9)), np.zeros((5, 5), bool))
