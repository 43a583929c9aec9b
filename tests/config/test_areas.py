"""The areas section: what may be asked of area mosaics, and how mistakes are told."""

import pytest
from pydantic import TypeAdapter, ValidationError

from sgddiff_batch.config.areas import AreaConfig, Areas

LEAST = {"name": "monthly", "crs": "EPSG:32633", "resolution": 10}


def test_name_crs_and_resolution_are_enough():
    area = AreaConfig(**LEAST)
    assert (area.cell_px, area.block_px, area.origin) == (8192, 2048, (0.0, 0.0))
    assert (area.period, area.rule, area.resampling) == ("month", "latest", "bilinear")
    assert (area.time_pattern, area.workers) == (None, "auto")


@pytest.mark.parametrize("key", LEAST)
def test_none_of_the_three_can_be_left_out(key):
    with pytest.raises(ValidationError, match=rf"{key}\n  Field required"):
        AreaConfig(**{name: value for name, value in LEAST.items() if name != key})


@pytest.mark.parametrize("name", ["m", "2026-S2_monthly", "x" * 64])
def test_a_name_is_a_folder_everywhere(name):
    assert AreaConfig(**LEAST | {"name": name}).name == name


@pytest.mark.parametrize("name", ["", "_areas", "-x", "a/b", "..", "a b", "é", "x" * 65, "a\n"])
def test_a_name_that_is_no_plain_folder_is_refused(name):
    with pytest.raises(ValidationError, match="letters, digits, - and _, at most 64, got"):
        AreaConfig(**LEAST | {"name": name})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resolution": 0}, "greater than 0"),
        ({"resolution": float("inf")}, "finite"),
        ({"cell_px": 0}, "greater than or equal to 1"),
        ({"cell_px": 2**20 + 1}, "less than or equal to 1048576"),
        ({"cell_px": 80.0}, "valid integer"),
        ({"origin": [0, float("nan")]}, r"origin must be two finite numbers, got \[0\.0, nan\]"),
        ({"block_px": 511}, "greater than or equal to 512"),
        ({"block_px": 1000}, "block_px must be a multiple of 512, got 1000"),
        ({"block_px": 17 * 512}, "less than or equal to 8192"),
        ({"period": "week"}, "'day', 'month', 'quarter' or 'year'"),
        ({"rule": "median"}, "'latest', 'first', 'max' or 'mean'"),
        ({"resampling": "cubic"}, "'nearest', 'bilinear' or 'average'"),
        ({"workers": 0}, "greater than or equal to 1"),
        ({"crs": ""}, "at least 1 character"),
        ({"time_pattern": "["}, "must be a regular expression"),
        ({"time_pattern": r"\d{8}"}, r"must have a group \(\.\.\.\) around the digits"),
        ({"epsg": 4326}, "Extra inputs are not permitted"),
    ],
)
def test_a_value_of_which_no_mosaic_can_be_made_is_refused(change, words):
    with pytest.raises(ValidationError, match=words):
        AreaConfig(**LEAST | change)


def test_two_areas_whose_folders_may_be_one_are_refused():
    areas = TypeAdapter(Areas)
    assert len(areas.validate_python([LEAST, LEAST | {"name": "yearly"}])) == 2
    with pytest.raises(ValidationError, match="the name monthly is given twice"):
        areas.validate_python([LEAST, LEAST | {"name": "Monthly"}])
