import dataclasses

import pytest
import torch
from torch.nn import functional as fn

from models.config import EncoderConfig
from models.encoder import SS2D, VDEncoder, VMRNNCell, initial_step_bias
from models.layers import GDB
from models.presets import preset
from models.scan import cross_merge, cross_scan, selective_scan_loop

CONFIG = EncoderConfig(dims=(16,), depths=(1,))


@pytest.mark.parametrize(
    "changes",
    [{}, {"d_state": 4, "expand": 2, "gated": True}, {"scan": "ssd", "d_state": 8}, {"norm": "layernorm"}],
)
def test_every_kind_of_ss2d_keeps_the_shape_and_has_gradients_everywhere(changes):
    layer = SS2D(16, dataclasses.replace(CONFIG, **changes))
    layer(torch.randn(2, 16, 6, 5)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


def test_ss2d_is_four_selective_scans_merged():
    layer, x = SS2D(16, dataclasses.replace(CONFIG, d_state=3)), torch.randn(2, 16, 4, 6)
    features = fn.silu(layer.spatial(layer.project_in(x)))
    outputs = []
    for k, sequence in enumerate(cross_scan(features).unbind(1)):
        step, B, C = (sequence @ layer.project_scan[k]).split([1, 3, 3], -1)
        delta = (step @ layer.project_step[k]).transpose(1, 2)
        B, C = (v.transpose(1, 2)[:, None] for v in (B, C))
        A = -torch.exp(layer.A_log[k])
        y = selective_scan_loop(sequence.transpose(1, 2), delta, A, B, C, layer.D[k], layer.step_bias[k])
        outputs.append(y.transpose(1, 2))
    expected = layer.project_out(layer.norm(cross_merge(torch.stack(outputs, 1), 4, 6)))
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_the_initial_steps_lie_between_a_thousandth_and_a_tenth():
    steps = fn.softplus(initial_step_bias(1000))
    assert float(steps.min()) > 0.99e-3
    assert float(steps.max()) < 0.101


def test_the_initial_decays_are_one_to_n():
    A = torch.exp(SS2D(16, dataclasses.replace(CONFIG, d_state=4)).A_log)
    torch.testing.assert_close(A, torch.arange(1.0, 5).expand(4, 16, 4))


def test_the_cell_follows_its_equations():
    cell = VMRNNCell(16, CONFIG).eval()
    x, h, c = (torch.randn(1, 16, 4, 4) for _ in range(3))
    u = cell.mix(torch.cat([cell.norm(x), cell.norm(h)], 1))
    o = x + cell.scan(u)
    gate = torch.sigmoid(o)
    expected_c = gate * (c + torch.tanh(o))
    new_h, new_c = cell(x, (h, c))
    torch.testing.assert_close(new_c, expected_c)
    torch.testing.assert_close(new_h, gate * torch.tanh(expected_c))


def _encoder(**changes):
    config = EncoderConfig(dims=(16, 24), depths=(2, 1), **changes)
    return VDEncoder(config, {2: 4, 4: 8, 8: 12}, 8).eval()


def _stem_maps():
    return {8: torch.randn(2, 12, 8, 6)}


def test_stages_halve_the_size_and_return_their_state():
    features, state = _encoder()(_stem_maps())
    assert [tuple(f.shape) for f in features] == [(2, 16, 8, 6), (2, 24, 4, 3)]
    assert [tuple(part.shape) for pair in state for part in pair] == [(2, 16, 8, 6)] * 2 + [(2, 24, 4, 3)] * 2


def test_the_state_of_one_date_changes_the_features_of_the_next():
    encoder, maps = _encoder(), _stem_maps()
    alone, state = encoder(maps)
    chained, _ = encoder(maps, state)
    assert all(not torch.allclose(a, b) for a, b in zip(alone, chained, strict=True))


def test_without_carrying_the_stages_share_no_state():
    carrying, apart, maps = _encoder(carry_state=True), _encoder(carry_state=False), _stem_maps()
    assert not list(apart.state_down.parameters())
    loaded = apart.load_state_dict(carrying.state_dict(), strict=False)
    assert {name.split(".")[0] for name in loaded.unexpected_keys} == {"state_down"}
    assert not loaded.missing_keys
    assert not torch.equal(carrying(maps)[0][1], apart(maps)[0][1])
    with torch.no_grad():
        carrying.state_down[0].weight.zero_()
    assert not torch.equal(carrying(maps)[0][1], apart(maps)[0][1]), "blocks carry too"


def test_the_paper_presets_build_their_stages_from_stride_four():
    assert preset("student-paper").stride == 4
    assert preset("teacher-paper").diffusion.steps == 10
    assert preset("teacher-paper").diffusion.trajectories == 5


@pytest.mark.parametrize(("first", "gated"), [(0, 3), (1, 2), (2, 1), (3, 0)])
def test_gated_blocks_begin_at_the_stage_that_is_named(first, gated):
    config = EncoderConfig(dims=(8, 16, 24), gdb_from=first)
    encoder = VDEncoder(config, {8: 4, 16: 4, 32: 4}, 8)
    assert sum(isinstance(m, GDB) for m in encoder.modules()) == gated
    features, _ = encoder({s: torch.randn(1, 4, 64 // s, 64 // s) for s in (8, 16, 32)})
    assert [tuple(f.shape) for f in features] == [(1, 8, 8, 8), (1, 16, 4, 4), (1, 24, 2, 2)]
