"""A stage that was killed goes on to the bit; a state of another run, or half of one, is refused."""

import dataclasses

import numpy as np
import pytest
import torch

import models.run
from models.config import with_settings
from models.run import STATE_NAME, Listener, load_state, save_state
from models.sgddiff import SGDDiff
from models.stages import start_on_labels, start_student
from models.training import TrainingError

from .test_stages import SETTINGS, make_run, make_teacher, run_stage, start, tensors_of, tiny_student

STAGES = ("teacher", "student of one step", "student of three steps")


class Killed(BaseException):
    """What a kill looks like from inside."""


class Recorder(Listener):
    """Keeps the losses of every step, and dies after `last`."""

    def __init__(self, last=None):
        self.losses, self.last = [], last

    def stepped(self, step, losses):
        self.losses.append(losses)
        if step == self.last:
            raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("which", STAGES)
def test_a_killed_stage_goes_on_to_the_bit(which, squares, tmp_path):
    unbroken = Recorder()
    whole = run_stage(
        start(which), squares[:2], squares[2:], SETTINGS, tmp_path / "whole", {}, listener=unbroken
    )
    with pytest.raises(Killed):
        run_stage(
            start(which), squares[:2], squares[2:], SETTINGS, tmp_path / "broken", {}, listener=Recorder(2)
        )
    again, resumed = start(which), Recorder()
    torch.manual_seed(987654)  # a new process has other global numbers
    run_stage(again, squares[:2], squares[2:], SETTINGS, tmp_path / "broken", {}, listener=resumed)
    assert resumed.losses == unbroken.losses[2:]
    expected, found = tensors_of(whole), tensors_of(again)
    assert set(found) == set(expected)
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []
    assert (again.step, again.best) == (whole.step, whole.best)
    assert again.history["scores"] == whole.history["scores"]
    assert [row["step"] for row in again.history["losses"]] == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_finished_stage_does_nothing_more(squares, tmp_path):
    run_stage(start("student"), squares[:2], squares[2:], SETTINGS, tmp_path, {})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    listener = Recorder()
    state = run_stage(start("student"), squares[:2], squares[2:], SETTINGS, tmp_path, {}, listener=listener)
    assert (state.step, listener.losses) == (4, [])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.fixture
def run(squares, tmp_path):
    return make_run(squares[:2], [], SETTINGS, tmp_path, {})


def test_there_is_nothing_to_resume_in_an_empty_folder(run):
    assert not load_state(run, start("student"))


def test_the_state_of_another_stage_or_teacher_is_refused(run):
    save_state(run, start("student"))
    with pytest.raises(TrainingError, match=r"'stage': 'student'.*place of its own"):
        load_state(run, start("teacher"))
    other = make_teacher()
    with torch.no_grad():
        other.decoder.classify.weight.add_(1e-3)
    with pytest.raises(TrainingError, match="'teacher': "):
        load_state(run, start_student(other, tiny_student(), SETTINGS))


def test_the_state_of_other_settings_is_refused_with_their_names(run):
    save_state(run, start("student"))
    other = dataclasses.replace(run, settings=dataclasses.replace(SETTINGS, seed=3, steps=9, log_every=7))
    with pytest.raises(TrainingError, match="another run: seed is 3, was 0; steps is 9, was 4; give"):
        load_state(other, start("student"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"diffusion.bit_scale": 1.0}, "diffusion.bit_scale is 1.0, was 0.3"),
        ({"diffusion.steps": 3}, "diffusion.steps is 3, was 1"),
        ({"decoder.feedforward": 48}, "decoder.feedforward is 48, was 32"),
        ({"encoder.drop_path": 0.3}, r"encoder.drop_path is 0.3, was 0\.0"),
    ],
)
def test_the_state_of_another_network_is_refused_even_where_its_tensors_fit(run, changes, message):
    save_state(run, start_on_labels(tiny_student(), SETTINGS))
    with pytest.raises(TrainingError, match=f"another network: {message}"):
        load_state(run, start_on_labels(with_settings(tiny_student(), changes), SETTINGS))


def test_an_encoder_that_was_kept_is_not_trained_when_a_run_goes_on(run):
    kept = start_on_labels(tiny_student(), SETTINGS, encoder=SGDDiff(tiny_student()))
    save_state(run, kept)
    with pytest.raises(TrainingError, match="'trains_encoder': False"):
        load_state(run, start_on_labels(tiny_student(), SETTINGS))


@pytest.mark.slow
def test_rows_of_losses_are_those_of_an_unbroken_run_wherever_it_was_killed(squares, tmp_path):
    settings = dataclasses.replace(SETTINGS, log_every=2, validate_every=4)
    whole = run_stage(start("student"), squares[:2], squares[2:], settings, tmp_path / "whole", {})
    with pytest.raises(Killed):
        run_stage(
            start("student"),
            squares[:2],
            squares[2:],
            settings,
            tmp_path / "broken",
            {},
            listener=Recorder(3),
        )
    again = run_stage(start("student"), squares[:2], squares[2:], settings, tmp_path / "broken", {})
    rows = [[(row["step"], row["loss"]) for row in state.history["losses"]] for state in (whole, again)]
    assert rows[0] == rows[1]


def test_the_state_of_other_pictures_is_refused(run, squares, tmp_path):
    save_state(run, start("student"))
    with pytest.raises(TrainingError, match="the training pictures or their weights are others"):
        load_state(make_run(squares, [], SETTINGS, tmp_path, {}), start("student"))


def _repainted(pair):
    pixels = pair.pixels.copy()
    pixels[2, -1, -1] ^= 1
    return dataclasses.replace(pair, pixels=pixels)


def _relabelled(pair):
    """With as many salient pixels, in other places."""
    return dataclasses.replace(pair, mask=pair.mask[::-1, ::-1].copy())


@pytest.mark.parametrize("changed", [_repainted, _relabelled])
def test_the_state_of_pictures_that_changed_under_their_names_is_refused(run, changed, squares, tmp_path):
    save_state(run, start("student"))
    other = changed(squares[1])
    assert (other.name, other.mask.sum()) == (squares[1].name, squares[1].mask.sum())
    assert (other.pixels != squares[1].pixels).any() or (other.mask != squares[1].mask).any()
    with pytest.raises(TrainingError, match="the training pictures or their weights are others"):
        load_state(make_run([squares[0], other], [], SETTINGS, tmp_path, {}), start("student"))


def test_a_state_goes_on_with_the_same_pixels_however_they_lie_in_memory(run, squares, tmp_path):
    save_state(run, start("student"))
    turned = [dataclasses.replace(each, pixels=np.asfortranarray(each.pixels)) for each in squares[:2]]
    assert load_state(make_run(turned, [], SETTINGS, tmp_path, {}), start("student"))


def test_the_pictures_are_read_for_their_digest_once_however_often_a_state_is_saved(run, monkeypatch):
    calls = []
    monkeypatch.setattr(models.run, "data_digest", lambda source: calls.append(source) or "a digest")
    for _ in range(3):
        save_state(run, start("student"))
    assert load_state(run, start("student"))
    assert calls == [run.source]


@pytest.mark.parametrize("keep", [0, 100, 5000, -10])
def test_a_damaged_state_is_refused_with_its_name(keep, run, tmp_path):
    save_state(run, start("student"))
    path = tmp_path / STATE_NAME
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TrainingError, match=r"state\.train cannot be read"):
        load_state(run, start("student"))
