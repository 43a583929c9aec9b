"""The main job as its users run it: exit codes, reports, and bytes that depend on nothing they should not."""

import json
import re

import numpy as np
import pytest
import rasterio

import sgddiff_batch
from jobs import infer_archive
from jobs.exits import Exit
from tests.kit import jobs
from tests.kit.faulty import StoreFault
from tests.kit.logs import enable_our_loggers
from tests.kit.scripted import scripted, scripted_uri


@pytest.fixture(autouse=True)
def _loud(caplog):
    """Libraries, Ray for one, switch off the loggers that they find; what a test reads must be on."""
    enable_our_loggers()
    caplog.set_level("INFO")


@pytest.fixture
def run(tmp_path, archive, checkpoint):
    """Run the job in this process over an archive into ``tmp_path/out``; returns its exit code."""

    def run_job(*assignments, scenes=archive, engine=None):
        config = jobs.write_config(
            tmp_path / "run.yaml", scenes, tmp_path / "out", checkpoint, **(engine or {})
        )
        flags = [flag for assignment in assignments for flag in ("--set", assignment)]
        return infer_archive.main(["--config", str(config), *flags])

    return run_job


def newest_report(output):
    return jobs.reports(output)[-1]


def test_every_scene_becomes_a_complete_mosaic_on_its_own_grid(unbroken, archive):
    entries = sgddiff_batch.list_mosaics(str(unbroken))
    assert [entry.scene_id for entry in entries] == ["a.tif", "c.tif", "north/b.tif"]
    for entry in entries:
        mosaic = sgddiff_batch.open_mosaic(entry.uri)
        with rasterio.open(archive / entry.scene_id) as scene:
            assert mosaic.shape == scene.shape
            assert mosaic.rio.crs == scene.crs
            assert mosaic.rio.transform() == scene.transform
            np.testing.assert_array_equal(np.isfinite(mosaic.values), scene.dataset_mask() > 0)


@pytest.mark.parametrize(
    "assignments",
    [
        ["tiling.block_px=64", "engine.workers=1"],
        ["tiling.block_px=192", "tiling.task_memory_gib=1"],
        ["tiling.block_px=512", "engine.workers=3", "tiling.task_memory_gib=1"],
    ],
)
def test_level_0_does_not_depend_on_block_task_or_worker_counts(run, tmp_path, unbroken, assignments):
    assert run(*assignments) == 0
    wanted, got = jobs.decoded(unbroken), jobs.decoded(tmp_path / "out")
    level_0 = {name: codes for name, codes in wanted.items() if name.endswith("/0")}
    jobs.assert_equal_mosaics({name: got[name] for name in got if name.endswith("/0")}, level_0)
    assert len(np.unique(np.concatenate([codes.ravel() for codes in level_0.values()]))) > 50


@pytest.mark.slow
def test_a_second_run_computes_nothing(run, tmp_path):
    assert run() == 0
    out = tmp_path / "out"
    before = {name: (out / name).stat().st_mtime_ns for name in jobs.object_names(out)}
    assert run() == 0
    assert {name: (out / name).stat().st_mtime_ns for name in jobs.object_names(out)} == before
    assert newest_report(tmp_path / "out")["totals"]["states"] == {"unchanged": 3}
    assert newest_report(tmp_path / "out")["totals"]["tiles"] == 0


@pytest.mark.slow
def test_a_broken_scene_is_quarantined_once_with_its_reason_and_stops_nobody(run, tmp_path):
    scenes = jobs.write_archive(tmp_path / "scenes")
    jobs.write_broken(scenes / "torn.tif")
    (scenes / "text.tif").write_text("no raster at all")
    (scenes / "empty.tif").touch()
    (scenes / "readme.md").write_text("not a scene")
    assert run(scenes=scenes) == Exit.QUARANTINED
    report = newest_report(tmp_path / "out")
    rows = {row["scene_id"]: row for row in report["scenes"]}
    assert report["totals"]["states"] == {"done": 3, "quarantined": 3}
    for name in ("torn.tif", "text.tif", "empty.tif"):
        assert rows[name]["state"] == "quarantined"
        assert len(rows[name]["reason"]) > 15
        assert not list((tmp_path / "out" / name).glob("*")) if (tmp_path / "out" / name).exists() else True
    assert [file["path"] for file in report["ignored"]] == ["readme.md"]
    assert run(scenes=scenes) == Exit.DONE
    assert newest_report(tmp_path / "out")["totals"]["states"] == {"still quarantined": 3, "unchanged": 3}


def test_a_mended_scene_leaves_quarantine(run, tmp_path):
    scenes = tmp_path / "scenes"
    jobs.write_broken(scenes / "torn.tif")
    assert run(scenes=scenes) == Exit.QUARANTINED
    jobs.write_scene(scenes / "torn.tif", 300, 300, 4)
    assert run(scenes=scenes) == Exit.DONE
    assert [entry.scene_id for entry in sgddiff_batch.list_mosaics(str(tmp_path / "out"))] == ["torn.tif"]


@pytest.mark.slow
def test_a_changed_scene_gets_a_new_store_and_the_old_one_stays(run, tmp_path):
    scenes = jobs.write_archive(tmp_path / "scenes")
    assert run(scenes=scenes) == 0
    old = {entry.scene_id: entry.uri for entry in sgddiff_batch.list_mosaics(str(tmp_path / "out"))}
    kept = sgddiff_batch.open_mosaic(old["a.tif"]).values
    jobs.write_scene(scenes / "a.tif", 301, 417, 99)
    assert run(scenes=scenes) == 0
    new = {entry.scene_id: entry.uri for entry in sgddiff_batch.list_mosaics(str(tmp_path / "out"))}
    assert new["a.tif"] != old["a.tif"]
    assert {name: new[name] for name in ("c.tif", "north/b.tif")} == {
        name: old[name] for name in ("c.tif", "north/b.tif")
    }
    np.testing.assert_array_equal(sgddiff_batch.open_mosaic(old["a.tif"]).values, kept)
    assert newest_report(tmp_path / "out")["totals"]["states"] == {"done": 1, "unchanged": 2}


@pytest.mark.slow
def test_a_setting_that_changes_pixels_does_all_again(run, tmp_path):
    assert run() == 0
    assert run("tiling.overlap_px=16", "tiling.block_px=160") == 0
    assert newest_report(tmp_path / "out")["totals"]["states"] == {"done": 3}


def test_provenance_says_where_a_mosaic_comes_from(unbroken, archive, checkpoint):
    import zarr

    entry = sgddiff_batch.list_mosaics(str(unbroken))[0]
    text = json.dumps(dict(zarr.open_group(entry.uri, mode="r").attrs))
    facts = json.loads((checkpoint / "checkpoint.json").read_text())
    for word in (str(archive / "a.tif"), entry.version, facts["digest"], '"complete": true', "created"):
        assert word in text


def test_the_dry_run_prints_the_plan_and_writes_nothing(run, tmp_path, archive, checkpoint, capsys):
    config = jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint)
    assert infer_archive.main(["--config", str(config), "--dry-run"]) == 0
    text = capsys.readouterr().out
    for words in (
        "scenes to do",
        "tasks",
        "tiles",
        "halo overhead",
        "predicted peak memory",
        "to read",
        "to write",
    ):
        assert words in text
    assert not (tmp_path / "out").exists()


def test_a_plan_that_does_not_fit_is_refused_with_both_numbers(run, tmp_path, capsys):
    assert run("tiling.task_memory_gib=0.0001") == Exit.WRONG
    assert re.search(r"takes 0\.00015\d* GiB, but it allows 0\.0001", capsys.readouterr().err)
    assert not (tmp_path / "out").exists() or jobs.object_names(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("tiling.blok_px=3", "nearest known key is tiling.block_px"),
        ("archive.uri=/nowhere/at/all", "archive.uri: there is nothing at"),
        ("output.uri=ftp://x/y", "output.uri: must be a local path or s3://"),
        ("output.uri=s3://", "output.uri: must be a local path or s3://"),
        ("model.checkpoint=/none", "model.checkpoint: /none: no such folder"),
    ],
)
def test_a_wrong_config_ends_with_2_and_names_its_key(run, capsys, assignment, words):
    assert run(assignment) == Exit.WRONG
    assert words in capsys.readouterr().err


def test_an_output_that_cannot_be_written_ends_with_2_before_any_work(run, tmp_path, archive, capsys):
    (tmp_path / "file").write_text("in the way")
    assert run(f"output.uri={tmp_path}/file/out") == Exit.WRONG
    assert run(f"output.uri={archive}") == Exit.WRONG
    assert capsys.readouterr().err.count("sgddiff run: output.uri:") == 2


def test_a_fault_that_nobody_thought_of_ends_with_1_and_one_line(run, archive, capsys):
    with scripted(StoreFault("find", "*", None, ZeroDivisionError("of all things"))):
        assert run(scenes=scripted_uri(archive)) == Exit.FAILED
    assert "sgddiff run: ZeroDivisionError: of all things" in capsys.readouterr().err


def test_a_wrong_command_ends_with_2(capsys):
    with pytest.raises(SystemExit) as end:
        infer_archive.main(["--confg", "x"])
    assert end.value.code == Exit.WRONG


@pytest.mark.slow
def test_a_failing_scene_is_one_line_and_no_traceback(tmp_path, checkpoint):
    scenes = tmp_path / "scenes"
    jobs.write_broken(scenes / "torn.tif")
    config = jobs.write_config(tmp_path / "run.yaml", scenes, tmp_path / "out", checkpoint)
    assert jobs.run_job(config) == Exit.QUARANTINED
    text = config.with_suffix(".log").read_text()
    assert "Traceback" not in text
    assert len([line for line in text.splitlines() if "WARNING" in line and "torn.tif" in line]) == 1


def test_a_list_a_glob_and_a_folder_give_the_same_pixels(run, tmp_path, archive, unbroken):
    listing = tmp_path / "list.txt"
    listing.write_text(f"{archive}/a.tif\n{archive}/gone.tif\n")
    assert run(scenes=listing) == Exit.QUARANTINED
    assert run(scenes=f"{archive}/*.tif") == 0
    wanted = {
        name.split(".zarr")[0].split("/")[-2]: codes
        for name, codes in jobs.decoded(unbroken).items()
        if name.endswith("/0")
    }
    for name, codes in jobs.decoded(tmp_path / "out").items():
        if name.endswith("/0"):
            scene = "a.tif" if "a.tif" in name else "c.tif"
            np.testing.assert_array_equal(codes, wanted[scene])


def test_an_output_inside_the_archive_is_not_listed_as_scenes(run, tmp_path, checkpoint):
    scenes = jobs.write_archive(tmp_path / "scenes")
    jobs.write_scene(scenes / "saliency" / "export.tif", 40, 40, 5)
    config = jobs.write_config(tmp_path / "run.yaml", scenes, scenes / "saliency", checkpoint)
    assert infer_archive.main(["--config", str(config)]) == 0
    assert infer_archive.main(["--config", str(config)]) == 0
    report = newest_report(scenes / "saliency")
    assert report["totals"]["states"] == {"unchanged": 3}
    assert report["ignored"] == []
