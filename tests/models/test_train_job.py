"""The command that trains directly, from pictures on disk to a checkpoint that the predictor takes."""

import json

import numpy as np
import pytest
from PIL import Image

from jobs import train_direct
from models.checkpoint import load_checkpoint


@pytest.fixture
def data(tmp_path, squares):
    folders = tmp_path / "train-images", tmp_path / "train-labels"
    for folder in folders:
        folder.mkdir()
    for index in range(4):
        pair = squares[index % len(squares)]
        Image.fromarray(pair.pixels.transpose(1, 2, 0)).save(folders[0] / f"{index}.png")
        Image.fromarray(pair.mask.astype(np.uint8) * 255).save(folders[1] / f"{index}.png")
    return folders


def _arguments(data, out, *more):
    images, labels = map(str, data)
    common = ["--preset", "tiny", "--set", "train.crops.crop_px=64", "--set", "train.batch=2"]
    return ["--images", images, "--labels", labels, "--out", str(out), *common, *more]


def test_the_job_trains_goes_on_and_exports(data, tmp_path):
    out, target = tmp_path / "out", tmp_path / "weights"
    assert train_direct.main(_arguments(data, out, "--steps", "2")) == 0
    assert load_checkpoint(out / "last").training["step"] == 2
    assert train_direct.main(_arguments(data, out, "--steps", "3", "--export", str(target))) == 0
    exported = load_checkpoint(target)
    assert exported.training["step"] == 3
    assert exported.data["training"] == 3
    assert len(exported.data["validation"]) == 1


def test_minutes_become_steps_once_and_stay(data, tmp_path):
    out = tmp_path / "out"
    assert train_direct.main(_arguments(data, out, "--minutes", "0.002")) == 0
    steps = json.loads((out / "run.json").read_text())["steps"]
    assert train_direct.main(_arguments(data, out, "--minutes", "9")) == 0
    assert json.loads((out / "run.json").read_text())["steps"] == steps


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "train.crops.haz=0"], "unknown setting train.crops.haz"),
        (["--set", "encoder.scan=s5"], "encoder.scan must be one of"),
        (["--set", "steps"], "needs key=value"),
    ],
)
def test_a_wrong_command_is_one_line_and_exit_code_two(data, tmp_path, capsys, more, message):
    assert train_direct.main(_arguments(data, tmp_path / "out", "--steps", "1", *more)) == 2
    assert message in capsys.readouterr().err


def test_mistakes_in_the_data_are_exit_code_two(data, tmp_path, capsys):
    (data[1] / "0.png").unlink()
    assert train_direct.main(_arguments(data, tmp_path / "out", "--steps", "1")) == 2
    assert "0.png: no mask of that stem" in capsys.readouterr().err
