"""Depthwise convolution of maps that lie channels-last, where cuDNN wants them the other way round.

A program computes some output columns of one row, for some channels: neighbouring threads read neighbouring
channels, and what the taps share comes from the cache.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

COLUMNS, CHANNELS = 16, 64
"""Of a program; fixed, for a choice by timing would be another one on another day."""


def depthwise_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, before: int | None = None
) -> Tensor:
    """Filter each channel by itself: (B, C, H, W) to (B, C, ceil(H / stride), ceil(W / stride)).

    weight (C, 1, K, K); bias (C). before: rows and columns of zeros before the map, K // 2 if None; after it
    there are as many as are read. Sums are float32; the result has x's dtype and lies channels-last. x in
    another layout is copied first. Reference: `torch.nn.functional.conv2d`.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = x.shape
    kernel = weight.shape[-1]
    rows, columns = (triton.cdiv(side, stride) for side in (height, width))
    taps = weight.reshape(channels, kernel * kernel).t().contiguous()  # (K * K, C): a tap's channels together
    out = torch.empty(
        (batch, channels, rows, columns), dtype=x.dtype, device=x.device, memory_format=torch.channels_last
    )
    grid = (triton.cdiv(columns, COLUMNS) * rows, triton.cdiv(channels, CHANNELS), batch)
    _depthwise[grid](
        x, taps, taps if bias is None else bias, out,
        *(channels, height, width, rows, columns),
        KERNEL=kernel, STRIDE=stride, PAD=kernel // 2 if before is None else before,
        HAS_BIAS=bias is not None, COLUMNS=COLUMNS, CHANNELS=CHANNELS,
    )  # fmt: skip
    return out


@triton.jit
def _depthwise(
    x: tl.tensor,
    taps: tl.tensor,
    bias: tl.tensor,
    out: tl.tensor,
    channels: int,
    height: int,
    width: int,
    rows: int,
    columns: int,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    PAD: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    COLUMNS: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    across = tl.cdiv(columns, COLUMNS)
    row, batch = tl.program_id(0) // across, tl.program_id(2).to(tl.int64)
    column = (tl.program_id(0) % across) * COLUMNS + tl.arange(0, COLUMNS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    is_channel = channel < channels
    total = tl.zeros((COLUMNS, CHANNELS), dtype=tl.float32)
    for y in tl.static_range(KERNEL):
        in_row = row * STRIDE + y - PAD
        is_row = (in_row >= 0) & (in_row < height)
        for k in tl.static_range(KERNEL):
            in_column = column * STRIDE + k - PAD
            is_there = is_row & (in_column >= 0) & (in_column < width)
            place = (batch * height + in_row) * width + in_column
            read = tl.load(
                x + place[:, None] * channels + channel[None, :],
                mask=is_there[:, None] & is_channel[None, :],
                other=0.0,
            )
            tap = tl.load(taps + (y * KERNEL + k) * channels + channel, mask=is_channel, other=0.0)
            total += read.to(tl.float32) * tap.to(tl.float32)[None, :]
    if HAS_BIAS:
        total += tl.load(bias + channel, mask=is_channel, other=0.0).to(tl.float32)[None, :]
    place = (batch * rows + row) * columns + column
    tl.store(
        out + place[:, None] * channels + channel[None, :],
        total,
        mask=(column < columns)[:, None] & is_channel[None, :],
    )
