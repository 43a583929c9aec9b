"""The command draws objects of what was published, tells them, and says by its exit code what is wrong."""

from __future__ import annotations

import json

import pytest

from jobs.cli import main
from jobs.exits import Exit
from sgddiff_batch.io.storage.store import open_store
from tests.io.area_examples import publish_scenes
from tests.io.objects.examples import SQUARE, put_scene


@pytest.fixture
def output(tmp_path):
    store = open_store(str(tmp_path / "out"))
    path = put_scene(store, "a.tif", SQUARE)
    publish_scenes(store, {})
    return store, path


def test_objects_are_told_as_a_table_and_as_json(output, capsys):
    store, path = output
    assert main(["objects", store.uri]) == 0
    told = capsys.readouterr().out
    assert "1 object" in told
    assert "150,000 m2" in told
    assert told.splitlines()[-1] == f"objects: {store.uri}/objects.parquet"
    assert main(["objects", store.uri, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["objects"], facts["mosaics"][0]["store"], facts["mosaics"][0]["is_new"]) == (1, path, False)
    assert facts["settings"] == {"threshold": 0.5, "low": None, "min_area_m2": 0.0, "simplify_px": 1.0}


def test_flags_say_what_is_an_object(output, capsys):
    store, _ = output
    flags = ["--threshold", "0.9", "--low", "0.5", "--min-area-m2", "1e9", "--simplify-px", "0", "--json"]
    assert main(["objects", store.uri, *flags]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["settings"] == {"threshold": 0.9, "low": 0.5, "min_area_m2": 1e9, "simplify_px": 0.0}
    assert facts["objects"] == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [(["--threshold", "2"], "--threshold must be"), (["--min-area-m2", "-1"], "--min-area-m2 must be")],
)
def test_a_wrong_setting_is_one_line_that_names_its_flag(output, flags, words, capsys):
    assert main(["objects", output[0].uri, *flags]) == Exit.WRONG
    assert capsys.readouterr().err.startswith(f"sgddiff objects: {words}")


def test_no_catalogue_ends_with_2(tmp_path, capsys):
    assert main(["objects", str(tmp_path / "typo")]) == Exit.WRONG
    assert "no catalogue" in capsys.readouterr().err


def test_a_damaged_mosaic_is_told_and_ends_with_5(output, capsys):
    store, path = output
    (shard, *_) = store.keys(f"{path}/0/saliency/c")
    store.delete(shard)
    assert main(["objects", store.uri]) == Exit.DAMAGED
    assert "left out: the block" in capsys.readouterr().out
