"""Sizes of a network: what is refused, with which words, and what they mean."""

import pytest

from models.config import (
    ConfigError,
    DecoderConfig,
    DenoiserConfig,
    DiffusionConfig,
    EncoderConfig,
    NetworkConfig,
    StemConfig,
    with_settings,
)
from models.presets import preset


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("encoder.scan", "s5", "one of s6, ssd"),
        ("diffusion.steps", 0, "at least 1"),
        ("diffusion.steps", "three", "must be int"),
        ("decoder.heads", 7, "must divide"),
        ("stride", 32, "stride must be 4, 8 or 16"),
        ("encoder.scans", "s6", "unknown setting"),
    ],
)
def test_wrong_sizes_are_refused(setting, value, message):
    with pytest.raises(ConfigError, match=message):
        with_settings(preset("tiny"), {setting: value})


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


def test_sizes_written_before_the_pyramid_mean_what_they_meant():
    values = preset("student").to_dict()
    del values["decoder"]["head"], values["decoder"]["head_dim"], values["encoder"]["gdb_from"]
    assert NetworkConfig.from_dict(values) == preset("student")
    del values["decoder"]["dim"]
    with pytest.raises(ConfigError, match=r"missing key decoder\.dim"):
        NetworkConfig.from_dict(values)


@pytest.mark.parametrize(
    ("part", "wrong", "message"),
    [
        (StemConfig, {"kind": "resnet"}, r"stem\.kind must be one of conv, .*found 'resnet'"),
        (StemConfig, {"width": 0}, r"stem\.width must be at least 1"),
        (EncoderConfig, {"dims": (64,)}, r"encoder\.dims \(64,\) and encoder\.depths .* differ in length"),
        (EncoderConfig, {"depths": (1, 0, 1)}, r"encoder\.depths must be at least 1"),
        (EncoderConfig, {"attention_dim": 7}, r"encoder\.attention_dim \(7\) must divide .* \(64\)"),
        (EncoderConfig, {"attention_scales": (5, 4)}, "attention_scales must be odd"),
        (EncoderConfig, {"drop_path": 1.0}, r"drop_path must lie in \[0, 1\), found 1\.0"),
        (EncoderConfig, {"drop_path": float("nan")}, "drop_path must lie in"),
        (EncoderConfig, {"norm": "batchnorm"}, "encoder.norm must be one of dyt, layernorm"),
        (DenoiserConfig, {"dims": (12,)}, r"8 groups \(8\) must divide denoiser\.dims \(12\)"),
        (DecoderConfig, {"refine_dims": (48, 20)}, r"must divide decoder\.refine_dims, head_dim \(20\)"),
        (DecoderConfig, {"points": 0}, "must be at least 1"),
        (DiffusionConfig, {"time_difference": 2}, "time_difference must be 0 or 1, found 2"),
        (DiffusionConfig, {"bit_scale": float("nan")}, "bit_scale must be positive"),
        (DiffusionConfig, {"time_features": 63}, r"2 \(2\) must divide diffusion\.time_features"),
        (NetworkConfig, {"denoiser": DenoiserConfig((64,))}, r"denoiser\.dims .* differ in length"),
    ],
)
def test_a_part_that_cannot_be_built_is_refused_by_the_name_of_its_size(part, wrong, message):
    with pytest.raises(ConfigError, match=message):
        part(**wrong)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("encoder", 3, "encoder must be a mapping, found 3"),
        ("encoder.gated", 1, "encoder.gated must be bool, found 1"),
        ("decoder.layers", True, "decoder.layers must be int, found True"),
        ("decoder.layers", [6], r"decoder\.layers must be int, found \[6\]"),
        ("encoder.dims", "ab", "encoder.dims must be whole numbers, found 'ab'"),
        ("encoder.depths", [1, 1.5], r"encoder\.depths must be whole numbers, found \[1, 1\.5\]"),
        ("encoder.dims", ["16", "24"], r"encoder\.dims must be whole numbers"),
        ("decoder.refine_dims", [16], r"decoder\.refine_dims must be 2 whole numbers, found \[16\]"),
        ("decoder.refine_dims", [16, 8, 8], r"decoder\.refine_dims must be 2 whole numbers"),
        ("encoder.scan.deep", 1, r"unknown setting encoder\.scan\.deep"),
        ("encoders.scan", "ssd", r"unknown setting encoders\.scan"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_was_found(setting, value, message):
    with pytest.raises(ConfigError, match=message):
        with_settings(preset("tiny"), {setting: value})


def test_whole_numbers_serve_as_numbers_and_lists_as_tuples():
    found = with_settings(preset("tiny"), {"diffusion.bit_scale": 1, "encoder.attention_scales": [3, 5]})
    assert type(found.diffusion.bit_scale) is float
    assert found.encoder.attention_scales == (3, 5)
    assert hash(found)


def test_settings_make_a_copy_and_leave_the_configuration_as_it_was():
    config = preset("tiny")
    before = config.to_dict()
    assert with_settings(config, {"diffusion.steps": 3}).diffusion.steps == 3
    assert config.to_dict() == before
    assert with_settings(config, {}) == config


@pytest.mark.parametrize(("where", "near"), [("", "stride"), ("encoder", "dims"), ("diffusion", "steps")])
def test_an_unknown_key_is_refused_with_the_nearest_one(where, near):
    values = preset("tiny").to_dict()
    part = values[where] if where else values
    part[near + "s"] = 1
    dotted = f"{where}.{near}" if where else near
    with pytest.raises(ConfigError, match=f"unknown key {dotted}s; did you mean {dotted}\\?"):
        NetworkConfig.from_dict(values)


@pytest.mark.parametrize(
    ("name", "multiple"), [("tiny", 16), ("student", 32), ("student-fine", 32), ("student-paper", 16)]
)
def test_sides_are_padded_to_the_coarsest_stride_of_stem_and_encoder(name, multiple):
    assert preset(name).multiple_px == multiple


def test_a_lite_stem_is_padded_to_its_own_coarsest_stride():
    coarse = with_settings(preset("tiny"), {"stem.kind": "efficientnet-lite0"})
    assert (preset("tiny").multiple_px, coarse.multiple_px) == (16, 32)
