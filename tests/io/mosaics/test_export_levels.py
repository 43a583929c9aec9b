from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.mosaics.export_levels import code_levels
from sgddiff_batch.io.storage.store import open_store
from tests.io.mosaic_examples import NORTH_UP, UTM, build, codes_of, mosaic_of, stored_codes

GRID = Grid(101, 75, NORTH_UP, UTM)


def test_levels_are_those_of_the_mosaic_native_first(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    levels = code_levels(open_store(uri))
    assert [level.shape for level in levels] == [(101, 75), (51, 38), (26, 19), (13, 10)]
    assert levels[0].shard_px == 48
    part = Window(5, 60, 7, 75)
    np.testing.assert_array_equal(levels[0].read(part), stored_codes(uri)[part.slices])


def test_damage_is_told_with_its_place_and_what_mends_it(tmp_path):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    Path(uri, "0/saliency/c/0/0").write_bytes(b"damaged")
    with pytest.raises(FatalError, match=r"0/saliency: it is damaged .*--mark-for-redo"):
        code_levels(open_store(uri))[0].read(Window(0, 48, 0, 48))
