from __future__ import annotations

import numpy as np
import pytest

from sgddiff_batch.core.colours import code_colours


def test_every_code_has_a_colour_from_dark_to_bright():
    colours = code_colours()
    assert (colours.shape, colours.dtype) == ((256, 3), np.uint8)
    brightness = colours[:255].astype(int) @ [299, 587, 114]
    assert (np.diff(brightness) >= 0).all()
    assert brightness[254] > 5 * brightness[0]


def test_codes_that_differ_by_a_few_look_different():
    steps = np.abs(np.diff(code_colours()[:255:8].astype(int), axis=0)).sum(1)
    assert steps.min() > 5


def test_nobody_can_change_the_table_for_all_others():
    with pytest.raises(ValueError, match="read-only"):
        code_colours()[0] = 1
