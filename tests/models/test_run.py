"""A training from its first step to its last: killed, it goes on to the bit; what it keeps, and when."""

import dataclasses

import numpy as np
import pytest
import torch

from models.checkpoint import load_checkpoint, tensor_digest
from models.config import with_settings
from models.run import STATE_NAME, Listener, data_digest, load_state, save_state, shown, train, validate
from models.sgddiff import SGDDiff
from models.sod_metrics import ScoreSums, score_map
from models.stages import start_on_labels, start_student
from models.storage import FolderStorage
from models.training import TrainingError

from .stage_examples import (
    SETTINGS,
    make_run,
    make_teacher,
    run_stage,
    start,
    tensors_of,
    tiny_student,
)

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


@pytest.mark.parametrize("keep", [0, 100, 5000, -10])
def test_a_damaged_state_is_refused_with_its_name(keep, run, tmp_path):
    save_state(run, start("student"))
    path = tmp_path / STATE_NAME
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TrainingError, match=r"state\.train cannot be read"):
        load_state(run, start("student"))


def test_a_student_is_trained_from_the_teachers_checkpoint_and_stands_alone(squares, tmp_path):
    run_stage(start("teacher"), squares[:2], squares[2:], SETTINGS, tmp_path / "t", {"name": "squares"})
    teacher = load_checkpoint(tmp_path / "t" / "last")
    assert teacher.training["stage"] == "teacher"
    config = with_settings(tiny_student(), {"encoder.drop_path": 0.4})
    state = start_student(teacher.network, config, SETTINGS)
    run_stage(state, squares[:2], squares[2:], SETTINGS, tmp_path / "s", {"name": "squares"})
    student = load_checkpoint(tmp_path / "s" / "last")
    assert student.training["teacher"] == teacher.digest
    assert student.training["step"] == 4
    assert student.network.config == config
    assert load_checkpoint(tmp_path / "s" / "best").data == {"name": "squares"}
    assert [row["step"] for row in state.history["scores"]] == [2, 4]
    assert [row["step"] for row in state.history["losses"]] == [1, 2, 3, 4]
    pixels = torch.from_numpy(squares[0].pixels)[None]
    with torch.inference_mode():
        assert torch.equal(student.network(pixels), state.average.eval()(pixels))


def test_a_run_without_validation_pictures_has_a_last_checkpoint_and_no_best_one(squares, tmp_path):
    run_stage(start("student"), squares, [], SETTINGS, tmp_path, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last", "state.train"]


def test_validation_may_take_fewer_steps_than_the_network():
    network = make_teacher()
    assert shown(network, None) is network
    view = shown(network, (1, 1))
    assert (view.config.diffusion.steps, view.config.diffusion.trajectories) == (1, 1)
    assert tensor_digest(view.state_dict()) == tensor_digest(network.state_dict())


def test_pictures_without_objects_do_not_enter_the_scores(tiny, squares):
    empty = dataclasses.replace(squares[0], mask=np.zeros_like(squares[0].mask))
    assert validate(tiny, [*squares, empty]) == validate(tiny, squares)
    with pytest.raises(ValueError, match="no pictures"):
        validate(tiny, [empty])


def test_validation_scores_whole_pictures_as_the_predictor_maps_them(tiny, squares):
    scores = []
    for pair in squares:
        with torch.inference_mode():
            saliency = tiny(torch.from_numpy(pair.pixels)[None])[0, 0]
        scores.append(score_map((saliency * 255).round().to(torch.uint8).numpy(), pair.mask))
    assert validate(tiny, squares) == ScoreSums.over(scores).means()


class CountedReads:
    """A source that counts how often its pictures are asked for."""

    def __init__(self, source):
        self.source, self.reads = source, 0
        self.weights = source.weights

    @property
    def sets(self):
        self.reads += 1
        return self.source.sets


def test_the_pictures_are_read_for_their_digest_once_however_often_a_state_is_saved(run):
    counted = CountedReads(run.source)
    run = dataclasses.replace(run, source=counted)
    for _ in range(3):
        save_state(run, start("student"))
    assert load_state(run, start("student"))
    assert counted.reads == 1


class Clocked(Listener):
    """A clock on which every step takes ten seconds; keeps the rows that it is told."""

    def __init__(self):
        self.steps, self.rows = 0, []

    def stepped(self, step, losses):
        self.steps = step

    def logged(self, row):
        self.rows.append(row)

    def __call__(self):
        return 10.0 * self.steps


class CountedWrites(FolderStorage):
    """Keeps the names of what is written."""

    def __init__(self, folder):
        super().__init__(folder)
        self.names = []

    def write(self, name, data):
        self.names.append(name)
        super().write(name, data)


def test_a_state_is_saved_when_its_time_has_come_and_at_the_end(squares, tmp_path):
    clock, storage = Clocked(), CountedWrites(tmp_path)
    settings = dataclasses.replace(SETTINGS, steps=6, validate_every=6, save_every_s=25.0)
    run = make_run(squares[:2], [], settings, tmp_path, {}, listener=clock, clock=clock)
    train(start("student"), dataclasses.replace(run, storage=storage))
    # The clock stands at 30 s when the fourth step is done, and 20 s later at the end.
    assert storage.names.count(STATE_NAME) == 2


def test_rows_tell_the_speed_and_the_time_that_is_left(squares, tmp_path):
    clock = Clocked()
    settings = dataclasses.replace(SETTINGS, steps=4, log_every=2, validate_every=4)
    train(start("student"), make_run(squares[:2], [], settings, tmp_path, {}, listener=clock, clock=clock))
    assert [row["step"] for row in clock.rows] == [2, 4]
    # After two steps the clock has counted the first alone.
    assert clock.rows[0]["pictures_per_s"] == settings.batch / (10.0 / 2)
    assert clock.rows[0]["left_s"] == 2 * 10.0 / 2
    assert clock.rows[1]["left_s"] == 0
    assert clock.rows[1]["spent_s"] == 30.0


def test_the_digest_of_the_pictures_follows_names_order_and_weights(run, squares, tmp_path):
    def digest(pairs):
        return data_digest(make_run(pairs, [], SETTINGS, tmp_path, {}).source)

    same = digest(squares)
    assert digest(list(squares)) == same
    renamed = dataclasses.replace(squares[0], name="another")
    others = [digest(squares[::-1]), digest(squares[:2]), digest([renamed, *squares[1:]])]
    assert len({same, *others}) == 4


def test_a_listener_may_leave_everything_as_it_is(squares, tmp_path):
    settings = dataclasses.replace(SETTINGS, steps=1, validate_every=1)
    state = train(start("student"), make_run(squares[:1], [], settings, tmp_path, {}, listener=Listener()))
    assert state.step == 1
