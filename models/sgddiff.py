"""The whole network: stem, VD encoder, denoising U-Net, deformable decoder, refining head and the sampler."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from .config import NetworkConfig
from .decoder import DeformableDecoder
from .denoiser import DenoisingUNet
from .diffusion import MaskCode, TimeEmbedding, ddim_step, periodic_noise, time_pairs
from .encoder import CellState, VDEncoder
from .heads import build_head
from .stem import build_stem, normalise_pixels


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder keeps of a picture: computed once, whatever the number of diffusion steps.

    stem: {stride: (B, C, H/stride, W/stride)}; features: a map a stage, fine first; state: (h, c) a stage.
    """

    stem: dict[int, Tensor]
    features: list[Tensor]
    state: tuple[CellState, ...]


@dataclass(frozen=True, slots=True)
class Denoised:
    """One evaluation of the denoiser and the decoder.

    layers: (B, C, h, w) after each decoder layer (the fourth is the one that distillation aligns);
    logits: (B, 2, h, w), background and salient.
    """

    layers: list[Tensor]
    logits: Tensor


@dataclass(frozen=True, slots=True)
class Sampled:
    """A whole sampling run: the last evaluation and the clean code estimated after each step."""

    last: Denoised
    codes: list[Tensor]


class SGDDiff(nn.Module):
    """Semantic-guided diffusion for salient objects: pixels (B, 3, H, W) in 0..255 to a saliency map.

    Every picture of a batch is treated alone: no statistic crosses pictures.
    """

    noise_field: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        diffusion, decoder, encoder = config.diffusion, config.decoder, config.encoder
        self.stem = build_stem(config.stem, config.stride)
        self.encoder = VDEncoder(encoder, self.stem.channels, config.stride)
        self.denoiser = DenoisingUNet(
            config.denoiser.dims, encoder.dims, diffusion.code_channels, decoder.dim, encoder.norm
        )
        self.decoder = DeformableDecoder(decoder)
        self.refine_head = build_head(decoder, self.stem.channels, config.stride)
        self.code = MaskCode(diffusion.code_channels, diffusion.bit_scale)
        self.time = TimeEmbedding(diffusion.time_features, decoder.dim)
        generator = torch.Generator().manual_seed(diffusion.noise_seed)
        shape = (diffusion.code_channels, diffusion.noise_px, diffusion.noise_px)
        self.register_buffer("noise_field", torch.randn(shape, generator=generator))

    @property
    def maps_dtype(self) -> torch.dtype:
        """What maps are computed in; whole pixel values are exact in any of them."""
        return self.denoiser.leave.weight.dtype

    def encode(self, pixels: Tensor, state: tuple[CellState, ...] | None = None) -> Encoded:
        """pixels (B, 3, H, W), uint8 or float in 0..255, sides multiples of `config.multiple_px`."""
        multiple = self.config.multiple_px
        if pixels.shape[-2] % multiple or pixels.shape[-1] % multiple:
            raise ValueError(
                f"picture sides must be multiples of {multiple} px, found {tuple(pixels.shape[-2:])}"
            )
        normal = normalise_pixels(pixels).to(self.maps_dtype)
        stem = self.stem(normal.contiguous(memory_format=torch.channels_last))
        features, state = self.encoder(stem, state)
        return Encoded(stem, features, state)

    def denoise(self, encoded: Encoded, code: Tensor, t: Tensor) -> Denoised:
        """Estimate the mask from a noised code (B, K, h, w) at times t (B)."""
        guided = self.denoiser(encoded.features, code)
        layers, logits = self.decoder(guided, self.time(t))
        return Denoised(layers, logits)

    def refine(self, encoded: Encoded, denoised: Denoised) -> Tensor:
        """Logits (B, 1, H, W) at the picture's full size, computed at stride 2."""
        return enlarge(self.fine_logits(encoded, denoised))

    def fine_logits(self, encoded: Encoded, denoised: Denoised) -> Tensor:
        """Logits (B, 1, H/2, W/2), at the finest stride that is computed."""
        logits: Tensor = self.refine_head(denoised.layers[-1], encoded.stem)
        return logits

    def sample(self, encoded: Encoded, noise: Tensor, steps: int | None = None) -> Sampled:
        """Deterministic DDIM from `noise` (B, K, h, w), with soft feedback, so that gradients flow."""
        diffusion = self.config.diffusion
        z, codes, last = noise, [], None
        for now, following in time_pairs(steps or diffusion.steps, diffusion.time_difference):
            times = noise.new_full((noise.shape[0],), now)
            last = self.denoise(encoded, z, times)
            codes.append(self.code(last.logits.float().softmax(1)))
            z = ddim_step(z, codes[-1], times, noise.new_full((noise.shape[0],), following))
        assert last is not None  # time_pairs yields at least one pair
        return Sampled(last, codes)

    def forward(self, pixels: Tensor, origins: Tensor | None = None, steps: int | None = None) -> Tensor:
        """Saliency (B, 1, H, W) float32 in 0..1 of pixels (B, 3, H, W) in 0..255 of any size.

        origins (B, 2): absolute (row, col) of each picture's first pixel, which places the noise; 0 if None.
        Trajectories are averaged as probabilities.
        """
        height, width = pixels.shape[-2:]
        padded = pad_to_multiple(pixels, self.config.multiple_px)
        encoded = self.encode(padded)
        if origins is None:
            origins = torch.zeros(len(pixels), 2, dtype=torch.long, device=pixels.device)
        maps = [
            self._trajectory(encoded, origins, steps, k) for k in range(self.config.diffusion.trajectories)
        ]
        return torch.stack(maps).mean(0)[..., :height, :width]

    def _trajectory(self, encoded: Encoded, origins: Tensor, steps: int | None, index: int) -> Tensor:
        height, width = encoded.features[0].shape[-2:]
        noise = periodic_noise(self.noise_field, origins, height, width, self.config.stride, index)
        return torch.sigmoid(self.refine(encoded, self.sample(encoded, noise, steps).last))


def enlarge(logits: Tensor) -> Tensor:
    """Logits (B, 1, H/2, W/2) to (B, 1, H, W), float32, bilinear."""
    return fn.interpolate(logits.float(), scale_factor=2, mode="bilinear", align_corners=False)


def pad_to_multiple(pixels: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of (B, C, H, W) until both sides are multiples of `multiple`."""
    below, right = -pixels.shape[-2] % multiple, -pixels.shape[-1] % multiple
    if not below and not right:
        return pixels
    return fn.pad(pixels.float(), (0, right, 0, below), mode="replicate")


def to_channels_last(network: SGDDiff) -> SGDDiff:
    """Lay the kernels out channels-last, as the maps lie; changes and returns `network`."""
    converted: SGDDiff = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return converted
