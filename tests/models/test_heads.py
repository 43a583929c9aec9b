import pytest
import torch

from models.config import DecoderConfig
from models.decoder import RefineHead
from models.heads import PyramidHead, Smooth, build_head

STEM = {2: 4, 4: 6, 8: 10, 16: 12, 32: 14}


def _maps(side=64):
    return {s: torch.randn(1, c, side // s, side // s) for s, c in STEM.items()}


@pytest.mark.parametrize("stride", [8, 16])
def test_the_pyramid_gives_one_logit_at_stride_two(stride):
    head = PyramidHead(24, 16, 8, STEM, stride)
    assert head(torch.randn(1, 24, 64 // stride, 64 // stride), _maps()).shape == (1, 1, 32, 32)


def test_the_pyramid_reads_the_stem_at_all_finer_strides_and_no_others():
    head, x, maps = PyramidHead(24, 16, 8, STEM, 16), torch.randn(1, 24, 4, 4), _maps()
    before = head(x, maps)
    for stride in STEM:
        changed = {**maps, stride: maps[stride] + 1}
        assert torch.equal(head(x, changed), before) == (stride > 8)


def test_a_fresh_pyramid_says_that_about_a_twentieth_is_salient():
    head = PyramidHead(24, 16, 8, STEM, 16)
    with torch.no_grad():
        logits = head(torch.randn(1, 24, 4, 4), _maps())
    assert 0.02 < float(logits.sigmoid().mean()) < 0.12


def test_the_configuration_names_the_head():
    assert isinstance(build_head(DecoderConfig(), STEM, 8), RefineHead)
    assert isinstance(build_head(DecoderConfig(head="pyramid"), STEM, 16), PyramidHead)


def test_smoothing_keeps_the_size_and_is_never_negative():
    out = Smooth(6, 16)(torch.randn(1, 6, 7, 9))
    assert out.shape == (1, 16, 7, 9)
    assert float(out.detach().min()) >= 0
