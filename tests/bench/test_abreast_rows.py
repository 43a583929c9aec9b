"""The side-by-side training from pictures on disk to checkpoints and scores, at the smallest size."""

import json

import numpy as np
import pytest
from PIL import Image

from models.checkpoint import load_checkpoint, save_checkpoint
from models.presets import preset
from models.sgddiff import SGDDiff
from tests.bench.abreast import main


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (tmp_path / "data" / f"train-{kind}").mkdir(parents=True)
    for index in range(6):
        pixels = rng.integers(0, 60, (80, 96, 3), dtype=np.uint8)
        mask = np.zeros((80, 96), np.uint8)
        mask[20 : 40 + index, 30:60] = 255
        pixels[mask > 0] += 150
        Image.fromarray(pixels).save(tmp_path / "data" / "train-images" / f"p{index}.png")
        Image.fromarray(mask).save(tmp_path / "data" / "train-labels" / f"p{index}.png")
    return tmp_path


def _run(folder, *lanes, more=()):
    size = ["--crops", "8", "--batch", "2", "--crop", "64", "--log-every", "2"]
    where = ["--data", str(folder / "data"), "--out", str(folder / "out")]
    return main([*where, *size, "--lanes", *lanes, *more])


def test_lanes_end_as_checkpoints_with_scores(folder):
    assert _run(folder, "tiny@0", "tiny@1") == 0
    scores = json.loads((folder / "out" / "scores.json").read_text())
    assert set(scores) == {"tiny@0", "tiny@1"}
    assert scores["tiny@0"] != scores["tiny@1"]
    assert load_checkpoint(folder / "out" / "tiny@0").network.config == preset("tiny")


def test_a_hinted_lane_learns_from_a_checkpoint_and_needs_one(folder):
    save_checkpoint(folder / "teacher", SGDDiff(preset("tiny")), {}, {})
    assert _run(folder, "tiny@0+hints", more=("--teachers", str(folder / "teacher"))) == 0
    with pytest.raises(ValueError, match=r"tiny@0\+hints needs --teachers"):
        _run(folder, "tiny@0+hints")
