"""Regions of one block: what they sum up, and which of them a border's pixels are of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from sgddiff_batch.core.regions import NOBODY, block_regions
from sgddiff_batch.core.window import Window
from tests.core.region_examples import code_pictures

LOW = 50


def at(codes, row=0, col=0):
    return Window(row, row + codes.shape[0], col, col + codes.shape[1])


@given(code_pictures(), st.integers(0, 9), st.integers(0, 9))
def test_sums_are_those_of_a_labelled_picture(codes, row, col):
    found = block_regions(codes, at(codes, row, col), LOW)
    labels, count = ndimage.label((codes >= LOW) & (codes != 255))
    assert len(found.regions) == count
    sums = found.regions.sums
    for nth in range(count):
        rows, cols = np.nonzero(labels == nth + 1)
        of_region = codes[rows, cols]
        rows, cols = rows + row, cols + col
        wanted = {
            "pixels": len(rows),
            "code_sum": int(of_region.sum()),
            "code_max": int(of_region.max()),
            "row_sum": int((2 * rows + 1).sum()),
            "col_sum": int((2 * cols + 1).sum()),
            "row_start": int(rows.min()),
            "row_stop": int(rows.max()) + 1,
            "col_start": int(cols.min()),
            "col_stop": int(cols.max()) + 1,
            "first_row": int(rows[0]),
            "first_col": int(cols[0]),
        }
        assert {name: int(values[nth]) for name, values in sums.items()} == wanted


@given(code_pictures())
def test_borders_name_the_region_of_each_pixel(codes):
    found = block_regions(codes, at(codes), LOW)
    labels = ndimage.label((codes >= LOW) & (codes != 255))[0].astype(np.int64) - 1
    lines = {"top": labels[0], "bottom": labels[-1], "left": labels[:, 0], "right": labels[:, -1]}
    for name, line in lines.items():
        np.testing.assert_array_equal(getattr(found, name), line)
    assert NOBODY == -1


@given(code_pictures())
def test_corners_are_the_mixed_differences_of_each_mask(codes):
    found = block_regions(codes, at(codes), LOW).regions.corners
    labels, count = ndimage.label((codes >= LOW) & (codes != 255))
    for nth in range(count):
        mask = np.pad((labels == nth + 1).astype(int), 1)
        wanted = np.diff(np.diff(mask, axis=0), axis=1)
        mine = found.region == nth
        charges = np.zeros_like(wanted)
        charges[found.row[mine], found.col[mine]] = found.charge[mine]
        np.testing.assert_array_equal(charges, wanted)


@pytest.mark.parametrize(("shape", "low"), [((2, 3), 5), ((2, 2), 255), ((2, 2), -1)])
def test_codes_of_another_size_and_levels_that_are_none_are_refused(shape, low):
    with pytest.raises(ValueError, match=r"codes of|least code"):
        block_regions(np.zeros(shape, np.uint8), Window(0, 2, 0, 2), low)
