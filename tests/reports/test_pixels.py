"""The reader over the conditions of public reports: pixels and validity are what the arrays say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.kit.scenes import scene_of
from tests.reports import alphas, masked, stored  # noqa: F401 - they fill the list
from tests.reports.inputs import CONDITIONS, Condition


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_the_reader_shows_what_a_reported_file_holds(tmp_path: Path, condition: Condition) -> None:
    want = condition.make(tmp_path)
    scene = scene_of(want.path)
    profile = want.reader.profile(scene)
    pixels, valid = want.reader.read(scene, profile, profile.grid.window)
    np.testing.assert_array_equal(valid, want.valid)
    np.testing.assert_allclose(pixels.astype(int), want.pixels.astype(int), atol=want.tolerance)


def test_the_list_has_every_condition_and_its_report() -> None:
    items = (Path(__file__).parent / "README.md").read_text().split("\n* ")
    for condition in CONDITIONS:
        (row,) = (item for item in items if f"`{condition.name}`" in item)
        assert condition.report in row
