"""A stage that was killed goes on to the bit; a state of another run, or half of one, is refused."""

import pytest
import torch

from models.config import with_settings
from models.run import load_state, save_state
from models.stages import start_student
from models.training import TrainingError

from .test_stages import SETTINGS, make_teacher, run_stage, start, tensors_of, tiny_student

STAGES = ("teacher", "student of one step", "student of three steps")


class Killed(BaseException):
    """What a kill looks like from inside."""


@pytest.mark.parametrize("which", STAGES)
def test_a_killed_stage_goes_on_to_the_bit(which, squares, tmp_path):
    def kill(step, losses):
        if step == 2:
            raise Killed

    unbroken: list[dict[str, float]] = []
    whole = run_stage(
        start(which), squares[:2], squares[2:], SETTINGS, tmp_path / "whole", {},
        report=lambda step, losses: unbroken.append(losses),
    )  # fmt: skip
    with pytest.raises(Killed):
        run_stage(start(which), squares[:2], squares[2:], SETTINGS, tmp_path / "broken", {}, report=kill)
    again = start(which)
    torch.manual_seed(987654)  # a new process has other global numbers
    assert load_state(tmp_path / "broken", again)
    assert again.step == 2
    resumed: list[dict[str, float]] = []
    run_stage(
        again, squares[:2], squares[2:], SETTINGS, tmp_path / "broken", {},
        report=lambda step, losses: resumed.append(losses),
    )  # fmt: skip
    assert resumed == unbroken[2:]
    expected, found = tensors_of(whole), tensors_of(again)
    assert set(found) == set(expected)
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []
    assert (again.step, again.best_f) == (whole.step, whole.best_f)


def test_there_is_nothing_to_resume_in_an_empty_folder(tmp_path):
    assert not load_state(tmp_path, start("student"))


def test_the_state_of_another_stage_or_teacher_is_refused(tmp_path):
    save_state(tmp_path, start("student"))
    with pytest.raises(TrainingError, match=r"'stage': 'student'.*folder of its own"):
        load_state(tmp_path, start("teacher"))
    other = make_teacher()
    with torch.no_grad():
        other.decoder.classify.weight.add_(1e-3)
    with pytest.raises(TrainingError, match="'teacher': "):
        load_state(tmp_path, start_student(other, tiny_student(), SETTINGS))


@pytest.mark.parametrize("keep", [0, 100, 5000, -10])
def test_a_damaged_state_is_refused_with_its_name(keep, tmp_path):
    save_state(tmp_path, start("student"))
    path = tmp_path / "state.train"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TrainingError, match=r"state\.train cannot be read"):
        load_state(tmp_path, start("student"))


def test_a_state_of_other_sizes_is_refused(tmp_path):
    save_state(tmp_path, start("student"))
    wider = with_settings(tiny_student(), {"decoder.feedforward": 48})
    with pytest.raises(TrainingError, match="other sizes"):
        load_state(tmp_path, start_student(make_teacher(), wider, SETTINGS))
