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


def picked(infos):
    """The first of each way to project, and of all others one in `EVERY`; the same each time."""
    first = {info.projection_method_name: info.code for info in reversed(infos)}
    return [info for k, info in enumerate(infos) if k % EVERY == 0 or info.code in first.values()]


@pytest.mark.slow
def test_the_footprint_is_as_gdal_says_in_crss_of_every_projection():
    infos = sorted(projected_codes(), key=lambda info: int(info.code))
    assert len(infos) > 5000
    infos = picked(infos)
    faults, unknown = [], []
    for info in infos:
        fault = fault_of(info, FootprintMaker())
        faults += [fault] if fault else []
        if fault is None and int(info.code) % 50 == 0:
            unknown.append(place_of(info) is None)
    assert faults == []
    assert sum(unknown) < len(unknown) / 5, "GDAL knows hardly any of them: nothing was compared"
