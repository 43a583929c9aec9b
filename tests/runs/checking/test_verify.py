"""verify: damage is told, marked, made anew; sound mosaics are recomputed to the byte."""

import contextlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import sgddiff_batch
from jobs import cli, infer_archive
from jobs.exits import Exit
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.ledger.redo import mark_redo, redo_marks
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.runs import bench
from sgddiff_batch.runs.scope import read_marks
from tests.kit import jobs
from tests.kit.counting import counted_work
from tests.kit.faulty import StoreFault
from tests.kit.scripted import scripted, scripted_output


@pytest.fixture
def output(tmp_path, unbroken):
    return Path(shutil.copytree(unbroken, tmp_path / "out"))


@pytest.fixture
def config(tmp_path, archive, output, checkpoint):
    return jobs.write_config(tmp_path / "run.yaml", archive, output, checkpoint)


def run(config, *arguments):
    """Verify, and return the exit code and the JSON."""
    target = config.with_name("found.json")
    code = cli.main(["verify", "--config", str(config), "--json", str(target), *arguments])
    return code, json.loads(target.read_text())


def uri_of(output, scene_id):
    return next(e.uri for e in sgddiff_batch.list_mosaics(str(output)) if e.scene_id == scene_id)


def break_shard(output, scene_id, key="0/saliency/c/0/0"):
    path = Path(uri_of(output, scene_id), key)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@contextlib.contextmanager
def torn(path, *, opens):
    """Damage the pixels of a scene, or its header, for a while; size and times are those of before."""
    sound, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    half = len(sound) // 2
    try:
        path.write_bytes(sound[:half] + bytes(len(sound) - half) if opens else bytes(len(sound)))
        os.utime(path, ns=times)
        yield
    finally:
        path.write_bytes(sound)
        os.utime(path, ns=times)


def ledger_of(output):
    return ObjectLedger(open_store(str(output)))


def test_what_the_job_wrote_is_sound_and_its_blocks_are_recomputed_to_the_byte(config, capsys):
    code, found = run(config, "--sample", "4", "--seed", "1")
    assert code == Exit.DONE
    assert (found["mosaics"], found["damaged"], found["told"]) == (3, 0, [])
    assert found["blocks"] == 12 + 9 + 1
    assert [block["state"] for block in found["sample"]["blocks"]] == ["equal"] * 4
    assert "all sound" in capsys.readouterr().out


def assert_replaced(output, before):
    """The pixels of before, of mosaics some of which have the name of a replacement."""
    now = jobs.decoded(output)
    jobs.assert_equal_mosaics(
        {name.replace(".r1.zarr", ".zarr"): codes for name, codes in now.items()}, before
    )


def test_damage_ends_with_5_and_the_table_names_mosaic_and_object(config, output, capsys):
    break_shard(output, "a.tif")
    code, found = run(config)
    assert code == Exit.DAMAGED == 5
    assert [row["scene_id"] for row in found["told"]] == ["a.tif"]
    assert [problem["key"] for problem in found["told"][0]["problems"]] == ["0/saliency/c/0/0"]
    text = capsys.readouterr().out
    assert "1 of 3 mosaics are damaged" in text
    assert "0/saliency/c/0/0" in text


def test_only_the_mosaics_that_are_named_are_verified(config, output):
    break_shard(output, "a.tif")
    assert run(config, "--mosaic", uri_of(output, "c.tif"))[0] == Exit.DONE
    code, found = run(config, "--mosaic", uri_of(output, "a.tif"), "--mosaic", uri_of(output, "c.tif"))
    assert (code, found["mosaics"]) == (Exit.DAMAGED, 2)


@pytest.mark.parametrize(
    "uri", ["c.tif/none.zarr", "../elsewhere", "s3://other/a.zarr", "/", "a.tif/\n\x1b[31m"]
)
def test_a_mosaic_that_the_ledger_does_not_know_ends_with_2(config, uri, capsys):
    assert cli.main(["verify", "--config", str(config), "--mosaic", uri]) == Exit.WRONG
    assert "\x1b" not in capsys.readouterr().err


def test_a_damaged_mosaic_that_is_marked_is_made_anew_by_the_next_run_and_no_other(config, output):
    before = jobs.decoded(output)
    break_shard(output, "a.tif")
    Path(uri_of(output, "a.tif"), "stray").write_text("foreign")
    others = {path: path.stat().st_mtime_ns for path in output.rglob("c.tif/**/c/*/*")}
    code, found = run(config, "--mark-for-redo")
    assert (code, found["told"][0]["redo"]) == (Exit.DAMAGED, "the next run makes it anew")
    assert infer_archive.main(["--config", str(config)]) == 0
    assert run(config)[0] == Exit.DONE
    assert_replaced(output, before)
    assert {path: path.stat().st_mtime_ns for path in others} == others
    report = jobs.reports(output)[-1]
    assert report["totals"]["states"] == {"done": 1, "unchanged": 2}
    assert redo_marks(open_store(str(output)), ledger_of(output).records()) == ({}, {})


def test_a_redo_whose_plan_is_refused_leaves_the_damaged_mosaic_to_its_readers(config, output):
    before = jobs.decoded(output)
    store = uri_of(output, "a.tif")
    break_shard(output, "a.tif")
    run(config, "--mark-for-redo")
    there = sorted(Path(store).rglob("*"))
    command = ["--config", str(config)]
    assert infer_archive.main([*command, "--set", "tiling.task_memory_gib=0.0001"]) == 2
    assert sorted(Path(store).rglob("*")) == there
    assert ledger_of(output).finished_mosaic(store.removeprefix(f"{output}/")) is not None
    assert infer_archive.main(command) == 0
    assert_replaced(output, before)


@pytest.mark.parametrize("opens", [True, False])
def test_a_redo_of_a_scene_that_cannot_be_read_leaves_the_damaged_mosaic_where_it_is(
    tmp_path, archive, output, checkpoint, opens
):
    config = jobs.write_config(tmp_path / "run.yaml", archive, output, checkpoint)
    store = uri_of(output, "a.tif").removeprefix(f"{output}/")
    break_shard(output, "a.tif")
    run(config, "--mark-for-redo")

    with torn(archive / "a.tif", opens=opens):
        assert infer_archive.main(["--config", str(config)]) == 3
    record = ledger_of(output).record("a.tif")
    assert ("reading rows" if opens else "opening it failed") in record.reason
    assert record.store == store
    assert Path(output, store, "zarr.json").exists()
    assert len(sgddiff_batch.list_mosaics(str(output))) == 3
    assert not list(output.glob("a.tif/*.r1.zarr")), "what it had begun is still there"


def test_a_redo_that_meets_a_quarantine_never_makes_the_damaged_mosaic_done_again(
    tmp_path, output, archive, checkpoint
):
    scenes = Path(shutil.copytree(archive, tmp_path / "scenes"))
    config = jobs.write_config(tmp_path / "run.yaml", scenes, output, checkpoint)
    before = jobs.decoded(output)
    damaged = uri_of(output, "a.tif").removeprefix(f"{output}/")
    break_shard(output, "a.tif")
    run(config, "--mark-for-redo")
    (scenes / "a.tif").rename(tmp_path / "away")
    jobs.write_broken(scenes / "a.tif")
    assert infer_archive.main(["--config", str(config)]) == 3
    assert ledger_of(output).record("a.tif").store == damaged
    (tmp_path / "away").replace(scenes / "a.tif")
    assert infer_archive.main(["--config", str(config)]) == 0
    assert ledger_of(output).record("a.tif").store == damaged[:-5] + ".r1.zarr"
    assert_replaced(output, before)


def test_a_redo_killed_right_after_its_quarantine_leaves_the_damaged_mosaic_disowned_too(output):
    ledger = ledger_of(output)
    record = ledger.record("a.tif")
    mark_redo(ledger.store, record, "damaged", "2026-01-01T00:00:00+00:00")
    ledger.finish(replace(record, reason="torn", finished_at="2027-01-01T00:00:00+00:00"))
    assert read_marks(ledger, ledger.records(), drop_outdated=True) == {}
    assert ledger.disowned([record.store]) == {record.store}


def test_going_back_to_a_model_finds_the_replacement_of_its_damaged_mosaic(config, output):
    break_shard(output, "c.tif")
    run(config, "--mark-for-redo")
    other = ["--config", str(config), "--set", "tiling.overlap_px=16", "--set", "tiling.block_px=160"]
    for command in (["--config", str(config)], other):
        assert infer_archive.main(command) == 0
    with counted_work() as work:
        assert infer_archive.main(["--config", str(config)]) == 0
    assert work.tiles == 0
    assert uri_of(output, "c.tif").endswith(".r1.zarr")


def test_a_damaged_record_of_one_scene_costs_no_other_its_night(config, output):
    before = jobs.decoded(output)
    ledger_of(output).store.write("_ledger/scenes/c.tif~.json", b"{")
    assert infer_archive.main(["--config", str(config)]) == 0
    report = jobs.reports(output)[-1]
    assert report["totals"]["states"] == {"damaged record": 1, "unchanged": 3}
    assert report["totals"]["scenes"] == 3
    jobs.assert_equal_mosaics(jobs.decoded(output), before)


class Killed(BaseException):
    """A SIGKILL, from inside."""


@pytest.mark.parametrize("after", [0, 1, 3, 7, 9, 10, 11, 12, 13])
def test_a_run_killed_while_it_replaces_a_damaged_mosaic_leaves_readers_one(config, output, after):
    before = jobs.decoded(output)
    break_shard(output, "c.tif")
    run(config, "--mark-for-redo")
    killed = StoreFault("write put delete delete_tree", "*c.tif*", range(after + 1, 1000), Killed())
    with scripted(killed) as script, contextlib.suppress(Killed):
        infer_archive.main(["--config", str(config), *scripted_output(output)])
    assert script.failed
    assert len(sgddiff_batch.list_mosaics(str(output))) == 3
    for entry in sgddiff_batch.list_mosaics(str(output)):
        sgddiff_batch.open_mosaic(entry.uri)
    assert infer_archive.main(["--config", str(config)]) == 0
    assert run(config)[0] == Exit.DONE
    assert_replaced(output, before)
    assert ledger_of(output).names("redo") == []


def test_a_mosaic_that_was_replaced_is_never_current_again_and_goes_by_gc(config, output, capsys):
    from jobs import cli

    before = jobs.decoded(output)
    damaged = uri_of(output, "c.tif").removeprefix(f"{output}/")
    break_shard(output, "c.tif")
    run(config, "--mark-for-redo")
    other = ["--config", str(config), "--set", "tiling.overlap_px=16", "--set", "tiling.block_px=160"]
    for command in (["--config", str(config)], other, ["--config", str(config)]):
        assert infer_archive.main(command) == 0
    assert run(config)[0] == Exit.DONE
    assert ledger_of(output).finished_mosaic(damaged) is not None or "r1" in uri_of(output, "c.tif")
    assert_replaced(output, before)
    assert cli.main(["gc", str(output), "--older-than", "0"]) == 0
    assert "not there" not in capsys.readouterr().out


def test_a_block_that_its_scene_does_not_give_is_damage(config, output, archive, tmp_path, monkeypatch):
    from sgddiff_batch.runs.checking import recompute

    real = recompute.infer_task

    def another(task, read, predictor):
        codes = real(task, read, predictor)
        codes[3, 4] ^= 1
        return codes

    monkeypatch.setattr(recompute, "infer_task", another)
    code, found = run(config, "--mosaic", uri_of(output, "c.tif"), "--sample", "1")
    assert code == Exit.DAMAGED
    assert "1 pixels differ, the first in row 3, column 4" in found["told"][0]["problems"][0]["words"]


@pytest.mark.parametrize("broken", [False, True])
def test_a_mosaic_that_other_software_made_is_marked_only_for_damage(config, output, monkeypatch, broken):
    from sgddiff_batch.runs.checking import recompute

    real, ours = recompute.infer_task, recompute.versions()
    monkeypatch.setattr(recompute, "infer_task", lambda *task: real(*task) ^ 1)
    monkeypatch.setattr(recompute, "versions", lambda: ours | {"numpy": "99.0"})
    if broken:
        Path(uri_of(output, "c.tif"), "0/x/c/0").unlink()
    code, found = run(config, "--mosaic", uri_of(output, "c.tif"), "--sample", "1", "--mark-for-redo")
    assert code == Exit.DAMAGED
    assert "numpy" in found["told"][0]["problems"][-1]["words"]
    assert found["told"][0]["redo"].startswith("the next run" if broken else "not marked: it differs")
    assert ledger_of(output).names("redo") == (["c.tif"] if broken else [])


def test_what_cannot_be_recomputed_is_said_and_is_no_damage(tmp_path, output, checkpoint, archive):
    scenes = Path(shutil.copytree(archive, tmp_path / "scenes", copy_function=shutil.copy))
    out = tmp_path / "mine"
    config = jobs.write_config(tmp_path / "mine.yaml", scenes, out, checkpoint)
    (scenes / "a.tif").unlink()
    assert infer_archive.main(["--config", str(config)]) == 0
    jobs.write_scene(scenes / "c.tif", 50, 40, 77)
    (scenes / "north" / "b.tif").unlink()
    code, found = run(config, "--sample", "50")
    words = {block["words"].partition(":")[0] for block in found["sample"]["blocks"]}
    assert (code, words) == (0, {"its scene is gone", "its scene changed since"})
    code, found = run(
        config, "--sample", "1", "--set", "tiling.overlap_px=16", "--set", "tiling.block_px=160"
    )
    assert (code, found["sample"]["blocks"][0]["state"]) == (0, "not possible")
    assert "other settings or another model" in found["sample"]["blocks"][0]["words"]


@pytest.mark.parametrize("shown", [True, False])
def test_a_superseded_mosaic_is_not_marked(tmp_path, output, config, shown):
    ledger = ledger_of(output)
    store = uri_of(output, "c.tif").removeprefix(f"{output}/")
    break_shard(output, "c.tif")
    ledger.store.write(
        "_ledger/scenes/c.tif~.json",
        json.dumps(
            {"scene_id": "c.tif", "version": "v2", "run_key": "k", "store": "c.tif/v2-k.zarr"}
        ).encode(),
    )
    if not shown:
        shutil.rmtree(output / "_catalogue")
    code, found = run(config, "--mosaic", f"{output}/{store}", "--mark-for-redo")
    words = "the catalogue shows it until the next run publishes" if shown else "gc can remove it"
    assert code == Exit.DAMAGED
    assert found["told"][0]["redo"].startswith(f"not marked: it is superseded, {words}")
    assert ledger.names("redo") == []


def test_a_current_mosaic_without_a_record_of_its_own_is_that_of_its_scene_s_record(config, output):
    """A kill between the two leaves it so."""
    store = uri_of(output, "c.tif").removeprefix(f"{output}/")
    ledger_of(output).forget_mosaic(store)
    code, found = run(config)
    assert (code, found["damaged"]) == (Exit.DONE, 0)
    break_shard(output, "c.tif")
    code, found = run(config)
    assert (code, [row["store"] for row in found["told"]]) == (Exit.DAMAGED, [store])


def test_a_damaged_ledger_ends_with_5_and_names_the_object(config, output, capsys):
    (output / "_ledger" / "scenes" / "a.tif~.json").write_text("{")
    assert cli.main(["verify", "--config", str(config)]) == Exit.DAMAGED
    assert "_ledger/scenes/a.tif~.json" in capsys.readouterr().err


def quarantined_redo(config, output, archive, scene_id):
    """Damage a mosaic, ask for its redo, and let that fail: it stays current, and is disowned."""
    break_shard(output, scene_id)
    run(config, "--mark-for-redo")
    with torn(archive / scene_id, opens=False):
        assert infer_archive.main(["--config", str(config)]) == 3


@pytest.mark.parametrize("named", [False, True])
def test_a_disowned_mosaic_that_readers_still_see_is_looked_at_like_any_other(config, output, archive, named):
    quarantined_redo(config, output, archive, "a.tif")
    uri = uri_of(output, "a.tif")
    Path(uri, "stray").write_text("foreign")
    code, found = run(config, "--mark-for-redo", *(["--mosaic", uri] if named else []))
    assert (code, found["mosaics"], found["damaged"]) == (Exit.DAMAGED, 1 if named else 3, 1)
    (told,) = found["told"]
    problems = {problem["key"]: problem["words"] for problem in told["problems"]}
    assert "the ledger disowned it" in problems[""]
    assert "stray" in problems
    assert "0/saliency/c/0/0" in problems
    assert told["blocks"] == 12
    assert told["redo"] == "not marked: its scene changed since, and is in quarantine"


def test_a_disowned_mosaic_whose_objects_are_sound_is_told_all_the_same(config, output, archive):
    store = uri_of(output, "c.tif").removeprefix(f"{output}/")
    sound = Path(output, store, "0/saliency/c/0/0").read_bytes()
    quarantined_redo(config, output, archive, "c.tif")
    Path(output, store, "0/saliency/c/0/0").write_bytes(sound)
    code, found = run(config, "--sample", "99")
    assert code == Exit.DAMAGED
    assert [(row["store"], len(row["problems"])) for row in found["told"]] == [(store, 1)]
    assert {block["state"] for block in found["sample"]["blocks"]} == {"equal"}


def test_a_disowned_mosaic_that_a_rollback_shows_again_is_verified_too(config, output):
    from sgddiff_batch.io.catalogue import generations as archive_catalogue

    damaged = uri_of(output, "c.tif")
    break_shard(output, "c.tif")
    run(config, "--mark-for-redo")
    assert infer_archive.main(["--config", str(config)]) == 0
    assert run(config)[0] == Exit.DONE
    archive_catalogue.rollback(open_store(str(output)))
    assert uri_of(output, "c.tif") == damaged
    code, found = run(config, "--mark-for-redo")
    assert (code, found["mosaics"]) == (Exit.DAMAGED, 4)
    (told,) = found["told"]
    assert (f"{output}/{told['store']}", told["problems"][1]["key"]) == (damaged, "0/saliency/c/0/0")
    assert told["redo"].startswith("not marked: it is superseded, the catalogue shows it until")


def test_a_damaged_catalogue_ends_with_5_and_names_the_object(config, output, capsys):
    (output / "_catalogue" / "current.json").write_text("{")
    assert cli.main(["verify", "--config", str(config)]) == Exit.DAMAGED
    assert "_catalogue/current.json" in capsys.readouterr().err


def test_pixels_of_an_older_version_are_told_and_are_no_damage(
    tmp_path, archive, checkpoint, monkeypatch, capsys
):
    config = jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint)
    with monkeypatch.context() as then:
        then.setattr(bench, "PIXELS_VERSION", 1)
        assert infer_archive.main(["--config", str(config)]) == 0
    code, found = run(config, "--sample", "3", "--seed", "1")
    assert (code, found["damaged"], found["older_pixels"]) == (Exit.DONE, 0, 3)
    assert {block["state"] for block in found["sample"]["blocks"]} == {"not possible"}
    assert all("pixels_version 1" in block["words"] for block in found["sample"]["blocks"])
    assert "3 mosaics have pixels of another pixels_version" in capsys.readouterr().out
    assert infer_archive.main(["--config", str(config)]) == 0
    code, found = run(config, "--sample", "3", "--seed", "1")
    assert (code, found["older_pixels"]) == (Exit.DONE, 0)
    assert {block["state"] for block in found["sample"]["blocks"]} == {"equal"}
