"""The VD encoder: stages of VMRNN cells (an LSTM whose transform is an SS2D) and gated depthwise blocks.

The LSTM's time is depth: (h, c) goes from block to block and, pooled and projected, from stage to stage. It
is also taken and returned, so that pictures of one place can be chained by date.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from .config import EncoderConfig
from .layers import GDB, DropPath, Pointwise, depthwise, make_norm
from .scan import choose_backend, cross_merge, cross_scan, grouped_scan, ssd_scan

DIRECTIONS = 4
SSD_HEAD_DIM = 16

ScanMap = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, int], Tensor]
"""See `kernels.scanning.scan_map`."""

CellState = tuple[Tensor, Tensor]
"""(h, c) of one stage, each (B, C, H, W)."""


class SS2D(nn.Module):
    """VMamba's 2-D selective scan: (B, C, H, W) to (B, C, H, W).

    `scan="s6"`: a decay a channel and state, `expand` times the channels; `gated` adds the SiLU gate branch
    of the original. `scan="ssd"`: one decay a head of 16 channels, by matrix products. `backend`: what
    computes S6, see `grouped_scan`; None: by the device.
    """

    backend: str | None = None

    def __init__(self, channels: int, config: EncoderConfig) -> None:
        super().__init__()
        inner = channels * config.expand
        self.inner, self.states, self.kind = inner, config.d_state, config.scan
        self.rank = math.ceil(channels / 16)
        self.heads = inner // math.gcd(inner, SSD_HEAD_DIM) if config.scan == "ssd" else inner
        self.gated = config.gated
        self.scan_map: ScanMap | None = None  # a kernel that reads the map in all four orders
        self.project_in = Pointwise(channels, inner * (2 if config.gated else 1))
        self.spatial = depthwise(inner, 3)
        self.project_scan = nn.Parameter(_uniform(DIRECTIONS, inner, self.rank + 2 * config.d_state))
        self.project_step = nn.Parameter(_uniform(DIRECTIONS, self.rank, self.heads))
        self.step_bias = nn.Parameter(initial_step_bias(DIRECTIONS, self.heads))
        # S4D-real initialisation, A = -(1..N); SSD has one decay a head, spread over 1..16 as in Mamba-2.
        rates = torch.arange(1.0, config.d_state + 1).expand(DIRECTIONS, self.heads, -1)
        if config.scan == "ssd":
            rates = torch.linspace(1.0, 16.0, self.heads).expand(DIRECTIONS, -1)
        self.A_log = nn.Parameter(torch.log(rates).clone())
        self.D = nn.Parameter(torch.ones(DIRECTIONS, inner))
        self.norm = make_norm(config.norm, inner)
        self.project_out = Pointwise(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        height, width = x.shape[-2:]
        x, gate = self.project_in(x).chunk(2, dim=1) if self.gated else (self.project_in(x), None)
        x = fn.silu(self.spatial(x))
        if self.scan_map is not None:
            y = self._scan_map(x, self.scan_map)
        else:
            sequences = cross_scan(x)
            y = self._scan(sequences, *self._controls(sequences @ self.project_scan))
            y = cross_merge(y.to(x.dtype), height, width)
        merged = self.norm(y)
        out: Tensor = self.project_out(merged if gate is None else merged * fn.silu(gate))
        return out

    def _controls(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 4, L, rank + 2 N) to the steps (B, 4, L, heads), before their softplus, B and C."""
        step, B, C = torch.split(parameters, [self.rank, self.states, self.states], dim=-1)
        return step @ self.project_step + self.step_bias[:, None], B, C

    def _scan_map(self, x: Tensor, scan_map: ScanMap) -> Tensor:
        """As `_scan` between `cross_scan` and `cross_merge`, (B, C, H, W) to the same, by a kernel.

        Projections do not depend on the order of positions: all four are one product over the map.
        """
        rows = x.permute(0, 2, 3, 1).flatten(1, 2)
        flat = rows @ self.project_scan.permute(1, 0, 2).flatten(1)
        step, B, C = self._controls(torch.unflatten(flat, -1, (DIRECTIONS, -1)).transpose(1, 2))
        A = -torch.exp(self.A_log.float())
        if self.kind == "ssd":
            each = self.inner // self.heads
            step = step.repeat_interleave(each, dim=-1)
            A = A.repeat_interleave(each, dim=-1)[..., None].expand(-1, -1, self.states)
        y = scan_map(rows, step, A, B, C, self.D, x.shape[-1])
        return torch.unflatten(y, 1, x.shape[-2:]).permute(0, 3, 1, 2)

    def _scan(self, u: Tensor, step: Tensor, B: Tensor, C: Tensor) -> Tensor:
        A = -torch.exp(self.A_log.float())
        if self.kind == "s6":
            return grouped_scan(u, step, A, B, C, self.D, self.backend or choose_backend(u.device))
        with torch.autocast(u.device.type, enabled=False):
            batch = u.shape[0]
            u, step, B, C = (v.float().flatten(0, 1) for v in (u, step, B, C))
            y = ssd_scan(
                torch.unflatten(u, -1, (self.heads, -1)), fn.softplus(step), A.repeat(batch, 1)[:, None], B, C
            )
            skip = self.D.float().repeat(batch, 1)[:, None] * u
            return torch.unflatten(y.flatten(-2) + skip, 0, (batch, DIRECTIONS))


class VMRNNCell(nn.Module):
    """One gate for forgetting, input and output (VMRNN, Tang et al. 2024), with DyT for its LayerNorm.

    `o = x + DropPath(SS2D(Conv1x1[norm(x), norm(h)]))`, `f = sigmoid(o)`, `c = f * (c + tanh(o))`,
    `h = f * tanh(c)`. x and the state are (B, C, H, W); returns the new (h, c).
    """

    def __init__(self, channels: int, config: EncoderConfig) -> None:
        super().__init__()
        self.norm = make_norm(config.norm, channels)
        self.mix = Pointwise(2 * channels, channels)
        self.scan = SS2D(channels, config)
        self.drop = DropPath(config.drop_path)

    def forward(self, x: Tensor, state: CellState) -> CellState:
        """x (B, C, H, W) and the state (h, c) to the next state."""
        h, c = state
        mixed = self.mix(torch.cat([self.norm(x), self.norm(h)], dim=1))
        o = x + self.drop(self.scan(mixed))
        gate = torch.sigmoid(o)
        c = gate * (c + torch.tanh(o))
        return gate * torch.tanh(c), c


class EncoderBlock(nn.Module):
    """A VMRNN cell, then a GDB: (x, state) to (x, state).

    The GDB gets x + h: h alone is squashed into (-1, 1) by two saturating functions a block, and the stem's
    features and their gradient would not survive the depth.
    """

    def __init__(self, channels: int, config: EncoderConfig, gdb: bool) -> None:
        super().__init__()
        self.cell = VMRNNCell(channels, config)
        scales, norm = config.attention_scales, config.norm
        self.local = GDB(channels, config.attention_dim, scales, norm) if gdb else nn.Identity()

    def forward(self, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
        """x (B, C, H, W) and the state (h, c) to the next of both."""
        h, c = self.cell(x, state)
        return self.local(x + h), (h, c)


class VDEncoder(nn.Module):
    """Stem maps in, one feature map a stage out, each stage at twice the stride of the last.

    A stage's input is the projected stem map of its stride, where the stem has one, plus the projected and
    strided output of the stage before.
    """

    def __init__(self, config: EncoderConfig, stem_channels: dict[int, int], stride: int) -> None:
        super().__init__()
        self.strides = [stride * 2**i for i in range(len(config.dims))]
        self.carry_state = config.carry_state
        dims = config.dims
        self.from_stem = nn.ModuleDict(
            {
                str(s): Pointwise(stem_channels[s], d)
                for s, d in zip(self.strides, dims, strict=True)
                if s in stem_channels
            }
        )
        pairs = list(itertools.pairwise(dims))
        self.down = nn.ModuleList(nn.Sequential(depthwise(a, 3, 2), Pointwise(a, b)) for a, b in pairs)
        # Made only where it is used: what is trained by several workers must get a gradient.
        carried = pairs if config.carry_state else []
        self.state_down = nn.ModuleList(Pointwise(a, b, bias=False) for a, b in carried)
        self.stages = nn.ModuleList(
            nn.ModuleList(
                EncoderBlock(dim, config, config.gdb and index >= config.gdb_from) for _ in range(n)
            )
            for index, (dim, n) in enumerate(zip(dims, config.depths, strict=True))
        )

    def forward(
        self, stem: dict[int, Tensor], state: tuple[CellState, ...] | None = None
    ) -> tuple[list[Tensor], tuple[CellState, ...]]:
        """Features (B, dims[i], H/strides[i], W/strides[i]) and the state after each stage.

        `state`: what an earlier picture of the same place and size returned, or None.
        """
        features: list[Tensor] = []
        states: list[CellState] = []
        for index in range(len(self.stages)):
            x = self._stage_input(index, stem, features)
            current = self._stage_state(index, x, states, None if state is None else state[index])
            entered = current
            for block in self.stages[index].children():
                x, current = block(x, current if self.carry_state else entered)
            features.append(x)
            states.append(current)
        return features, tuple(states)

    def _stage_input(self, index: int, stem: dict[int, Tensor], features: list[Tensor]) -> Tensor:
        stride = self.strides[index]
        parts: list[Tensor] = []
        if str(stride) in self.from_stem:
            parts.append(self.from_stem[str(stride)](stem[stride]))
        if features:
            parts.append(self.down[index - 1](features[-1]))
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def _stage_state(
        self, index: int, x: Tensor, states: list[CellState], given: CellState | None
    ) -> CellState:
        h, c = (torch.zeros_like(x), torch.zeros_like(x)) if given is None else given
        if not states or not self.carry_state:
            return h, c
        coarse: list[Tensor] = [self.state_down[index - 1](fn.avg_pool2d(part, 2)) for part in states[-1]]
        return h + coarse[0], c + coarse[1]


def initial_step_bias(*shape: int) -> Tensor:
    """Inverse softplus of step sizes drawn log-uniformly from [1e-3, 0.1] (Mamba's initialisation)."""
    step = torch.exp(torch.rand(shape) * (math.log(0.1) - math.log(1e-3)) + math.log(1e-3))
    return step + torch.log(-torch.expm1(-step))


def _uniform(groups: int, fan_in: int, fan_out: int) -> Tensor:
    return (torch.rand(groups, fan_in, fan_out) * 2 - 1) / math.sqrt(fan_in)
