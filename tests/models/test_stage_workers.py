"""Two workers that average their gradients (gloo) train as one with the whole batch does."""

import dataclasses

import pytest
import torch
from torch import distributed

from models.crops import draw_batch
from models.stages import stage_step

from .test_stages import SETTINGS, TEACHER, _shapes, make_teacher, start_student, start_teacher, tiny_student

WORKERS, BATCH, STEPS = 2, 4, 3


def train_a_share(rank, workers, group_file, results, which):
    """What each worker does: its share of every batch, and the mean of all workers' losses."""
    torch.set_num_threads(1)
    settings = dataclasses.replace(SETTINGS, batch=BATCH, steps=STEPS)
    state = (
        start_teacher(TEACHER, settings)
        if which == "teacher"
        else start_student(make_teacher(), tiny_student(3), settings)
    )
    distributed.init_process_group("gloo", f"file://{group_file}", rank=rank, world_size=workers)
    wrapped = torch.nn.parallel.DistributedDataParallel(state.stage)
    share = BATCH // workers
    first, pairs, rows = rank * share, _shapes(4), []
    for step in range(STEPS):
        pixels, mask = (x[first : first + share] for x in draw_batch(pairs, BATCH, settings.crops, 0, step))
        losses = stage_step(state, pixels, mask, settings, first, wrapped)
        row = torch.tensor([losses[name] for name in sorted(losses)])
        distributed.all_reduce(row)
        rows.append(row / workers)
    if rank == 0:
        torch.save(torch.stack(rows), results)
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("which", ["teacher", "student of three steps"])
def test_two_workers_give_the_losses_of_one_with_the_same_global_batch(which, tmp_path):
    found = {}
    for workers in (1, WORKERS):
        results = tmp_path / f"{workers}.pt"
        arguments = (workers, str(tmp_path / f"group{workers}"), str(results), which)
        torch.multiprocessing.spawn(train_a_share, arguments, nprocs=workers)
        found[workers] = torch.load(results, weights_only=True)
    torch.testing.assert_close(found[WORKERS], found[1], rtol=1e-4, atol=1e-6)
