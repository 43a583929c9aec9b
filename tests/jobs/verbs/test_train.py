"""The training job as a user runs it: one config, three stages, kills, and what is wrong in one line."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from jobs import train_distill
from jobs.exits import Exit, guarded
from jobs.verbs.train import MISTAKES, told_as_ours
from models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from models.config import ConfigError as NetworkConfigError
from models.config import with_settings
from models.data import DataError
from models.presets import preset
from models.sgddiff import SGDDiff
from models.training import TrainingError
from sgddiff_batch.errors import ConfigError, FatalError, LeaseHeldError, RetryableError
from tests.kit.processes import ended
from tests.kit.trainings import train_here, write_three_stages

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config(tmp_path):
    return write_three_stages(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A config whose three stages are trained, into `run` beside it."""
    config = write_three_stages(tmp_path_factory.mktemp("trained"))
    assert train(config, "events.tensorboard=board") == 0
    return config


def train(config, *assignments, check=False):
    return train_here(config, *assignments, *(["--check"] if check else []))


def times(run):
    """When each file of a storage was changed last, but those of the lease, which every run takes."""
    files = [path for path in run.rglob("*") if path.is_file() and "_ledger" not in path.parts]
    assert files
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.slow
def test_one_command_trains_all_stages_and_leaves_what_a_person_looks_at(trained):
    beside = trained.parent
    for stage in ("direct", "teacher", "student"):
        folder = beside / "run" / "seed-0" / stage
        names = {path.relative_to(folder).as_posix().split("/")[0] for path in folder.rglob("*")}
        assert {"best", "last", "state.train", "history.json", "curves.png", "contact-sheet.png"} <= names
        history = json.loads((folder / "history.json").read_text())
        assert [row["step"] for row in history["losses"]] == [1, 2, 3, 4]
        assert [row["step"] for row in history["scores"]] == [2, 4]
        assert {"rate", "loss", "bce", "pictures_per_s", "left_s", "data_share"} <= set(history["losses"][0])
        with Image.open(folder / "contact-sheet.png") as sheet:
            assert sheet.width > 600
        assert list((beside / "board" / stage).iterdir())
    seed = beside / "run" / "seed-0"
    best = {stage: load_checkpoint(seed / stage / "best") for stage in ("direct", "teacher", "student")}
    assert best["student"].training["teacher"] == best["teacher"].digest
    assert best["student"].training["settings"]["weights"]["features"] == 1.0
    assert best["student"].data["init"] == "direct"
    assert best["student"].data["training"] == 6
    assert len(best["student"].data["validation"]) == 2


@pytest.mark.slow
def test_the_student_is_one_that_the_main_job_takes(trained):
    from models.predictor import load_predictor

    load_predictor(str(trained.parent / "run" / "seed-0" / "student" / "best"), "cpu")


@pytest.mark.slow
def test_a_finished_run_does_nothing_when_it_is_started_again(trained):
    before = times(trained.parent / "run")
    assert train(trained) == 0
    assert times(trained.parent / "run") == before


@pytest.mark.slow
def test_several_seeds_lie_side_by_side_and_differ(config, tmp_path):
    assert train(config, "seeds=[3,4]", "stages=[direct]") == 0
    digests = {load_checkpoint(tmp_path / "run" / f"seed-{n}" / "direct" / "best").digest for n in (3, 4)}
    assert len(digests) == 2


@pytest.mark.slow
def test_the_mean_of_the_seeds_is_what_a_later_stage_takes(config, tmp_path):
    wanted = ("average=true", "seeds=[3,4]", "stages=[direct, teacher]")
    assert train(config, *wanted) == 0
    run = tmp_path / "run"
    seeds = [load_checkpoint(run / f"seed-{n}" / "direct" / "best") for n in (3, 4)]
    mean = load_checkpoint(run / "average" / "direct" / "best")
    assert mean.training["average_of"] == {"3": seeds[0].digest, "4": seeds[1].digest}
    states = [each.network.state_dict() for each in (*seeds, mean)]
    name = next(name for name, tensor in states[0].items() if not torch.equal(tensor, states[1][name]))
    assert torch.allclose((states[0][name] + states[1][name]) / 2, states[2][name])
    before = times(run)
    assert train(config, *wanted) == 0
    assert times(run) == before
    assert train(config, "average=true", "seeds=[3,4]") == 0
    taught = load_checkpoint(run / "seed-3" / "student" / "best")
    assert taught.training["teacher"] == load_checkpoint(run / "average" / "teacher" / "best").digest
    card = (run / "average" / "student" / "best" / "README.md").read_text()
    assert "averaged over seeds" in card
    assert "| | their average | mean of 2 seeds | standard deviation |" in card


@pytest.mark.slow
def test_the_student_alone_takes_a_teacher_from_elsewhere(config, trained, tmp_path):
    teacher = trained.parent / "run" / "seed-0" / "teacher" / "best"
    assert train(config, "stages=[student]", "storage=alone", f"teacher.checkpoint={teacher}",
                 "student.init=null") == 0  # fmt: skip
    student = load_checkpoint(tmp_path / "alone" / "seed-0" / "student" / "best")
    assert student.training["teacher"] == load_checkpoint(teacher).digest


def _final(folder):
    """What training ends with: the digests of the students, and the losses of every step."""
    content = torch.load(io.BytesIO((folder / "state.train").read_bytes()), weights_only=True)
    losses = [
        {name: row[name] for name in ("step", "rate", "loss", "features")}
        for row in content["history"]["losses"]
    ]
    return [load_checkpoint(folder / name).digest for name in ("best", "last")], losses


@pytest.mark.slow
def test_a_job_that_is_killed_again_and_again_ends_as_an_unbroken_one(trained):
    beside = trained.parent
    arguments = [sys.executable, "jobs/train_distill.py", "--config", str(trained), "--set", "storage=killed"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    kills = 0
    for marker in ("seed-0/direct/state.train", "seed-0/teacher/best/checkpoint.json", "seed-0/student/last"):
        with ended(subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)) as job:
            deadline = time.monotonic() + 120
            while not (beside / "killed" / marker).exists() and time.monotonic() < deadline:
                assert job.poll() is None, "the job ended before it could be killed"
                time.sleep(0.01)
            job.send_signal(signal.SIGKILL)
            kills += job.wait() == -signal.SIGKILL
    assert kills == 3
    assert subprocess.run(arguments, cwd=ROOT, env=environment, check=False).returncode == 0
    for stage in ("direct", "teacher", "student")[:2]:
        state = [
            torch.load(beside / name / "seed-0" / stage / "state.train", weights_only=True)
            for name in ("run", "killed")
        ]
        assert [row["loss"] for row in state[0]["history"]["losses"]] == [
            row["loss"] for row in state[1]["history"]["losses"]
        ]
    final = [_final(beside / name / "seed-0" / "student") for name in ("killed", "run")]
    assert final[0] == final[1]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("teacher.preset=teecher", "unknown preset 'teecher'"),
        ("teacher.network={encoder.scan: s5}", "encoder.scan must be one of"),
        ("teacher.network={encoder.gdb: false}", "encoder: teacher"),
        ("teacher.network={encoder.dims: 16}", "encoder.dims must be whole numbers, found 16"),
        ("teacher.network={stem.width: 7}", "teacher.network: no network can be built of these sizes"),
        ("student.network={decoder.layers: 2}", "features are aligned after layer 4"),
        ("teacher.rate=0", "rate must be positive"),
        ("teacher.crops.haze=2", "crops.haze must be a probability"),
        ("teacher.crops.hase=.2", "teacher.crops.hase: unknown key; the nearest known key is"),
        ("stages=[student, teacher]", "in this order"),
        ("stages=[]", "stages: "),
        ("stages=[student]", "teacher.checkpoint: the student needs one"),
        ("teacher.checkpoint=elsewhere", "teacher.checkpoint: teacher is one of the stages"),
        ("direct.checkpoint=student", "direct.checkpoint: student is a stage's name; write ./student for"),
        ("stages=[teacher]", "teacher.init: direct is no earlier one"),
        ("direct.init=nowhere", "nowhere: no such folder"),
        ("direct.encoder=teacher", "direct.encoder: teacher is no earlier one"),
        ("student.encoder=direct", "student.encoder: a student has its teacher's"),
        ("engine.accumulate=4", "cannot be shared evenly"),
        ("engine.workers=2", "local is one worker"),
        ("engine.precision=fp16", "engine.precision: "),
        ("seeds=[1,1]", "seeds must be different"),
        ("data.sets=[]", "data.sets: "),
        ("storage=gs://bucket/x", "must be a local path or s3://"),
        ("events.classes=[nothing:Here]", "nothing"),
    ],
)  # fmt: skip
def test_a_wrong_config_is_one_line_and_exit_code_two(config, tmp_path, capsys, assignment, message):
    assert train(config, assignment) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not list((tmp_path / "run").rglob("state.train"))


def test_a_stages_name_is_no_checkpoint_of_the_teacher_even_where_a_folder_is_called_so(
    config, tmp_path, capsys, monkeypatch
):
    given = SGDDiff(with_settings(preset("tiny"), {"decoder.dim": 32}))
    save_checkpoint(tmp_path / "teacher", given, {}, {})
    monkeypatch.chdir(tmp_path)
    alone = ("stages=[student]", "student.init=null")
    assert train(config, *alone, "teacher.checkpoint=teacher", check=True) == 2
    assert "write ./teacher for a folder of that name" in capsys.readouterr().err
    assert train(config, *alone, "teacher.checkpoint=./teacher", check=True) == 0


def test_all_mistakes_in_the_data_come_in_one_list_before_any_training(config, tmp_path, capsys):
    (tmp_path / "squares" / "train-labels" / "0001.png").unlink()
    (tmp_path / "squares" / "train-images" / "0002.png").write_bytes(b"no picture")
    assert train(config) == 2
    error = capsys.readouterr().err
    assert "0001.png" in error
    assert "0002.png" in error
    assert not (tmp_path / "run").exists()


def test_a_storage_that_cannot_be_written_is_found_before_any_training(config, tmp_path, capsys):
    (tmp_path / "run").write_text("a file in the way")
    assert train(config) == 2
    assert str(tmp_path / "run") in capsys.readouterr().err


def test_a_check_trains_nothing(config, tmp_path):
    assert train(config, check=True) == 0
    assert not (tmp_path / "run").exists()


def test_a_check_ends_with_a_line_or_with_what_it_found_as_json(config, tmp_path, capsys):
    assert train(config, check=True) == 0
    assert capsys.readouterr().out == "all sound: config, data and storage of 3 stages\n"
    assert train_here(config, "--check", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == {"training": 6, "validation": 2}
    assert found["stages"] == ["direct", "teacher", "student"]
    assert found["storage"] == str(tmp_path / "run")
    assert train_here(config, "--json") == Exit.WRONG
    assert "give --check, too" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_that_goes_on_with_another_config_is_refused_by_the_settings_name(config, capsys):
    assert train(config, "stages=[direct]") == 0
    assert train(config, "stages=[direct]", "direct.rate=0.5", "direct.log_every=2") == 1
    assert "another run: rate is 0.5, was 0.001; give this run a place of its own" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, Exit.DONE),
        (ConfigError("no such key"), Exit.WRONG),
        (NetworkConfigError("stem.width must be even"), Exit.WRONG),
        (DataError(["a.png: no label", "b.png: no label"]), Exit.WRONG),
        (CheckpointError("it is a pickle"), Exit.WRONG),
        (FileNotFoundError("train.yaml"), Exit.WRONG),
        (TrainingError("the loss is nan"), Exit.FAILED),
        (FatalError("the lease was lost"), Exit.FAILED),
        (RetryableError("the store is slow"), Exit.FAILED),
        (LeaseHeldError("another run is at work"), Exit.HELD),
        (ValueError("a callback of the user's"), Exit.FAILED),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
    ],
    ids=lambda each: type(each).__name__,
)
def test_every_end_of_a_training_has_its_exit_code(error, code):
    def work():
        with told_as_ours():
            if error is not None:
                raise error
        return Exit.DONE

    assert guarded("train", work, MISTAKES) is code


def test_mistakes_in_the_data_keep_a_line_each(capsys):
    def work():
        with told_as_ours():
            raise DataError(["a.png: no label", "b.png: no label"])

    guarded("train", work, MISTAKES)
    assert capsys.readouterr().err.splitlines()[1:] == ["  a.png: no label", "  b.png: no label"]


def test_the_door_of_clusters_is_the_verb(config, tmp_path):
    """As a file, from anywhere, and as a module: same flags, same codes."""
    arguments = ["--config", str(config), "--check"]
    assert train_distill.main([*arguments, "--set", "storage=elsewhere"]) == Exit.DONE
    assert train_distill.main([*arguments, "--set", "engine.workers=2"]) == Exit.WRONG
    command = [sys.executable, "-P", str(ROOT / "jobs" / "train_distill.py"), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "all sound: config, data and storage of 3 stages\n")
    assert "6 pictures to train on, 2 to validate" in done.stderr


@pytest.mark.slow
def test_a_teacher_may_keep_the_encoder_of_an_earlier_stage(config, tmp_path):
    assert train(config, "stages=[direct, teacher]", "teacher.encoder=direct", "teacher.init=null") == 0
    seed = tmp_path / "run" / "seed-0"
    direct, teacher = (load_checkpoint(seed / stage / "best") for stage in ("direct", "teacher"))
    assert teacher.data["encoder"] == "direct"
    own, given = teacher.network.state_dict(), direct.network.state_dict()
    assert all(torch.equal(own[n], given[n]) for n in given if n.startswith(("stem.", "encoder.")))
    assert not torch.equal(own["decoder.classify.bias"], given["decoder.classify.bias"])
