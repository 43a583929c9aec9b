"""VMamba's four scans of a map by one kernel: it reads the map itself, in all four orders.

A program has one picture, one of the four readings and some channels, and goes through the sequence piece by
piece: within a piece the recurrence is an associative scan, between pieces a carried state.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

DIRECTIONS = 4
STEPS, CHANNELS = 128, 8
"""Of a piece, and of a program."""


def scan_map(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, width: int) -> Tensor:
    """S6 over a map read by rows, by columns and both reversed, summed back onto the map.

    u (batch, L, E), the map row by row, L = height * width; delta (batch, 4, L, E) before its softplus and
    with its bias, B and C (batch, 4, L, N): for each reading the values at the map's positions, row by row,
    and not in the order of the reading. A (4, E, N) negative, D (4, E). Returns (batch, L, E) in u's dtype.
    All arithmetic is float32. Reference: `scan.grouped_scan` between `cross_scan` and `cross_merge`.
    Mamba-2's SSD is the same with a step and a decay that the channels of a head share.
    """
    u, delta, B, C = (part.contiguous() for part in (u, delta, B, C))
    A, D = A.float().contiguous(), D.float().contiguous()
    batch, length, channels = u.shape
    y = torch.empty((batch, DIRECTIONS, length, channels), dtype=torch.float32, device=u.device)
    grid = (triton.cdiv(channels, CHANNELS), DIRECTIONS, batch)
    _scan[grid](
        u, delta, A, B, C, D, y, length, length // width, width, channels,
        STATES=A.shape[-1], SLOTS=triton.next_power_of_2(A.shape[-1]), STEPS=STEPS, CHANNELS=CHANNELS,
    )  # fmt: skip
    # In this order as `cross_merge` does it.
    return ((y[:, 0] + y[:, 2]) + (y[:, 1] + y[:, 3])).to(u.dtype)


@triton.jit
def _join(a: tl.tensor, b: tl.tensor, later_a: tl.tensor, later_b: tl.tensor) -> tuple[tl.tensor, tl.tensor]:
    """Two steps of `h = a h + b` as one."""
    return a * later_a, b * later_a + later_b


@triton.jit
def _softplus(x: tl.tensor) -> tl.tensor:
    """log(1 + exp(x)); by a series where exp(x) is small, for the logarithm near 1 is coarse on a GPU."""
    e = tl.exp(tl.minimum(x, 20.0))
    s = e / (2.0 + e)
    q = s * s
    series = 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q / 9.0))))
    return tl.where(x > 20.0, x, tl.where(e < 0.5, series, tl.log(1.0 + e)))


@triton.jit
def _scan(
    u: tl.tensor,
    delta: tl.tensor,
    A: tl.tensor,
    B: tl.tensor,
    C: tl.tensor,
    D: tl.tensor,
    y: tl.tensor,
    length: int,
    height: int,
    width: int,
    channels: int,
    STATES: tl.constexpr,
    SLOTS: tl.constexpr,
    STEPS: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    channel = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS)
    direction, batch = tl.program_id(1), tl.program_id(2).to(tl.int64)
    is_channel = channel < channels
    state_index = tl.arange(0, SLOTS)
    reading = batch * 4 + direction
    skip = tl.load(D + direction * channels + channel, mask=is_channel, other=0.0)
    carried = tl.zeros((SLOTS, CHANNELS), dtype=tl.float32)
    last = tl.arange(0, STEPS)[:, None] == STEPS - 1
    for begin in range(0, length, STEPS):
        step = begin + tl.arange(0, STEPS)
        forth = tl.where(direction < 2, step, length - 1 - step)
        by_column = (forth % height) * width + forth // height
        place = tl.where(direction % 2 == 0, forth, by_column)
        is_step = step < length
        mask = is_step[:, None] & is_channel[None, :]
        x_at = (batch * length + place)[:, None] * channels + channel[None, :]
        at = (reading * length + place)[:, None] * channels + channel[None, :]
        x = tl.load(u + x_at, mask=mask, other=0.0).to(tl.float32)
        size = _softplus(tl.load(delta + at, mask=mask, other=0.0).to(tl.float32))
        total = skip[None, :] * x
        for n in tl.static_range(STATES):
            rate = tl.load(A + (direction * channels + channel) * STATES + n, mask=is_channel, other=0.0)
            b = tl.load(B + (reading * length + place) * STATES + n, mask=is_step, other=0.0).to(tl.float32)
            c = tl.load(C + (reading * length + place) * STATES + n, mask=is_step, other=0.0).to(tl.float32)
            decay = tl.exp(size * rate[None, :])
            through, inside = tl.associative_scan((decay, size * x * b[:, None]), 0, _join)
            is_state = state_index[:, None] == n
            entered = tl.sum(tl.where(is_state, carried, 0.0), axis=0)
            h = inside + through * entered[None, :]
            left = tl.sum(tl.where(last, h, 0.0), axis=0)
            carried = tl.where(is_state, left[None, :], carried)
            total += c[:, None] * h
        tl.store(y + at, total, mask=mask)
