"""quarantine: what is in it is listed, shown, and tried again when somebody asks."""

import json

import pytest

import sgddiff_batch
from jobs import cli, infer_archive
from jobs.exits import Exit
from sgddiff_batch.core.store_names import id_of
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.protocols import SceneRecord
from tests.kit import jobs
from tests.kit.scripted import scripted, scripted_uri


@pytest.fixture
def config(tmp_path, checkpoint):
    """An archive of one sound and two torn scenes, one of which was sound a night before."""
    scenes = tmp_path / "scenes"
    jobs.write_scene(scenes / "sound.tif", 40, 50, 1)
    jobs.write_scene(scenes / "once.tif", 40, 50, 2)
    path = jobs.write_config(tmp_path / "run.yaml", scenes, tmp_path / "out", checkpoint)
    assert infer_archive.main(["--config", str(path)]) == 0
    jobs.write_broken(scenes / "once.tif")
    jobs.write_broken(scenes / "north [red]" / "new.tif")
    assert infer_archive.main(["--config", str(path)]) == Exit.QUARANTINED
    return path


NEW, ONCE = "north%20%5Bred%5D/new.tif", "once.tif"


def run(config, verb, *arguments):
    return cli.main(["quarantine", verb, "--config", str(config), *arguments])


def listed(config, capsys):
    capsys.readouterr()
    assert run(config, "list", "--json") == 0
    return {row["scene_id"]: row for row in json.loads(capsys.readouterr().out)}


def states(config):
    report = max((config.parent / "out").glob("report-*.json"), key=lambda path: path.stat().st_mtime_ns)
    return json.loads(report.read_text())["totals"]["states"]


def test_the_list_has_every_scene_with_reason_and_what_is_current(config, capsys):
    rows = listed(config, capsys)
    assert sorted(rows) == [NEW, ONCE]
    assert all(len(row["reason"]) > 15 and row["since"] for row in rows.values())
    assert (rows[NEW]["earlier_mosaic"], rows[ONCE]["earlier_mosaic"] is not None) == (None, True)
    assert run(config, "list") == 0
    text = capsys.readouterr().out
    assert "2 scenes in quarantine" in text
    assert NEW in text


@pytest.mark.parametrize("name", [NEW, "north [red]/new.tif"])
def test_a_scene_is_shown_by_its_id_or_its_path(config, capsys, name):
    capsys.readouterr()
    assert run(config, "show", name) == 0
    assert json.loads(capsys.readouterr().out)["scene_id"] == NEW


def test_the_earlier_mosaic_is_shown_with_its_own_version(config, capsys):
    capsys.readouterr()
    assert run(config, "show", ONCE) == 0
    facts = json.loads(capsys.readouterr().out)
    uris = [entry.uri for entry in sgddiff_batch.list_mosaics(str(config.parent / "out"))]
    assert facts["earlier_mosaic"]["uri"] in uris
    assert facts["earlier_mosaic"]["version"] != facts["version"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("onec.tif", "did you mean once.tif?"), ("sound.tif", "not in quarantine: it is done")],
)
def test_a_wrong_id_ends_with_2_and_names_the_nearest(config, capsys, name, words):
    for verb in ("show", "replay"):
        assert run(config, verb, name) == Exit.WRONG
        assert words in capsys.readouterr().err


def test_hostile_text_is_printed_escaped(config, capsys):
    ledger = ObjectLedger(open_store(str(config.parent / "out")))
    ledger.finish(SceneRecord("evil.tif", "v", "k", None, "\x1b[2J[bold]x[/bold]\nhttps://u:secret@host/"))
    assert run(config, "list") == 0
    assert run(config, "list", "--json") == 0
    assert run(config, "show", "evil\x1b[2J") == Exit.WRONG
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    assert "[bold]x[/bold]" in printed.out
    assert "secret" not in printed.out


def test_a_replayed_scene_is_tried_again_once_and_the_others_are_left(config, capsys):
    assert run(config, "replay", NEW) == 0
    assert listed(config, capsys)[NEW]["marked_to_be_tried_again"]
    assert infer_archive.main(["--config", str(config)]) == Exit.QUARANTINED
    assert states(config) == {"quarantined": 1, "still quarantined": 1, "unchanged": 1}
    assert infer_archive.main(["--config", str(config)]) == 0
    assert states(config) == {"still quarantined": 2, "unchanged": 1}


def test_replay_now_works_on_just_these_scenes(config, checkpoint, capsys):
    scenes, out = config.parent / "scenes", config.parent / "out"
    jobs.write_scene(scenes / "later.tif", 30, 30, 5)
    before = listed(config, capsys)
    told = jobs.write_config(config.with_name("told.yaml"), scenes, scripted_uri(out), checkpoint)
    with scripted() as script:
        assert run(told, "replay", ONCE, "--now") == Exit.QUARANTINED
    opened = {key.split("/out/")[1].rpartition("/")[0] for key in script.keys("put", "*.zarr/zarr.json")}
    opened = {id_of(path) for path in opened}
    assert opened == {ONCE}
    assert states(config) == {"quarantined": 1, "still quarantined": 1, "unchanged": 1}
    assert listed(config, capsys).keys() == before.keys()


def test_all_or_some_must_be_named(config, capsys):
    assert run(config, "replay") == Exit.WRONG
    assert run(config, "replay", ONCE, "--all") == Exit.WRONG
    assert run(config, "replay", "--all") == 0
    assert all(row["marked_to_be_tried_again"] for row in listed(config, capsys).values())


def test_retry_quarantined_tries_all_and_nothing_else(config):
    assert infer_archive.main(["--config", str(config), "--retry-quarantined"]) == Exit.QUARANTINED
    assert states(config) == {"quarantined": 2, "unchanged": 1}
