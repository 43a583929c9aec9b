import copy
import json
import shutil

import pytest
import torch

from jobs import cli
from jobs.training.pictures.data import DataSet, load_training_data
from jobs.training.results.assessment import assess, read_assessment
from models.checkpoint import load_checkpoint


def read(run, seed):
    folder = run / f"run/seed-{seed}/direct"
    return json.loads((folder / "assessment.json").read_text()), (folder / "best/README.md").read_text()


def test_the_assessment_is_what_evaluate_says_of_the_same_pictures(trained, tmp_path):
    assessment, _ = read(trained, 1)
    best = trained / "run/seed-1/direct/best"
    held = load_checkpoint(best).data["validation"]
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for name in held:
            shutil.copy(trained / "squares" / f"train-{kind}" / f"{name}.png", tmp_path / kind)
    folders = ["--images", str(tmp_path / "images"), "--labels", str(tmp_path / "labels")]
    report, student = tmp_path / "s.json", ["--checkpoint", str(best), "--device", "cpu"]
    assert cli.main(["evaluate", *folders, *student, "--json", str(report)]) == 0
    assert json.loads(report.read_text())["totals"] == assessment["validation"]["totals"]


def test_assessing_leaves_the_network_as_it_was(trained, tmp_path):
    network = load_checkpoint(trained / "run/seed-0/direct/best").network
    before = copy.deepcopy(network.state_dict())
    pairs = load_training_data([DataSet(str(trained / "squares"))], 0, 0, tmp_path).sets[0][:2]
    found = assess(network, pairs, ["one", "two"], (2, 3))
    assert (found["steps"], found["trajectories"]) == (2, 3)
    assert {row["name"] for row in found["worst"]} == {"one", "two"}
    assert found["worst"][0]["s"] <= found["worst"][1]["s"]
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"format_version": 2}', b"nonsense", None])
def test_what_is_no_assessment_of_this_format_is_none(content):
    assert read_assessment(content) is None
