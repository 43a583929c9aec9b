"""Provenance and report say by which rule each scene's mask was made, in the run that made it and later."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import zarr

import sgddiff_batch
from jobs import infer_archive
from tests.kit import jobs
from tests.kit.scenes import noise, write_scene


def write_archive(folder: Path) -> None:
    samples, valid = noise(3, 60, 70), np.ones((60, 70), dtype=bool)
    valid[:9] = False
    alpha = (valid * 255).astype(np.uint8)[None]
    write_scene(folder / "internal.tif", samples, mask=valid)
    write_scene(folder / "sidecar.tif", samples)
    tags = {"": {f"INTERNAL_MASK_FLAGS_{band}": "2" for band in (1, 2, 3)}}
    write_scene(folder / "m.tif", alpha, tags=tags).rename(folder / "sidecar.tif.msk")
    write_scene(folder / "alpha.tif", np.concatenate([samples, alpha]), photometric="RGB", alpha="YES")
    write_scene(folder / "nodata.tif", samples * valid, nodata=0)
    write_scene(folder / "none.tif", samples)
    write_scene(folder / "white.tif", samples[:1], photometric="MINISWHITE")


def report_of(output: Path) -> dict:
    newest = max(output.glob("report-*.json"), key=lambda path: path.stat().st_mtime_ns)
    return json.loads(newest.read_text())


def test_every_rule_is_in_the_provenance_and_counted_by_each_report(tmp_path: Path, checkpoint: Path) -> None:
    write_archive(tmp_path / "scenes")
    config = jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", checkpoint)
    counted = {"alpha": 1, "internal": 1, "nodata": 1, "none": 2, "sidecar": 1}
    assert infer_archive.main(["--config", str(config)]) == 0
    assert report_of(tmp_path / "out")["totals"]["masks"] == counted
    codes = {}
    for mosaic in sgddiff_batch.list_mosaics(str(tmp_path / "out")):
        provenance = zarr.open_group(mosaic.uri, mode="r").attrs["provenance"]
        name = mosaic.scene_id.removesuffix(".tif")
        assert provenance["mask_rule"] == ("none" if name == "white" else name)
        assert provenance["inverted"] == (name == "white")
        codes[name] = np.asarray(zarr.open_array(mosaic.uri, path="0/saliency", mode="r")[...])
    for style in ("sidecar", "alpha", "nodata"):
        np.testing.assert_array_equal(codes[style], codes["internal"], err_msg=style)
    assert infer_archive.main(["--config", str(config)]) == 0
    assert report_of(tmp_path / "out")["totals"]["masks"] == counted
