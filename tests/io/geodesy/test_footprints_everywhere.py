"""Footprints in every projected CRS of EPSG, by the witness of GDAL's own transformations."""

import os

import pytest

from sgddiff_batch.io.geodesy.footprints import FootprintMaker
from tests.io.crs_witness import fault_of, place_of, projected_codes

LEFT_HANDED = {"2065", "5224", "5513", "5515", "8044", "8045", "8352"}
PICKED = {"32633", "3857", "3413", "3031", "5041", "27700", "2154", "3832", "2193", "2326", "2048", "28992"}


def test_the_footprint_is_as_gdal_says_where_axes_go_the_other_way_and_in_common_crss():
    infos = [info for info in projected_codes() if info.code in LEFT_HANDED | PICKED]
    assert len(infos) >= 15
    footprints = FootprintMaker()
    assert [fault for info in infos if (fault := fault_of(info, footprints))] == []


EVERY = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 5
"""Of how many CRSs, in the order of their codes, one is looked at: neighbours are zones of one family."""


@pytest.mark.slow
def test_the_footprint_is_as_gdal_says_in_projected_crss_of_all_families():
    infos = sorted(projected_codes(), key=lambda info: int(info.code))
    assert len(infos) > 5000
    infos = infos[::EVERY]
    faults, unknown = [], 0
    for info in infos:
        fault = fault_of(info, FootprintMaker())
        faults += [fault] if fault else []
        unknown += place_of(info) is None if fault is None and int(info.code) % 50 == 0 else 0
    assert faults == []
    assert unknown < 10 / EVERY, "GDAL knows hardly any of them: nothing was compared"
