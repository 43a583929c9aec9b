"""Half precision: what is in it and what is not, how near it stays, and what it must not break on."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from PIL import Image

from models.checkpoint import load_checkpoint
from models.precision import PRECISIONS, choose_precision, lower_precision
from models.predictor import describe_predictor, load_predictor, prepare_network
from models.presets import preset
from models.sgddiff import SGDDiff
from models.sod_metrics import score_map

CPU = torch.device("cpu")
GOLDEN = "tests/golden/checkpoint"
HALF = ("bf16", "fp16")
NEAR = {"bf16": 0.03, "fp16": 0.004}
"""How far the saliency of random weights may be from that in float32, on the mean of a picture."""
KEPT = ("noise_field", "embedding", "time.", "alpha", "gamma", "beta", "A_log", ".D", "step_bias")
LAST = ("decoder.classify", "refine_head.logit")


def network(name: str, precision: str) -> SGDDiff:
    torch.manual_seed(0)
    return prepare_network(SGDDiff(preset(name)), CPU, precision)


@pytest.mark.parametrize("name", ["tiny", "student", "student-fine", "student-paper"])
@pytest.mark.parametrize("precision", HALF)
def test_weights_are_halved_but_for_those_that_must_be_exact(name, precision):
    with torch.device("meta"):
        lowered = lower_precision(SGDDiff(preset(name)), precision)
    for key, tensor in lowered.state_dict().items():
        is_kept = any(part in f"{key}." or key.endswith(part) for part in KEPT) or key.startswith(LAST)
        if ".stem" not in f".{key}":  # whose norms are folded first
            assert (tensor.dtype == torch.float32) == is_kept, key


def test_float32_is_left_as_it_is(tiny):
    before = copy.deepcopy(tiny.state_dict())
    assert lower_precision(tiny, "fp32") is tiny
    assert all(torch.equal(before[key], tensor) for key, tensor in tiny.state_dict().items())


@pytest.mark.parametrize("name", ["tiny", "student-fine"])
@pytest.mark.parametrize("precision", HALF)
def test_maps_are_in_half_precision_and_saliency_is_not(name, precision):
    net, seen = network(name, precision), {}
    for key, module in net.named_modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.GroupNorm):
            module.register_forward_hook(lambda _, __, out, key=key: seen.update({key: out.dtype}))
    with torch.inference_mode():
        saliency = net(torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8))
    assert saliency.dtype == torch.float32
    assert {key for key, dtype in seen.items() if dtype == torch.float32} == set(LAST)
    assert {dtype for key, dtype in seen.items() if key not in LAST} == {PRECISIONS[precision]}


@pytest.mark.parametrize("name", ["tiny", "student-fine"])
@pytest.mark.parametrize("precision", HALF)
def test_half_precision_stays_near_float32(name, precision):
    pixels = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.inference_mode():
        exact, half = (network(name, kind)(pixels) for kind in ("fp32", precision))
    assert 0 < (exact - half).abs().mean() < NEAR[precision]


def extreme_tiles() -> torch.Tensor:
    """Black, white, one red pixel, a chessboard of extremes, and noise of extremes: (5, 3, 64, 64)."""
    tiles = torch.zeros(5, 3, 64, 64, dtype=torch.uint8)
    tiles[1] = 255
    tiles[2, 0, 20, 30] = 255
    tiles[3] = (torch.arange(64)[:, None] + torch.arange(64)).remainder(2) * 255
    tiles[4] = torch.randint(0, 2, (3, 64, 64)) * 255
    return tiles


@pytest.mark.parametrize("name", ["bundled", "bundled-lite0"])
@pytest.mark.parametrize("precision", HALF)
def test_extreme_tiles_give_numbers_as_in_float32(name, precision):
    tiles = extreme_tiles()
    nets = (prepare_network(load_checkpoint(name).network, CPU, kind) for kind in ("fp32", precision))
    with torch.inference_mode():
        exact, half = (net(tiles) for net in nets)
    assert torch.isfinite(half).all()
    assert (exact - half).abs().mean() < NEAR[precision]


@pytest.mark.parametrize("precision", HALF)
def test_several_steps_and_a_carried_state_work_in_half_precision(precision):
    net = network("tiny", precision)
    pixels = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        state = net.encode(pixels).state
        again = net.encode(pixels, state)
        assert torch.isfinite(net(pixels, steps=3)).all()
    assert {part.dtype for pair in again.state for part in pair} == {PRECISIONS[precision]}


def test_a_tile_has_the_same_bytes_alone_and_among_others_in_half_precision():
    tiles = extreme_tiles().numpy()
    origins = np.zeros((5, 2), np.int64)
    predictor = load_predictor(GOLDEN, "cpu", 4, precision="bf16")
    together = predictor.predict_tiles(tiles, origins)
    alone = [predictor.predict_tiles(tiles[k : k + 1], origins[:1])[0] for k in range(5)]
    predictor.close()
    assert np.array_equal(together, np.stack(alone))


def test_auto_is_float32_on_a_cpu_and_fp16_on_a_gpu():
    assert [choose_precision("auto", device) for device in ("cpu", "cuda")] == ["fp32", "fp16"]
    assert choose_precision("bf16", "cuda") == "bf16"
    with pytest.raises(ValueError, match=r"auto, fp32, bf16, fp16, found 'fp8'"):
        choose_precision("fp8", "cpu")
    with pytest.raises(ValueError, match=r"model\.precision"):
        load_predictor(GOLDEN, "cpu", precision="half")


def test_the_run_key_has_the_precision_where_it_is_not_float32():
    plain = describe_predictor(GOLDEN, "cpu")
    assert "precision" not in plain
    assert describe_predictor(GOLDEN, "cpu", precision="auto") == plain
    assert describe_predictor(GOLDEN, "cpu", precision="bf16") == {**plain, "precision": "bf16"}
    assert describe_predictor(GOLDEN, "cuda", precision="auto")["precision"] == "fp16"


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("precision", HALF)
def test_scores_of_real_pictures_stay_within_a_thousandth(data_root, precision):
    folder, scores = data_root / "VHR10-SOD", {"fp32": [], precision: []}
    nets = {kind: prepare_network(load_checkpoint("bundled").network, CPU, kind) for kind in scores}
    for path in sorted((folder / "test-images").iterdir())[::12]:
        with Image.open(folder / "test-labels" / f"{path.stem}.png") as opened:
            label = np.asarray(opened.convert("L")) > 127
        rows, columns = (slice(max(0, int(at.mean()) - 200), int(at.mean()) + 200) for at in label.nonzero())
        with Image.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB"))[rows, columns].transpose(2, 0, 1)[None].copy()
        label = label[rows, columns]
        for kind, net in nets.items():
            with torch.inference_mode():
                saliency = net(torch.from_numpy(pixels))[0, 0]
            scores[kind].append(score_map((saliency * 255).round().byte().numpy(), label))
    for measure in ("s", "mae"):
        exact, half = (np.mean([getattr(row, measure) for row in rows]) for rows in scores.values())
        assert half == pytest.approx(exact, abs=1e-3)
