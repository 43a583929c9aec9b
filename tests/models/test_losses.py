import itertools

import numpy as np
import pytest
import torch

from models.losses import (
    LossWeights,
    binary_cross_entropy,
    edge_weighted_loss,
    saliency_losses,
    soft_iou_loss,
    total,
)


def test_soft_iou_of_an_empty_mask_and_an_empty_prediction_is_zero_and_has_a_gradient():
    logits = torch.full((2, 1, 4, 4), -20.0, requires_grad=True)
    loss = soft_iou_loss(logits, torch.zeros(2, 1, 4, 4))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_soft_iou_follows_its_formula_a_picture():
    logits, mask = torch.randn(2, 1, 3, 3), (torch.rand(2, 1, 3, 3) > 0.5).float()
    p = torch.sigmoid(logits)
    each = []
    for i in range(2):
        both = float((p[i] * mask[i]).sum())
        each.append(1 - (both + 1) / (float(p[i].sum()) + float(mask[i].sum()) - both + 1))
    assert float(soft_iou_loss(logits, mask)) == pytest.approx(np.mean(each), abs=1e-6)


def test_bce_is_the_mean_of_the_textbook_formula():
    logits, mask = torch.randn(2, 1, 3, 3), (torch.rand(2, 1, 3, 3) > 0.5).float()
    p = torch.sigmoid(logits)
    expected = -(mask * p.log() + (1 - mask) * (1 - p).log()).mean()
    torch.testing.assert_close(binary_cross_entropy(logits, mask), expected)


def test_the_sum_weighs_every_named_loss():
    losses = saliency_losses(torch.randn(1, 1, 16, 16), torch.randn(1, 2, 2, 2), torch.ones(1, 1, 16, 16))
    assert set(losses) == {"bce", "iou", "coarse_bce", "coarse_iou"}
    weights = LossWeights(bce=1, iou=2, coarse_bce=3, coarse_iou=0)
    expected = losses["bce"] + 2 * losses["iou"] + 3 * losses["coarse_bce"]
    torch.testing.assert_close(total(losses, weights), expected)


def test_the_coarse_losses_are_those_of_two_class_logits():
    coarse, target = torch.randn(1, 2, 2, 2), (torch.rand(1, 1, 8, 8) > 0.5).float()
    share = torch.nn.functional.avg_pool2d(target, 4)
    log_p = coarse.log_softmax(1)
    expected = -(share * log_p[:, 1:] + (1 - share) * log_p[:, :1]).mean()
    torch.testing.assert_close(
        saliency_losses(torch.randn(1, 1, 8, 8), coarse, target)["coarse_bce"], expected
    )


def test_the_edge_weighted_loss_is_the_formula_of_f3net_summed_pixel_by_pixel():
    logits, mask = torch.randn(2, 1, 20, 24), torch.zeros(2, 1, 20, 24)
    mask[0, :, 3:9, 4:17] = 1
    bce, inter, union, weights = (torch.zeros(2) for _ in range(4))
    for b, y, x in itertools.product(range(2), range(20), range(24)):
        window = mask[b, 0, max(0, y - 15) : y + 16, max(0, x - 15) : x + 16]
        g, p = mask[b, 0, y, x], logits[b, 0, y, x].sigmoid()
        w = 1 + 5 * (window.mean() - g).abs()
        bce[b] += w * -(g * p.log() + (1 - g) * (1 - p).log())
        inter[b] += w * p * g
        union[b] += w * (p + g)
        weights[b] += w
    expected = (bce / weights + 1 - (inter + 1) / (union - inter + 1)).mean()
    torch.testing.assert_close(edge_weighted_loss(logits, mask), expected)


def test_the_edge_weighted_loss_is_there_where_it_weighs_something_and_is_zero_for_a_perfect_map():
    maps = torch.randn(1, 1, 16, 16), torch.randn(1, 2, 2, 2), torch.ones(1, 1, 16, 16)
    assert "edges" not in saliency_losses(*maps)
    weights = LossWeights(edges=2.0)
    losses = saliency_losses(*maps, weights)
    plain = total({name: loss for name, loss in losses.items() if name != "edges"}, weights)
    torch.testing.assert_close(total(losses, weights), plain + 2 * losses["edges"])
    for mask in (torch.zeros(1, 1, 40, 40), torch.nn.functional.pad(torch.ones(1, 1, 9, 9), (8, 23, 20, 11))):
        assert edge_weighted_loss(60 * mask - 30, mask) < 1e-4
