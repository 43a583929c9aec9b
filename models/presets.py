"""The sizes that have a name: the paper's, those that ship, and one for tests."""

from __future__ import annotations

import dataclasses

from .config import (
    ConfigError,
    DecoderConfig,
    DenoiserConfig,
    DiffusionConfig,
    EncoderConfig,
    NetworkConfig,
    StemConfig,
)


def _published() -> tuple[NetworkConfig, ...]:
    """The sizes of the paper."""
    wide = EncoderConfig(
        dims=(96, 192, 384),
        depths=(2, 2, 2),
        d_state=16,
        expand=2,
        gated=True,
        carry_state=True,
        drop_path=0.1,
    )
    paper = NetworkConfig(
        preset="student-paper",
        stride=4,
        stem=StemConfig("conv", width=48),
        encoder=wide,
        denoiser=DenoiserConfig((256, 256, 256)),
        decoder=DecoderConfig(dim=256, feedforward=1024),
        diffusion=DiffusionConfig(code_channels=256, bit_scale=0.01, steps=3),
    )
    teacher_paper = dataclasses.replace(
        paper,
        preset="teacher-paper",
        diffusion=dataclasses.replace(paper.diffusion, steps=10, trajectories=5),
    )
    return paper, teacher_paper


def _own() -> tuple[NetworkConfig, ...]:
    """The sizes that ship, and those for tests."""
    student = NetworkConfig()
    # The student's encoder, a U-Net and a decoder of twice the width: 5.6 M parameters; 1.3 GMAC for the
    # encoder and 2.3 GMAC a step at 352 x 352.
    teacher = dataclasses.replace(
        student,
        preset="teacher",
        denoiser=DenoiserConfig((128, 160, 192)),
        decoder=DecoderConfig(dim=128, feedforward=512),
        diffusion=dataclasses.replace(student.diffusion, steps=10, trajectories=5),
    )
    tiny = NetworkConfig(
        preset="tiny",
        stem=StemConfig("conv", width=8),
        encoder=EncoderConfig(dims=(16, 24), depths=(1, 1), carry_state=True),
        denoiser=DenoiserConfig((16, 24)),
        decoder=DecoderConfig(dim=16, layers=6, heads=2, points=2, feedforward=32, refine_dims=(16, 8)),
        diffusion=DiffusionConfig(code_channels=8, time_features=16),
    )
    # Cost where it pays: a larger stem, the encoder at strides 16 and 32 alone, a pyramid up to stride 4.
    fine = NetworkConfig(
        preset="student-fine",
        stride=16,
        stem=StemConfig("efficientnet-lite2"),
        encoder=EncoderConfig(dims=(128, 160), depths=(1, 1), gdb_from=1),
        denoiser=DenoiserConfig((96, 128)),
        decoder=DecoderConfig(dim=96, layers=2, feedforward=192, head="pyramid", head_dim=64),
    )
    return student, teacher, fine, tiny


PRESETS = {config.preset: config for config in (*_own(), *_published())}


def preset(name: str) -> NetworkConfig:
    """The sizes behind a preset's name. Raises ConfigError for a name that is not a preset."""
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; known: {', '.join(sorted(PRESETS))}")
    return PRESETS[name]
