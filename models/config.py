"""Sizes of the network: frozen dataclasses, checked where they are made. `presets` has those with a name.

A configuration goes into a checkpoint as a plain dictionary (`NetworkConfig.to_dict`) and comes back through
`NetworkConfig.from_dict`, which refuses unknown and missing keys.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

LITE_STEMS = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
STEMS = ("conv", *LITE_STEMS)
SCANS = ("s6", "ssd")
NORMS = ("dyt", "layernorm")
HEADS = ("refine", "pyramid")
ADDED = frozenset({"decoder.head", "decoder.head_dim", "encoder.gdb_from"})
"""Keys that checkpoints made before them lack; their defaults are what those networks were."""


class ConfigError(ValueError):
    """A size or a name in a network configuration is not allowed; the message says which and what is."""


@dataclass(frozen=True, slots=True)
class StemConfig:
    """What turns pixels into the first feature maps.

    `width` is the number of channels at stride 2 of the `conv` stem (doubled at each further stride); the
    efficientnet-lite stems have the widths of their paper.
    """

    kind: str = "efficientnet-lite0"
    width: int = 16

    def __post_init__(self) -> None:
        _one_of("stem.kind", self.kind, STEMS)
        _positive("stem.width", self.width)

    @property
    def pretrained(self) -> bool:
        """Whether the stem begins with ImageNet's weights."""
        return self.kind in LITE_STEMS


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """The VD encoder: one stage a stride from `NetworkConfig.stride` on, each twice as coarse.

    gdb_from: the first stage that has gated depthwise blocks, where `gdb` is on.
    """

    dims: tuple[int, ...] = (64, 96, 128)
    depths: tuple[int, ...] = (1, 1, 1)
    scan: str = "s6"
    d_state: int = 1
    expand: int = 1
    gated: bool = False
    norm: str = "dyt"
    carry_state: bool = False
    gdb: bool = True
    gdb_from: int = 0
    attention_dim: int = 8
    attention_scales: tuple[int, ...] = (5,)
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        _one_of("encoder.scan", self.scan, SCANS)
        _one_of("encoder.norm", self.norm, NORMS)
        if not self.dims or len(self.dims) != len(self.depths):
            raise ConfigError(f"encoder.dims {self.dims} and encoder.depths {self.depths} differ in length")
        _positive("encoder.depths", *self.depths)
        _positive("encoder.d_state, encoder.expand", self.d_state, self.expand)
        for dim in self.dims:
            _divides("encoder.attention_dim", self.attention_dim, "encoder.dims", dim)
        if any(scale < 3 or scale % 2 == 0 for scale in self.attention_scales):
            raise ConfigError(f"encoder.attention_scales must be odd and >= 3, found {self.attention_scales}")
        if not 0.0 <= self.drop_path < 1.0:
            raise ConfigError(f"encoder.drop_path must lie in [0, 1), found {self.drop_path}")


@dataclass(frozen=True, slots=True)
class DenoiserConfig:
    """The denoising U-Net: channels a level; as many levels as the encoder has stages."""

    dims: tuple[int, ...] = (64, 96, 128)

    def __post_init__(self) -> None:
        for dim in self.dims:
            _divides("8 groups", 8, "denoiser.dims", dim)


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Stacked deformable-attention layers and the head that refines their logits to stride 2.

    head: `refine` joins the stem's maps of strides 4 and 2 by depthwise blocks; `pyramid` those of strides 8
    and 4 by 3x3 convolutions of head_dim channels, as a feature pyramid does, and that of stride 2 by a
    depthwise block of refine_dims[1] channels.
    """

    dim: int = 64
    layers: int = 6
    heads: int = 8
    points: int = 4
    feedforward: int = 128
    norm: str = "dyt"
    refine_dims: tuple[int, int] = (48, 24)
    head: str = "refine"
    head_dim: int = 64

    def __post_init__(self) -> None:
        _positive("decoder.layers, heads, points", self.layers, self.heads, self.points, self.feedforward)
        _divides("decoder.heads", self.heads, "decoder.dim", self.dim)
        _one_of("decoder.norm", self.norm, NORMS)
        _one_of("decoder.head", self.head, HEADS)
        for dim in (*self.refine_dims, self.head_dim):
            _divides("8 groups", 8, "decoder.refine_dims, head_dim", dim)


@dataclass(frozen=True, slots=True)
class DiffusionConfig:
    """The mask code and its schedule. `noise_px` is the period of the fixed noise field, in latent cells."""

    code_channels: int = 32
    bit_scale: float = 0.3
    steps: int = 1
    trajectories: int = 1
    time_difference: int = 1
    time_features: int = 64
    noise_px: int = 64
    noise_seed: int = 7

    def __post_init__(self) -> None:
        _positive("diffusion.steps, trajectories", self.steps, self.trajectories)
        _positive("diffusion.code_channels, noise_px", self.code_channels, self.noise_px)
        _divides("2", 2, "diffusion.time_features", self.time_features)
        if self.time_difference not in (0, 1):
            raise ConfigError(f"diffusion.time_difference must be 0 or 1, found {self.time_difference}")
        if not self.bit_scale > 0:
            raise ConfigError(f"diffusion.bit_scale must be positive, found {self.bit_scale}")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """All sizes of one SGDDiff network. `stride` is that of the latent mask code and of the decoder."""

    preset: str = "student"
    stride: int = 8
    stem: StemConfig = field(default_factory=StemConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)

    def __post_init__(self) -> None:
        if self.stride not in (4, 8, 16):
            raise ConfigError(f"stride must be 4, 8 or 16, found {self.stride}")
        needed = "pyramid" if self.stride == 16 else self.decoder.head
        if self.decoder.head != needed or (self.stride == 4 and needed == "pyramid"):
            raise ConfigError(
                f"decoder.head {self.decoder.head!r} does not go with stride {self.stride}: at 16 it must be "
                "'pyramid', at 4 'refine'"
            )
        if len(self.denoiser.dims) != len(self.encoder.dims):
            raise ConfigError(
                f"denoiser.dims {self.denoiser.dims} and encoder.dims {self.encoder.dims} differ in length"
            )

    @property
    def multiple_px(self) -> int:
        """Picture sides are padded to a multiple of this: the coarsest feature map's stride, in pixels."""
        coarsest = self.stride << (len(self.encoder.dims) - 1)
        return max(coarsest, 32) if self.stem.pretrained else coarsest

    def to_dict(self) -> dict[str, Any]:
        """The sizes as nested dictionaries of plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Rebuild a configuration. Raises ConfigError on an unknown or a missing key."""
        return _build(cls, values, "")


Config = TypeVar("Config")


def _build(kind: type[Config], values: Mapping[str, Any], where: str) -> Config:
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1)
            raise ConfigError(
                f"unknown key {where}{key}" + (f"; did you mean {where}{near[0]}?" if near else "")
            )
    missing = sorted(key for key in set(hints) - set(values) if where + key not in ADDED)
    if missing:
        raise ConfigError(f"missing key {where}{missing[0]}")
    given = [key for key in hints if key in values]
    return kind(**{key: _value(hints[key], values[key], f"{where}{key}") for key in given})


def _value(hint: object, value: object, where: str) -> object:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} must be a mapping, found {value!r}")
        return _build(hint, value, where + ".")
    if get_origin(hint) is tuple:
        return _whole_numbers(get_args(hint), value, where)
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type) and type(value) is not hint:
        raise ConfigError(f"{where} must be {hint.__name__}, found {value!r}")
    return value


def _whole_numbers(kinds: tuple[object, ...], value: object, where: str) -> tuple[int, ...]:
    count = None if Ellipsis in kinds else len(kinds)
    if (
        isinstance(value, list | tuple)
        and all(type(number) is int for number in value)
        and count in (None, len(value))
    ):
        return tuple(value)
    raise ConfigError(f"{where} must be {f'{count} ' if count else ''}whole numbers, found {value!r}")


def with_settings(config: NetworkConfig, settings: Mapping[str, Any]) -> NetworkConfig:
    """A copy with some values replaced, by dotted name: {"diffusion.steps": 3}. Raises ConfigError."""
    values = config.to_dict()
    for name, value in settings.items():
        *path, last = name.split(".")
        part: Any = values
        for step in path:
            part = part.get(step) if isinstance(part, dict) else None
        if not isinstance(part, dict) or last not in part:
            raise ConfigError(f"unknown setting {name}")
        part[last] = value
    return NetworkConfig.from_dict(values)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(allowed)}, found {value!r}")


def _positive(name: str, *values: int) -> None:
    if any(value < 1 for value in values):
        raise ConfigError(f"{name} must be at least 1, found {values}")


def _divides(name: str, divisor: int, of: str, number: int) -> None:
    if divisor < 1 or number < 1 or number % divisor:
        raise ConfigError(f"{name} ({divisor}) must divide {of} ({number})")
