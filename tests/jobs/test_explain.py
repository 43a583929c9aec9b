"""explain: what it says of a pixel is what the mosaic, the scene and the config say."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import zarr

import sgddiff_batch
from jobs import explain, infer_archive
from tests.kit import jobs


def uri_of(output, scene_id):
    return next(e.uri for e in sgddiff_batch.list_mosaics(str(output)) if e.scene_id == scene_id)


def facts_of(capsys, *arguments):
    assert explain.main([*map(str, arguments), "--json"]) == 0
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
    assert explain.main([uri_of(unbroken, "a.tif"), "0", "0"]) == 0
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
    assert explain.main([uri_of(unbroken, "a.tif"), *arguments]) == explain.EXIT_COMMAND
    assert words in capsys.readouterr().err


def test_what_is_no_mosaic_ends_with_2(tmp_path, capsys):
    assert explain.main([str(tmp_path / "none.zarr"), "0", "0"]) == explain.EXIT_COMMAND
    (tmp_path / "zarr.json").write_text('{"attributes": {}}')
    assert explain.main([str(tmp_path), "0", "0"]) == explain.EXIT_COMMAND
    assert "not the root of a mosaic" in capsys.readouterr().err
