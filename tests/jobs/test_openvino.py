"""The main job on OpenVINO: the mosaics of PyTorch but for a code, under a run key of its own."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jobs import infer_archive
from models.openvino_network import MissingRuntimeError, import_openvino
from tests.kit import jobs
from tests.kit.pictures import run, write_pictures

try:
    import_openvino()
except MissingRuntimeError as error:
    pytest.skip(str(error), allow_module_level=True)

ASKED = ("--set", "model.backend=openvino")
NO_DATA = 255


def test_a_run_makes_pytorchs_mosaic_but_for_a_code_and_a_second_one_makes_nothing(
    tmp_path, checkpoint, monkeypatch
):
    monkeypatch.setattr("models.scan.SCAN_LEVELS", 8)  # enough for tiles of 96 px, and soon compiled
    scene = jobs.write_scene(tmp_path / "scenes" / "a.tif", 90, 140, 1, collar_px=20)

    def made(name, *flags):
        config = jobs.write_config(tmp_path / f"{name}.yaml", scene.parent, tmp_path / name, checkpoint)
        assert infer_archive.main(["--config", str(config), *flags]) == 0
        return by_level(jobs.decoded(tmp_path / name))

    theirs, ours = made("torch"), made("ours", *ASKED)
    assert ours.keys() == theirs.keys()
    for level, codes in theirs.items():
        there = codes != NO_DATA
        assert np.array_equal(ours[level] != NO_DATA, there), level
        assert np.abs(ours[level].astype(int) - codes)[there].max() <= 1, level
    made("ours", *ASKED)
    first, second = jobs.reports(tmp_path / "ours")
    assert [report["totals"]["made"]["scenes"] for report in (first, second)] == [1, 0]
    assert first["run"]["model"]["backend"]["precision"] == "fp32"
    assert first["run"]["model"]["backend"]["runtime"].startswith("openvino ")
    (plain,) = jobs.reports(tmp_path / "torch")
    assert plain["run"]["run_key"] != first["run"]["run_key"]


def test_a_run_on_a_gpu_is_refused_before_anything_is_made(tmp_path, archive, checkpoint, capsys):
    config = jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint)
    assert infer_archive.main(["--config", str(config), *ASKED, "--set", "model.device=cuda"]) == 2
    assert "openvino computes on CPUs" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_the_extra_a_run_names_it(tmp_path, archive, checkpoint, capsys, monkeypatch):
    monkeypatch.setattr("models.openvino_network.is_installed", lambda: False)
    config = jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint)
    assert infer_archive.main(["--config", str(config), *ASKED]) == 2
    assert "pip install 'sgddiff-batch[openvino]'" in capsys.readouterr().err


def by_level(arrays):
    """The arrays of the only mosaic by level: its path has the run key, which is another one."""
    return {name.rpartition("/")[2]: codes for name, codes in arrays.items()}


def test_an_evaluation_says_what_computed_its_maps(tmp_path, checkpoint):
    images, labels = write_pictures(tmp_path, {"a": (64, 97)})
    student = ["--checkpoint", checkpoint, "--device", "cpu", "--backend", "openvino"]
    assert run("--images", images, "--labels", labels, *student, "--json", tmp_path / "s.json") == 0
    maps = json.loads((tmp_path / "s.json").read_text())["maps"]
    assert maps["backend"]["precision"] == "fp32"


def test_an_evaluation_in_a_precision_that_it_has_not_is_refused_by_its_flag(tmp_path, checkpoint, capsys):
    images, _ = write_pictures(tmp_path, {"a": (64, 97)})
    asked = ["--checkpoint", checkpoint, "--device", "cpu", "--backend", "openvino", "--precision", "fp16"]
    assert run("--images", images, "--maps", tmp_path / "maps", *asked) == 2
    assert "--precision: openvino computes in fp32 or bf16, found 'fp16'" in capsys.readouterr().err
