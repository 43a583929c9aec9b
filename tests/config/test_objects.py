"""The objects section: absent or null is off, and what is out of its range is told by its name."""

from __future__ import annotations

import pytest

from sgddiff_batch.config import load_config
from sgddiff_batch.core.object_settings import LEAST_IOU, ObjectSettings
from sgddiff_batch.errors import ConfigError


@pytest.fixture
def load(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("archive: {uri: scenes}\noutput: {uri: out}\n")
    return lambda *assignments: load_config(str(path), assignments).objects


def test_without_the_section_or_with_null_none_are_drawn(load):
    assert load() is None
    assert load("objects=null") is None


def test_an_empty_section_is_the_defaults(load):
    found = load("objects={}")
    assert (found.settings, found.match_iou) == (ObjectSettings(), LEAST_IOU)


def test_all_of_it_can_be_said(load):
    found = load("objects={threshold: 0.7, low: 0.3, min_area_m2: 9, simplify_px: 0, match_iou: 0.4}")
    assert (found.settings, found.match_iou) == (ObjectSettings(0.7, 0.3, 9, 0), 0.4)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("threshold", "0", "threshold must be above 0"),
        ("low", "0.9", "low must be above 0 and at most threshold"),
        ("min_area_m2", ".inf", "min_area_m2 must be at least 0"),
        ("simplify_px", "-1", "simplify_px must be at least 0"),
        ("match_iou", "0", "match_iou"),
        ("treshold", "0.5", "threshold"),
    ],
)
def test_what_is_out_of_its_range_is_told(load, key, value, words):
    with pytest.raises(ConfigError, match=words):
        load(f"objects.{key}={value}")
