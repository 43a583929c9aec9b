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


def test_the_section_of_the_config_says_what_is_an_object_and_flags_say_more(output, tmp_path, capsys):
    config = tmp_path / "run.yaml"
    config.write_text(
        f"archive: {{uri: s}}\noutput: {{uri: {output[0].uri}}}\nobjects: {{threshold: 0.7, low: 0.2}}\n"
    )
    assert main(["objects", "--config", str(config), "--low", "0.3", "--json"]) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert (settings["threshold"], settings["low"]) == (0.7, 0.3)


def test_what_is_asked_is_told_as_a_table_and_as_json(output, capsys):
    store, _ = output
    publish_scenes(store, {"a.tif": "2026-01-05T10:00:00Z"})
    assert main(["objects", store.uri, "--json"]) == 0
    capsys.readouterr()
    assert main(["objects", store.uri, "--new-since", "2026-01-01", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (new,) = told["objects"]
    assert (new["scene"], new["state"], told["unknown_time"]) == ("a.tif", "seen", 0)
    assert main(["objects", store.uri, "--vanished-since", "2026-01-01"]) == 0
    assert "0 objects" in capsys.readouterr().out
    assert main(["objects", store.uri, "--history", new["id"], "--json"]) == 0
    history = json.loads(capsys.readouterr().out)
    assert (history["id"], len(history["sightings"])) == (new["id"], 1)
    assert main(["objects", store.uri, "--history", new["id"]]) == 0
    assert capsys.readouterr().out.startswith(new["id"])


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--history", "nobody"], "no object of"),
        (["--new-since", "2026-01-01", "--low", "0.3"], "--low: what is asked is of the published objects"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_ends_with_2(output, flags, words, capsys):
    main(["objects", output[0].uri])
    capsys.readouterr()
    assert main(["objects", output[0].uri, *flags]) == Exit.WRONG
    assert words in capsys.readouterr().err


def test_a_date_that_is_none_ends_with_2(output, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["objects", output[0].uri, "--new-since", "someday"])
    assert stopped.value.code == Exit.WRONG
    assert "--new-since: must be a date" in capsys.readouterr().err
