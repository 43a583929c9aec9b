"""The flags that verbs share: what they are called, what they mean, and what is written as JSON."""

from __future__ import annotations

import argparse
import json
import logging
import math

import pytest
import yaml

from jobs.flags import (
    TO_STDOUT,
    add_config,
    add_json,
    add_output,
    add_verbose,
    config_of,
    level_of,
    needed_config,
    output_of,
    under_ray_job,
    write_json,
)
from sgddiff_batch.errors import ConfigError


def parsed(add, *words, **given):
    parser = argparse.ArgumentParser()
    add(parser, **given)
    return parser.parse_args(words)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(yaml.safe_dump({"archive": {"uri": "/in"}, "output": {"uri": "/data/out"}}))
    return str(path)


@pytest.mark.parametrize(("words", "level"), [(["-v"], logging.DEBUG), ([], logging.INFO)])
def test_v_logs_all_there_is(words, level):
    assert level_of(parsed(add_verbose, *words)) == level


def test_v_may_stand_over_a_quieter_level():
    assert level_of(argparse.Namespace(verbose=False), logging.WARNING) == logging.WARNING
    assert level_of(argparse.Namespace(verbose=True), logging.WARNING) == logging.DEBUG


def test_a_config_is_asked_for_unless_a_verb_can_do_without(capsys):
    with pytest.raises(SystemExit):
        parsed(add_config)
    assert "--config" in capsys.readouterr().err
    assert parsed(add_config, required=False).config is None


def test_settings_are_laid_over_the_config_in_their_order(config):
    words = ["--config", config, "--set", "engine.workers=2", "--set", "engine.workers=3"]
    assert needed_config(parsed(add_config, *words)).engine.workers == 3


def test_without_a_config_there_is_none_and_nothing_to_lay_over_it():
    assert config_of(parsed(add_output, "/data/out")) is None
    with pytest.raises(ConfigError, match="--set lays over a config: give --config"):
        config_of(parsed(add_output, "--set", "engine.workers=2"))
    with pytest.raises(ConfigError, match="give --config"):
        needed_config(parsed(add_output))


def test_an_output_is_the_one_named_or_that_of_the_config(config):
    assert output_of(parsed(add_output, "s3://b/out")) == ("s3://b/out", None)
    for words in (["--config", config], ["--config", config, "/data/./out/"]):
        uri, read = output_of(parsed(add_output, *words))
        assert (uri, read.output.uri) == ("/data/out", "/data/out")


def test_no_output_and_two_that_differ_are_refused(config):
    with pytest.raises(ConfigError, match=r"give OUTPUT, the output\.uri of the runs, or --config"):
        output_of(parsed(add_output))
    with pytest.raises(ConfigError, match=r"OUTPUT is '/else', and output\.uri of --config is '/data/out'"):
        output_of(parsed(add_output, "/else", "--config", config))


@pytest.mark.parametrize("is_job", [True, False])
def test_a_job_of_ray_is_told_by_what_ray_sets_and_may_name_no_relative_output(monkeypatch, config, is_job):
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    if is_job:
        monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert under_ray_job() is is_job
    options = parsed(add_config, "--config", config, "--set", "output.uri=out")
    if is_job:
        with pytest.raises(ConfigError, match=r"output\.uri is the relative path 'out'"):
            config_of(options)
    else:
        assert config_of(options).output.uri.endswith("/out")


@pytest.mark.parametrize(
    ("words", "target"), [([], None), (["--json"], TO_STDOUT), (["--json=a.json"], "a.json")]
)
def test_json_goes_to_standard_output_where_no_file_is_named(words, target):
    assert parsed(add_json, *words).json == target


def test_json_is_written_whole_to_standard_output_or_over_a_file(tmp_path, capsys):
    write_json({"a": [1]}, TO_STDOUT)
    assert json.loads(capsys.readouterr().out) == {"a": [1]}
    (tmp_path / "a.json").write_text("old")
    write_json({"a": [1]}, str(tmp_path / "a.json"))
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("value", "error"), [(object(), TypeError), (math.nan, ValueError), (-math.inf, ValueError)]
)
def test_what_json_cannot_say_is_refused_and_the_earlier_file_stays(tmp_path, capsys, value, error):
    (tmp_path / "a.json").write_text("earlier")
    for target in (str(tmp_path / "a.json"), TO_STDOUT):
        with pytest.raises(error):
            write_json({"scores": [0.5, value]}, target)
    assert (tmp_path / "a.json").read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert capsys.readouterr().out == ""


def test_json_that_cannot_be_written_leaves_nothing_beside_its_file(tmp_path):
    (tmp_path / "folder" / "of").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_json({"a": [1]}, str(tmp_path / "folder"))
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
