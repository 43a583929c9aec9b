"""Two workers that average their gradients (gloo) train as one with the whole batch does."""

import dataclasses

import pytest
import torch
from torch import distributed

from models.augmentation import augment
from models.config import with_settings
from models.mixing import Mix
from models.run import Listener, Run, draw_parts, train
from models.stages import start_on_labels, start_student
from models.steps import stage_step
from models.storage import FolderStorage
from models.training import TrainingError
from models.worker import TrainingWorker

from .stage_examples import (
    SETTINGS,
    TEACHER,
    make_teacher,
    shapes,
    tiny_student,
)

WORKERS = 2
SHARED = dataclasses.replace(SETTINGS, batch=4, steps=3, validate_every=3)


class Rows(Listener):
    """Keeps the losses of every step and the scores of every validation."""

    def __init__(self):
        self.losses, self.scores = [], []

    def stepped(self, step, losses):
        self.losses.append([losses[name] for name in sorted(losses)])

    def validated(self, row, state):
        self.scores.append([row[name] for name in sorted(row)])


def train_a_share(rank, workers, folder, which):
    """What each worker does; the first one writes what it was told."""
    torch.set_num_threads(1)
    if which == "student of three steps":
        state = start_student(make_teacher(), tiny_student(3), SHARED)
    else:
        carries = {"encoder.carry_state": which == "teacher"}
        state = start_on_labels(with_settings(TEACHER, carries), SHARED)
    distributed.init_process_group("gloo", f"file://{folder}/group", rank=rank, world_size=workers)
    rows, pairs = Rows(), shapes(7)
    source = Mix((pairs[:4],), (1.0,))
    storage = FolderStorage(folder / "run")
    train(state, Run(source, pairs[4:], SHARED, storage, worker=TrainingWorker(rank, workers), listener=rows))
    if rank == 0:
        torch.save((torch.tensor(rows.losses), torch.tensor(rows.scores)), folder / "rows")
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("which", ["teacher", "teacher without a state", "student of three steps"])
def test_two_workers_give_the_losses_of_one_with_the_same_global_batch(which, tmp_path):
    found = {}
    for workers in (1, WORKERS):
        folder = tmp_path / str(workers)
        folder.mkdir()
        torch.multiprocessing.spawn(train_a_share, (workers, folder, which), nprocs=workers)
        found[workers] = torch.load(folder / "rows", weights_only=True)
    for of_two, of_one in zip(found[WORKERS], found[1], strict=True):
        assert len(of_one)
        torch.testing.assert_close(of_two, of_one, rtol=1e-4, atol=1e-5)


def meet_a_loss_that_is_no_number(rank, workers, folder):
    """The second worker's picture is broken; both must stop, or the first would wait for ever."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/group", rank=rank, world_size=workers)
    state = start_on_labels(TEACHER, SHARED)
    if rank == 1:
        with torch.no_grad():
            state.network.decoder.classify.bias.fill_(float("nan"))
    worker = TrainingWorker(rank, workers)
    run = Run(Mix((shapes(2),), (1.0,)), [], SHARED, FolderStorage(folder / "run"), worker=worker)
    crops = [augment(windows) for windows in draw_parts(run, 0)]
    try:
        # Not `train`: what it wraps the stage in would give both workers the first one's weights.
        stage_step(state, crops, SHARED, worker)
    except TrainingError as error:
        (folder / f"error{rank}").write_text(str(error))
    distributed.destroy_process_group()


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_every_worker(tmp_path):
    torch.multiprocessing.spawn(meet_a_loss_that_is_no_number, (WORKERS, tmp_path), nprocs=WORKERS)
    for rank in range(WORKERS):
        assert "is not a number" in (tmp_path / f"error{rank}").read_text()
