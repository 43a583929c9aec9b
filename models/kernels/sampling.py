"""Deformable sampling: softmax, bilinear reads and their weighted sum by one kernel, with no map between.

A program has some positions of one head; it reads whole runs of the head's channels, which lie together.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

POSITIONS = 32
"""Of a program."""


def deformable_sample(value: Tensor, offsets: Tensor, logits: Tensor) -> Tensor:
    """The softmax-weighted sum of bilinear samples around each position, zero outside of the map.

    value (B, heads * E, H, W); offsets (B, heads, points, 2, H, W) as (x, y) in pixels; logits
    (B, heads, points, H, W). Returns (B, heads * E, H, W) in value's dtype, channels-last. All arithmetic is
    float32. Maps in another layout than channels-last are copied first. Reference: `decoder.attend_points`.
    """
    batch, heads, points, _, height, width = offsets.shape
    value, moves, scores = (
        part.contiguous(memory_format=torch.channels_last)
        for part in (value, offsets.flatten(1, 3), logits.flatten(1, 2))
    )
    each, out = value.shape[1] // heads, torch.empty_like(value, memory_format=torch.channels_last)
    grid = (triton.cdiv(height * width, POSITIONS), heads, batch)
    _sample[grid](
        value, moves, scores, out, heads, height, width, each,
        POINTS=points, EACH=triton.next_power_of_2(each), POSITIONS=POSITIONS,
    )  # fmt: skip
    return out


@triton.jit
def _largest(scores: tl.tensor, mask: tl.tensor, COUNT: tl.constexpr) -> tl.tensor:
    """The largest of COUNT numbers that lie next to each other, for each pointer."""
    largest = tl.load(scores, mask=mask, other=0.0).to(tl.float32)
    for k in tl.static_range(1, COUNT):
        largest = tl.maximum(largest, tl.load(scores + k, mask=mask, other=0.0).to(tl.float32))
    return largest


@triton.jit
def _sample(
    value: tl.tensor,
    moves: tl.tensor,
    scores: tl.tensor,
    out: tl.tensor,
    heads: int,
    height: int,
    width: int,
    each: int,
    POINTS: tl.constexpr,
    EACH: tl.constexpr,
    POSITIONS: tl.constexpr,
) -> None:
    position = tl.program_id(0) * POSITIONS + tl.arange(0, POSITIONS)
    head, batch = tl.program_id(1), tl.program_id(2).to(tl.int64)
    channel = tl.arange(0, EACH)
    is_position, is_channel = position < height * width, channel < each
    place = batch * height * width + position
    first = (place * heads + head) * POINTS
    largest = _largest(scores + first, is_position, POINTS)
    total = tl.zeros((POSITIONS, EACH), dtype=tl.float32)
    shares = tl.zeros((POSITIONS,), dtype=tl.float32)
    for k in tl.static_range(POINTS):
        score = tl.load(scores + first + k, mask=is_position, other=0.0).to(tl.float32)
        share = tl.exp(score - largest)
        shares += share
        x = tl.load(moves + 2 * (first + k), mask=is_position, other=0.0).to(tl.float32)
        y = tl.load(moves + 2 * (first + k) + 1, mask=is_position, other=0.0).to(tl.float32)
        # Far outside everything is zero, and whole numbers of any size would not fit.
        x = tl.minimum(tl.maximum(x + position % width, -2.0), width + 1.0)
        y = tl.minimum(tl.maximum(y + position // width, -2.0), height + 1.0)
        left, top = tl.floor(x), tl.floor(y)
        for corner in tl.static_range(4):
            column, row = left + corner % 2, top + corner // 2
            part = (1.0 - tl.abs(x - column)) * (1.0 - tl.abs(y - row)) * share
            is_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & is_position
            at = (batch * height + row.to(tl.int32)) * width + column.to(tl.int32)
            read = tl.load(
                value + (at * heads + head)[:, None] * each + channel[None, :],
                mask=is_inside[:, None] & is_channel[None, :],
                other=0.0,
            )
            total += part[:, None] * read.to(tl.float32)
    tl.store(
        out + (place * heads + head)[:, None] * each + channel[None, :],
        total / shares[:, None],
        mask=is_position[:, None] & is_channel[None, :],
    )
