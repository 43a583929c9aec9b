"""A network on kernels of our own: what they take of it, that it computes the same, where they are used."""

from __future__ import annotations

import copy
import importlib.util
import os

import pytest
import torch

from models.config import with_settings
from models.decoder import DeformableAttention
from models.encoder import SS2D
from models.fused import Depthwise, choose_kernels, is_depthwise, use_kernels
from models.predictor import describe_predictor, prepare_network
from models.presets import preset
from models.sgddiff import SGDDiff
from models.stem import ConvNorm, FoldedConv

# The interpreter counts a loop with arrays of one number.
pytestmark = pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")

CPU = torch.device("cpu")
GOLDEN = "tests/golden/checkpoint"


@pytest.fixture
def _interpreted(monkeypatch):
    pytest.importorskip("triton", reason="Triton is not installed: pip install triton")
    if os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("Triton was not told to interpret: TRITON_INTERPRET=1")
    from models.kernels import scanning

    monkeypatch.setattr(scanning, "STEPS", 4)  # the interpreter goes step by step


@pytest.mark.usefixtures("_interpreted")
@pytest.mark.parametrize("name", ["student", "student-fine", "student-paper", "tiny"])
def test_nothing_that_a_kernel_can_do_is_left(name):
    with torch.device("meta"):
        network = prepare_network(SGDDiff(preset(name)), torch.device("meta"), kernels="triton")
    modules = list(network.modules())
    assert sum(isinstance(module, Depthwise) for module in modules) > 4
    assert not any(isinstance(m, torch.nn.Conv2d | FoldedConv) and is_depthwise(m) for m in modules)
    assert all(module.scan_map is not None for module in modules if isinstance(module, SS2D))
    attends = {module.attend.__name__ for module in modules if isinstance(module, DeformableAttention)}
    assert attends == {"deformable_sample"}


@pytest.mark.parametrize(("kernel", "stride", "before"), [(3, 1, 1), (5, 1, 2), (3, 2, 0), (5, 2, 1)])
def test_the_weights_of_a_stem_are_taken_without_their_zeros_and_lie_as_they_are_read(kernel, stride, before):
    layer = FoldedConv(ConvNorm(6, 6, kernel, stride, groups=6))
    part = Depthwise(layer)
    assert part.weight.shape == (6, 1, kernel, kernel)
    assert torch.equal(part.weight, layer.weight[..., -kernel:, -kernel:])
    assert part.weight.reshape(6, -1).t().data_ptr() == part.weight.data_ptr()
    assert part.weight.reshape(6, -1).t().is_contiguous()
    assert (part.stride, part.before) == (stride, before)


@pytest.mark.usefixtures("_interpreted")
@pytest.mark.parametrize(
    "settings",
    [{}, {"encoder.scan": "ssd", "encoder.d_state": 2}, {"encoder.gated": True, "encoder.d_state": 3}],
    ids=str,
)
def test_the_network_computes_the_same(settings):
    small = {"decoder.layers": 1, "encoder.gdb": False, **settings}
    network = SGDDiff(with_settings(preset("tiny"), small))
    plain = prepare_network(copy.deepcopy(network), CPU)
    ours = prepare_network(network, CPU, kernels="triton")
    pixels = torch.randint(0, 256, (1, 3, 16, 32), dtype=torch.uint8)
    with torch.inference_mode():
        expected, found = plain(pixels), ours(pixels)
    assert not torch.equal(expected, torch.full_like(expected, float(expected[0, 0, 0, 0])))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("_interpreted")
def test_the_network_computes_the_same_in_half_precision():
    network = SGDDiff(with_settings(preset("tiny"), {"decoder.layers": 1, "encoder.gdb": False}))
    plain = prepare_network(copy.deepcopy(network), CPU)
    ours = prepare_network(network, CPU, "fp16", "triton")
    pixels = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(ours(pixels), plain(pixels), rtol=0, atol=1e-2)


def test_kernels_are_for_cuda_alone_and_in_the_run_key_there():
    assert choose_kernels("triton", "cpu") == "torch"
    assert choose_kernels("triton", "cuda") == "triton"
    with pytest.raises(ValueError, match=r"model\.kernels must be torch or triton, found 'cudnn'"):
        choose_kernels("cudnn", "cuda")
    assert describe_predictor(GOLDEN, "cpu", kernels="triton") == describe_predictor(GOLDEN, "cpu")
    plain = describe_predictor(GOLDEN, "cuda")
    assert describe_predictor(GOLDEN, "cuda", kernels="triton") == {**plain, "kernels": "triton"}


def test_without_triton_the_other_way_is_named(tiny, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install triton, or use torch"):
        use_kernels(tiny, "triton")
    assert use_kernels(tiny, "torch") is tiny


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_on_a_gpu_the_kernels_give_the_saliency_of_pytorchs(tiny, precision):
    cuda = torch.device("cuda")
    plain = prepare_network(copy.deepcopy(tiny), cuda, precision)
    ours = prepare_network(tiny, cuda, precision, "triton")
    pixels = torch.randint(0, 256, (2, 3, 96, 64), dtype=torch.uint8, device=cuda)
    with torch.inference_mode():
        limit = 1e-4 if precision == "fp32" else 2e-2
        torch.testing.assert_close(ours(pixels), plain(pixels), rtol=0, atol=limit)
