"""The settings of objects: defaults, the config's section over them, and flags over both."""

from __future__ import annotations

import argparse

import pytest

from jobs import cli
from jobs.objects import add_asked, add_settings, is_asked, settings_of
from sgddiff_batch.config import ObjectsConfig
from sgddiff_batch.core.object_settings import LEAST_IOU, ObjectSettings
from sgddiff_batch.errors import ConfigError


def parsed(*words):
    parser = argparse.ArgumentParser()
    add_settings(parser)
    add_asked(parser)
    return parser.parse_args(words)


def test_without_anything_they_are_the_defaults():
    assert settings_of(parsed(), None) == (ObjectSettings(), LEAST_IOU)


def test_the_section_is_laid_over_them_and_flags_over_that():
    section = ObjectsConfig(threshold=0.7, low=0.2, match_iou=0.4)
    assert settings_of(parsed(), section) == (ObjectSettings(0.7, 0.2), 0.4)
    found = settings_of(parsed("--low", "0.6", "--match-iou", "0.9"), section)
    assert found == (ObjectSettings(0.7, 0.6), 0.9)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--match-iou", "0"), "--match-iou must be"),
        (("--low", "0.9"), "--low must be"),
        (("--simplify-px", "nan"), "--simplify-px must be"),
    ],
)
def test_what_is_out_of_its_range_is_told_by_its_flag(words, told):
    with pytest.raises(ConfigError, match=told):
        settings_of(parsed(*words), None)


def test_only_one_thing_is_asked_at_once(capsys):
    assert not is_asked(parsed())
    assert is_asked(parsed("--history", "x"))
    with pytest.raises(SystemExit):
        parsed("--history", "x", "--new-since", "2026-01-01")
    assert "not allowed with" in capsys.readouterr().err


def test_an_export_of_a_time_that_ends_before_it_begins_is_a_mistake(tmp_path, capsys):
    words = ("--since", "2026-02-01", "--until", "2026-01-31")
    assert cli.main(["export", "objects", str(tmp_path), str(tmp_path / "o.geojson"), *words]) == 2
    assert "--since lies after --until" in capsys.readouterr().err
