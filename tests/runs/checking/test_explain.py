"""explain: what it says of a pixel is what the mosaic, the scene and the config say."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import zarr

import sgddiff_batch
from jobs import cli, infer_archive
from jobs.exits import Exit
from sgddiff_batch.runs import bench
from tests.kit import jobs
from tests.kit.scenes import write_scene


def uri_of(output, scene_id):
    return next(e.uri for e in sgddiff_batch.list_mosaics(str(output)) if e.scene_id == scene_id)


def facts_of(capsys, *arguments):
    assert cli.main(["explain", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_pixels_value_scene_model_tiles_and_object_are_told(unbroken, archive, checkpoint, capsys):
    uri = uri_of(unbroken, "a.tif")
    facts = facts_of(capsys, uri, 130, 200)
    codes = np.asarray(zarr.open_array(uri, path="0/saliency", mode="r")[...])
    assert facts["value"] == {"code": codes[130, 200], "probability": codes[130, 200] / 254}
    assert facts["scene"]["uri"] == str(archive / "a.tif")
    assert facts["model"]["digest"] == json.loads((checkpoint / "checkpoint.json").read_text())["digest"]
    assert facts["settings"]["tile_px"] == 96
    assert facts["block"]["object"] == "0/saliency/c/1/1"
    assert Path(uri, facts["block"]["object"]).is_file()
    # Tiles of 96 px every 64 px: rows 128-223 and, by the overlap of 32 px, 64-159; columns 192-287, 128-223.
    assert [(tile["row"], tile["col"]) for tile in facts["tiles"]] == [(1, 2), (1, 3), (2, 2), (2, 3)]
    assert sum(tile["weight"] for tile in facts["tiles"]) == facts["weight_total"] == 33**2
    assert (facts["is_current"], facts["is_complete"], facts["no_data"]) == (True, True, None)
    report = json.loads(next(unbroken.glob("report-*.json")).read_text())
    assert facts["run_id"] == report["run_id"]
    assert "torch" in facts["software"]


def test_a_place_on_the_ground_and_its_pixel_are_explained_alike(unbroken, archive, capsys):
    uri = uri_of(unbroken, "a.tif")
    with rasterio.open(archive / "a.tif") as scene:
        x, y = scene.xy(130, 200)
    assert facts_of(capsys, uri, "--xy", x, y) == facts_of(capsys, uri, 130, 200)


def test_no_data_is_explained_by_the_scene(unbroken, capsys):
    facts = facts_of(capsys, uri_of(unbroken, "north/b.tif"), 10, 10)
    assert facts["value"] == {"code": 255, "probability": None}
    assert "no valid sample" in facts["no_data"]


def test_why_a_changed_or_lost_scene_has_no_data_is_not_known(tmp_path, checkpoint, capsys):
    scenes = tmp_path / "scenes"
    jobs.write_scene(scenes / "b.tif", 80, 90, 2, collar_px=20)
    config = jobs.write_config(tmp_path / "run.yaml", scenes, tmp_path / "out", checkpoint)
    assert infer_archive.main(["--config", str(config)]) == 0
    capsys.readouterr()
    uri = uri_of(tmp_path / "out", "b.tif")
    jobs.write_scene(scenes / "b.tif", 80, 90, 3)
    assert "changed since" in facts_of(capsys, uri, 0, 0)["no_data"]
    (scenes / "b.tif").unlink()
    assert "gone" in facts_of(capsys, uri, 0, 0)["no_data"]


def test_a_mosaic_away_from_its_ledger_is_explained_but_for_its_being_current(unbroken, tmp_path, capsys):
    moved = shutil.copytree(uri_of(unbroken, "c.tif"), tmp_path / "moved.zarr")
    assert facts_of(capsys, moved, 0, 0)["is_current"] is None


def test_the_text_names_tiles_object_and_scene(unbroken, capsys):
    assert cli.main(["explain", uri_of(unbroken, "a.tif"), "0", "0"]) == 0
    text = capsys.readouterr().out
    for words in ("tile 0,0", "weight 1089 of 1089 (100.0%)", "0/saliency/c/0/0", "a.tif", "model digest"):
        assert words in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["301", "0"], "301 rows and 417 columns"),
        (["-1", "0"], "row -1"),
        (["--xy", "0", "0"], "outside of the mosaic"),
        (["--xy", "nan", "0"], "finite"),
        (["5"], "give ROW and COL"),
        (["1", "1", "--xy", "1", "1"], "not both"),
    ],
)
def test_a_pixel_that_is_none_ends_with_2(unbroken, capsys, arguments, words):
    assert cli.main(["explain", uri_of(unbroken, "a.tif"), *arguments]) == Exit.WRONG
    assert words in capsys.readouterr().err


def test_what_is_no_mosaic_ends_with_2(tmp_path, capsys):
    assert cli.main(["explain", str(tmp_path / "none.zarr"), "0", "0"]) == Exit.WRONG
    (tmp_path / "zarr.json").write_text('{"attributes": {}}')
    assert cli.main(["explain", str(tmp_path), "0", "0"]) == Exit.WRONG
    assert "not the root of a mosaic" in capsys.readouterr().err


def test_the_rule_of_the_mask_is_told_and_why_it_leaves_a_pixel_out(unbroken, capsys):
    facts = facts_of(capsys, uri_of(unbroken, "north/b.tif"), 10, 10)
    assert facts["scene"]["mask_rule"] == "nodata"
    assert facts["no_data"].endswith("every shown band has its no-data value, or a sample is not finite")
    assert facts["pixels"] == f"pixels_version {bench.PIXELS_VERSION}, that of this software"
    assert facts["pixels_version"] == bench.PIXELS_VERSION
    assert facts_of(capsys, uri_of(unbroken, "a.tif"), 1, 1)["scene"]["mask_rule"] == "none"


def test_of_an_older_mosaic_its_own_rule_is_told(tmp_path, checkpoint, monkeypatch, capsys):
    """Its mask was GDAL's, by which infrared 0 was no data; the scene has data there by the rule of now."""
    samples = np.full((4, 60, 70), 90, dtype=np.uint8)
    samples[3, :20] = 0
    write_scene(tmp_path / "scenes" / "a.tif", samples, photometric="RGB", nodata=0)
    config = jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", checkpoint)
    with monkeypatch.context() as then:
        then.setattr(bench, "PIXELS_VERSION", 1)
        assert infer_archive.main(["--config", str(config)]) == 0
    uri = uri_of(tmp_path / "out", "a.tif")
    shard = Path(uri, "0/saliency/c/0/0")
    shard.unlink()  # as if it had been no data
    capsys.readouterr()
    facts = facts_of(capsys, uri, 5, 5)
    assert facts["pixels"].startswith(f"pixels_version 1; this software makes {bench.PIXELS_VERSION}")
    assert facts["pixels_version"] == 1
    assert facts["no_data"].startswith(
        "the mask by which the mosaic was made (mask rule nodata, pixels_version 1)"
    )
