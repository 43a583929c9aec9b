import copy
import math

import pytest
import torch

from models.abreast import Abreast, Batch, Lane
from models.crops import CropSettings
from models.device_crops import draw_sheet, make_crops, to_device
from models.hints import PlainLoss
from models.losses import PLAIN
from models.training import TrainSettings, learning_rate

CROPS = CropSettings(crop_px=64)
SETTINGS = TrainSettings(steps=12, batch=2, rate=2e-3, warmup=2, crops=CROPS)


class Small(torch.nn.Module):
    """A network with `logits`, as the rivals have."""

    def __init__(self):
        super().__init__()
        self.convolve = torch.nn.Conv2d(3, 1, 3, padding=1)

    def logits(self, pixels):
        return self.convolve(pixels / 255)


def _small(seed=0):
    torch.manual_seed(seed)
    return Small()


def _plain(name, network, settings=SETTINGS):
    return Lane(name, network, PlainLoss(network, PLAIN), settings)


def _run(lanes, squares, steps=12, log_every=4):
    abreast = Abreast(lanes, to_device(squares, "cpu"), CROPS, 2, 0)
    return abreast.run(lambda taken, seconds: steps, log_every)


def test_a_network_learns_and_its_average_follows(squares):
    lane = _plain("one", _small())
    before = copy.deepcopy(lane.network.state_dict())
    assert _run([lane], squares) == 12
    for name, weight in lane.network.state_dict().items():
        assert not torch.equal(weight, before[name])
        gap = (lane.average.state_dict()[name] - weight).abs().max()
        assert 0 < float(gap) < float((weight - before[name]).abs().max())


def test_networks_side_by_side_learn_what_each_would_alone(squares):
    together = [_plain("a", _small(1)), _plain("b", _small(2))]
    _run(together, squares)
    for seed, lane in zip((1, 2), together, strict=True):
        alone = _plain("alone", _small(seed))
        _run([alone], squares)
        for ours, theirs in zip(lane.network.parameters(), alone.network.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_steps_are_those_of_adamw_with_the_warm_up_and_the_decay(squares):
    lane, wanted = _plain("one", _small()), _small()
    _run([lane], squares, steps=12, log_every=12)
    pictures = to_device(squares, "cpu")
    plain = torch.optim.AdamW(
        [
            {"params": [p for p in wanted.parameters() if p.dim() > 1], "weight_decay": SETTINGS.decay},
            {"params": [p for p in wanted.parameters() if p.dim() == 1], "weight_decay": 0.0},
        ]
    )
    for step in range(12):
        for group in plain.param_groups:
            group["lr"] = learning_rate(step, SETTINGS)
        plain.zero_grad()
        PlainLoss(wanted, PLAIN)(
            Batch(*make_crops(pictures, draw_sheet(pictures, 2, CROPS, 0, step)))
        ).backward()
        torch.nn.utils.clip_grad_norm_(wanted.parameters(), SETTINGS.clip)
        plain.step()
    for ours, theirs in zip(lane.network.parameters(), wanted.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_the_end_can_move_and_the_rate_falls_to_it(squares):
    lane = _plain("one", _small())
    ends = iter([40, 9, 9, 9])
    taken = Abreast([lane], to_device(squares, "cpu"), CROPS, 2, 0).run(lambda t, s: next(ends), 4)
    assert taken == 9
    assert lane.settings.steps == 9


def test_a_step_whose_gradient_is_no_number_is_left_out(squares):
    lane = _plain("one", _small())
    lane.loss = lambda batch: lane.network.logits(batch.pixels).mean() * math.nan
    before = copy.deepcopy(lane.network.state_dict())
    pixels, mask = make_crops(
        to_device(squares, "cpu"), draw_sheet(to_device(squares, "cpu"), 2, CROPS, 0, 0)
    )
    lane.step(Batch(pixels, mask), 0)
    assert float(lane.skipped) == 1
    for name, weight in lane.network.state_dict().items():
        assert torch.equal(weight, before[name])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_a_captured_step_learns_what_the_step_as_written_does(squares):
    pictures, settings = to_device(squares, "cuda"), SETTINGS
    lanes = [Lane(n, net, PlainLoss(net, PLAIN), settings) for n, net in
             (("graph", _small().cuda()), ("eager", _small().cuda()))]  # fmt: skip
    abreast = Abreast(lanes, pictures, CROPS, 2, 0)
    assert lanes[0].graph is not None
    lanes[1].graph = None
    abreast.run(lambda t, s: 12, 4)
    for ours, theirs in zip(lanes[0].network.parameters(), lanes[1].network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-4)
