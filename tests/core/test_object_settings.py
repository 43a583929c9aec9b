"""Settings of objects: which codes they mean, and what names parts made with them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.object_settings import ObjectSettings


def test_half_is_the_code_that_counts_as_salient_everywhere():
    assert (ObjectSettings().high_code, ObjectSettings().low_code) == (127, 127)


@given(st.integers(1, 254))
def test_a_saliency_that_a_code_stands_for_is_that_code(code):
    assert ObjectSettings(code / 254).high_code == code


@given(st.floats(0.001, 1))
def test_a_code_is_the_least_that_is_not_below_the_saliency(threshold):
    code = ObjectSettings(threshold).high_code
    assert (code - 1) / 254 < threshold <= code / 254 + 1e-9


def test_equal_settings_share_their_digest_and_others_do_not():
    assert ObjectSettings(1, min_area_m2=3).digest == ObjectSettings(1.0, min_area_m2=3.0).digest
    others = [ObjectSettings(), ObjectSettings(0.6), ObjectSettings(low=0.5), ObjectSettings(simplify_px=2)]
    assert len({one.digest for one in others}) == len(others)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("threshold", bad) for bad in (0, -1, 1.01, math.nan)),
        *(("low", bad) for bad in (0, 0.6, math.nan)),
        *(("min_area_m2", bad) for bad in (-1, math.inf, math.nan)),
        ("simplify_px", -0.5),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        ObjectSettings(**{name: value})
