"""Selective scans: the linear recurrence, Mamba's S6 on top of it, Mamba-2's SSD, and VMamba's cross-scan.

The recurrence `h_t = a_t * h_{t-1} + b_t` is computed by pairwise reduction (Blelloch 1990): log2(L) levels
of whole-tensor operations and 2 L work, with no Python loop over the sequence. Sequences are time-major,
(..., L, C) with the channels contiguous, so that every level reads and writes whole rows; on a CPU each
leading index runs alone, because one sequence fits the cache and all of them together do not.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as fn

SSD_SEGMENT = 64

SCAN_LEVELS = 16
"""Halvings that `linear_scan_levels` makes: of up to 2^16 steps, a tile of 2048 px at stride 8."""


def linear_scan_loop(a: Tensor, b: Tensor) -> Tensor:
    """The reference of `linear_scan`: one step after another. a, b (..., L, C); returns h (..., L, C)."""
    h = torch.zeros_like(b[..., 0, :])
    steps = []
    for t in range(b.shape[-2]):
        h = a[..., t, :] * h + b[..., t, :]
        steps.append(h)
    return torch.stack(steps, dim=-2)


def linear_scan(a: Tensor, b: Tensor) -> Tensor:
    """`h_t = a_t * h_{t-1} + b_t` with h_{-1} = 0. a, b (..., L, C) of one shape; returns h (..., L, C)."""
    if not (torch.is_grad_enabled() and (a.requires_grad or b.requires_grad)):
        return _scan_sequences(a, b, _scan_pairs)  # an export cannot hold the class below
    out: Tensor = _LinearScan.apply(a, b)  # type: ignore[no-untyped-call]
    return out


class _LinearScan(torch.autograd.Function):
    """The gradient of a linear recurrence is the same recurrence backwards, with a shifted by one step."""

    @staticmethod
    def forward(ctx: FunctionCtx, a: Tensor, b: Tensor) -> Tensor:
        h = _scan_sequences(a, b, _scan_pairs)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor, Tensor]:
        a, h = ctx.saved_tensors  # type: ignore[attr-defined]
        following = torch.cat([a[..., 1:, :], torch.zeros_like(a[..., :1, :])], dim=-2)
        grad_b = _scan_sequences(following, grads[0], _scan_pairs_back)
        grad_a = torch.zeros_like(grad_b)
        torch.mul(grad_b[..., 1:, :], h[..., :-1, :], out=grad_a[..., 1:, :])
        return grad_a, grad_b


def _scan_sequences(a: Tensor, b: Tensor, scan: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    if b.device.type != "cpu" or b.dim() == 2 or torch.compiler.is_compiling():
        return scan(a, b)
    h = torch.empty_like(b, memory_format=torch.contiguous_format)
    flat_a, flat_b, flat_h = (x.reshape(-1, *b.shape[-2:]) for x in (a, b, h))
    for one_a, one_b, one_h in zip(flat_a, flat_b, flat_h, strict=True):
        one_h.copy_(scan(one_a, one_b))
    return h


def _scan_pairs(a: Tensor, b: Tensor) -> Tensor:
    """Join neighbours into one step, scan half as many, then fill in the steps between. a, b (..., L, C)."""
    length = b.shape[-2]
    if length == 1:
        return b
    first, second = slice(0, length - length % 2, 2), slice(1, length, 2)
    a_second, b_second = a[..., second, :], b[..., second, :]
    joined = torch.addcmul(b_second, a_second, b[..., first, :])
    h_second = _scan_pairs(a[..., first, :] * a_second, joined)
    h = torch.empty_like(b)
    h[..., second, :] = h_second
    h[..., 0, :] = b[..., 0, :]
    rest, between = (length - 1) // 2, slice(2, length, 2)
    _addcmul_into(h[..., between, :], b[..., between, :], a[..., between, :], h_second[..., :rest, :])
    return h


def _addcmul_into(place: Tensor, b: Tensor, a: Tensor, h: Tensor) -> None:
    """`place = b + a * h`, without a copy; where it is traced with one, as a trace holds no strided `out`."""
    if torch.compiler.is_compiling():
        place.copy_(torch.addcmul(b, a, h))
    else:
        torch.addcmul(b, a, h, out=place)


def _scan_pairs_back(a: Tensor, b: Tensor) -> Tensor:
    """`_scan_pairs` from the last step to the first, `g_t = b_t + a_t g_{t+1}`, without a copy for a flip."""
    length = b.shape[-2]
    if length == 1:
        return b
    first, second = slice(length % 2 + 1, length, 2), slice(length % 2, length - 1, 2)
    a_second, b_second = a[..., second, :], b[..., second, :]
    joined = torch.addcmul(b_second, a_second, b[..., first, :])
    g_second = _scan_pairs_back(a[..., first, :] * a_second, joined)
    g = torch.empty_like(b)
    g[..., second, :] = g_second
    g[..., -1, :] = b[..., -1, :]
    rest, between = (length - 1) // 2, slice((length - 1) % 2, length - 2, 2)
    if rest:
        torch.addcmul(
            b[..., between, :], a[..., between, :], g_second[..., -rest:, :], out=g[..., between, :]
        )
    return g


def linear_scan_levels(a: Tensor, b: Tensor, levels: int | None = None) -> Tensor:
    """`linear_scan` of up to 2^levels steps (`SCAN_LEVELS`), with no branch that depends on their number.

    It has no gradient. What is recorded of it for one length (`exporting`) holds for all others. An odd step
    at the end is paired with one of zeros, which changes nothing: a level that is not needed pairs a single
    step.
    """
    levels = SCAN_LEVELS if levels is None else levels
    if levels == 0:
        return b
    length = b.shape[-2]
    odd = length % 2
    pairs_a, pairs_b = (torch.unflatten(fn.pad(x, (0, 0, 0, odd)), -2, (-1, 2)) for x in (a, b))
    a_first, a_second = pairs_a[..., 0, :], pairs_a[..., 1, :]
    b_first, b_second = pairs_b[..., 0, :], pairs_b[..., 1, :]
    h_second = linear_scan_levels(a_first * a_second, b_second + a_second * b_first, levels - 1)
    before = fn.pad(h_second[..., :-1, :], (0, 0, 1, 0))
    h = torch.stack([b_first + a_first * before, h_second], dim=-2)
    return h.flatten(-3, -2)[..., :length, :]


def grouped_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, backend: str = "torch"
) -> Tensor:
    """S6 over G groups of channels, time-major: the form that SS2D uses, without a transposition.

    u, delta (batch, G, L, E), delta before its softplus and with its bias; A (G, E, N) negative;
    B, C (batch, G, L, N); D (G, E). Returns (batch, G, L, E) in u's dtype; everything inside is float32 or
    wider. Source: Gu and Dao 2023, with VMamba's grouping. `backend`: see `choose_backend`; "levels" is
    "torch" by `linear_scan_levels`.
    """
    if backend == "mamba_ssm":
        return _grouped_scan_mamba(u, delta, A, B, C, D)
    scan = linear_scan_levels if backend == "levels" else linear_scan
    with torch.autocast(u.device.type, enabled=False):
        wide = torch.promote_types(u.dtype, torch.float32)
        uw, step = u.to(wide), fn.softplus(delta.to(wide))
        A, B, C, D = (x.to(wide) for x in (A, B, C, D))
        if A.shape[-1] == 1:
            h = scan(torch.exp(step * A[:, None, :, 0]), step * uw * B)
            return torch.addcmul(C * h, D[:, None], uw).to(u.dtype)
        decay = torch.exp(step[..., None] * A[:, None])
        inflow = (step * uw)[..., None] * B[..., None, :]
        h = scan(decay.flatten(-2), inflow.flatten(-2)).view(decay.shape)
        return torch.addcmul((h @ C[..., None]).squeeze(-1), D[:, None], uw).to(u.dtype)


def _grouped_scan_mamba(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn  # type: ignore[import-not-found,unused-ignore]

    def to_channels(x: Tensor) -> Tensor:
        return x.transpose(-1, -2).flatten(1, 2).contiguous()

    # Its kernels compute in float32 inside, but want B and C in the dtype of u.
    B, C = (x.to(u.dtype).transpose(-1, -2).contiguous() for x in (B, C))
    A, D = A.float().flatten(0, 1).contiguous(), D.float().flatten()
    y: Tensor = selective_scan_fn(
        to_channels(u), to_channels(delta).to(u.dtype), A, B, C, D, None, None, True
    )
    return torch.unflatten(y, 1, (u.shape[1], u.shape[-1])).transpose(-1, -2)


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    delta_bias: Tensor | None = None,
    backend: str = "torch",
) -> Tensor:
    """mamba-ssm's `selective_scan_ref` (delta_softplus=True), for any backend.

    u, delta (batch, channels, L); A (channels, N); B, C (batch, N, L) or (batch, G, N, L), where the channels
    split into G contiguous groups; D (channels); delta_bias (channels). Returns (batch, channels, L).
    """
    if B.dim() == 3:
        B, C = B[:, None], C[:, None]
    groups = B.shape[1]
    if delta_bias is not None:
        delta = delta + delta_bias[:, None]
    u, delta = (torch.unflatten(x, 1, (groups, -1)).transpose(-1, -2) for x in (u, delta))
    A, D = (torch.unflatten(x, 0, (groups, -1)) for x in (A, D))
    y = grouped_scan(u, delta, A, B.transpose(-1, -2), C.transpose(-1, -2), D, backend)
    return y.transpose(-1, -2).flatten(1, 2)


def selective_scan_loop(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, delta_bias: Tensor | None = None
) -> Tensor:
    """The reference of `selective_scan`, step by step; B and C grouped, (batch, G, N, L). Shapes as there."""
    step = fn.softplus(delta if delta_bias is None else delta + delta_bias[:, None])
    repeat = u.shape[1] // B.shape[1]
    B, C = B.repeat_interleave(repeat, dim=1), C.repeat_interleave(repeat, dim=1)
    h = torch.zeros(u.shape[0], u.shape[1], A.shape[1], dtype=u.dtype, device=u.device)
    ys = []
    for t in range(u.shape[2]):
        h = torch.exp(step[:, :, t, None] * A) * h + (step[:, :, t] * u[:, :, t])[..., None] * B[..., t]
        ys.append((h * C[..., t]).sum(-1) + D * u[:, :, t])
    return torch.stack(ys, dim=-1)


def ssd_scan(x: Tensor, step: Tensor, A: Tensor, B: Tensor, C: Tensor, segment: int = SSD_SEGMENT) -> Tensor:
    """Mamba-2's state space dual: one decay a head, all by matrix products in segments (Dao and Gu 2024).

    x (batch, L, heads, P); step (batch, L, heads) positive; A negative, (heads) or what broadcasts to step;
    B, C (batch, L, N).
    Returns y (batch, L, heads, P) with `h_t = exp(step_t A) h_{t-1} + step_t B_t x_t`, `y_t = <C_t, h_t>`.
    Padding at the end adds steps of length zero, which change nothing before them.
    """
    length = x.shape[1]
    pad = -length % segment
    x, B, C = (fn.pad(v, (0, 0) * (v.dim() - 2) + (0, pad)) for v in (x, B, C))
    log_decay = fn.pad(step * A, (0, 0, 0, pad))
    step = fn.pad(step, (0, 0, 0, pad))
    inflow = x * step[..., None]
    inflow, log_decay, B, C = (torch.unflatten(v, 1, (-1, segment)) for v in (inflow, log_decay, B, C))
    total = log_decay.cumsum(2)
    # Within a segment: y_i = sum_{j<=i} <C_i, B_j> exp(total_i - total_j) x_j.
    rows, cols = total.permute(0, 1, 3, 2)[..., :, None], total.permute(0, 1, 3, 2)[..., None, :]
    causal = torch.ones(segment, segment, dtype=torch.bool, device=x.device).tril()
    weights = (
        torch.exp((rows - cols).masked_fill(~causal, -torch.inf)) * (C @ B.transpose(-1, -2))[:, :, None]
    )
    flow = inflow.transpose(2, 3)
    inside = weights @ flow
    # Between segments: each segment's final state, carried on by the recurrence over segments.
    to_end = torch.exp(total[:, :, -1:] - total).transpose(2, 3)[..., None]
    states = (B.transpose(-1, -2)[:, :, None] @ (flow * to_end)).flatten(2)
    heads = step.shape[2]
    carried = linear_scan(_segment_decay(total, states, heads), states)
    entering = torch.unflatten(fn.pad(carried[:, :-1], (0, 0, 1, 0)), 2, (heads, B.shape[-1], -1))
    across = (C[:, :, None] @ entering) * torch.exp(total).transpose(2, 3)[..., None]
    return (inside + across).transpose(2, 3).flatten(1, 2)[:, :length]


def _segment_decay(total: Tensor, states: Tensor, heads: int) -> Tensor:
    repeat = states.shape[-1] // heads
    return torch.exp(total[:, :, -1]).repeat_interleave(repeat, dim=-1)


def cross_scan(x: Tensor) -> Tensor:
    """Four readings of a map: rows, columns, and both reversed (VMamba). (B, C, H, W) to (B, 4, H * W, C)."""
    rows = x.permute(0, 2, 3, 1).flatten(1, 2)
    columns = x.permute(0, 3, 2, 1).flatten(1, 2)
    return torch.stack([rows, columns, rows.flip(1), columns.flip(1)], dim=1)


def cross_merge(y: Tensor, height: int, width: int) -> Tensor:
    """Sum the four readings back onto the map: `y0 + flip(y2) + T(y1) + T(flip(y3))`.

    y (B, 4, H * W, C) to (B, C, H, W), channels-last in memory.
    """
    rows = torch.unflatten(y[:, 0] + y[:, 2].flip(1), 1, (height, width))
    columns = torch.unflatten(y[:, 1] + y[:, 3].flip(1), 1, (width, height))
    return (rows + columns.transpose(1, 2)).permute(0, 3, 1, 2)


def choose_backend(device: torch.device) -> str:
    """ "mamba_ssm" where its compiled scan can be imported and the device is CUDA, otherwise "torch"."""
    if device.type != "cuda" or importlib.util.find_spec("mamba_ssm") is None:
        return "torch"
    try:
        import mamba_ssm.ops.selective_scan_interface  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
    except Exception:  # its import fails in many ways: a missing extension, another ABI, no triton
        return "torch"
    return "mamba_ssm"
