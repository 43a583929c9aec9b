"""What `tests.bench.gpu` measures of our own kernels, each against PyTorch's, and of the precisions."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from models.checkpoint import load_checkpoint
from models.decoder import DeformableAttention, attend_points
from models.devices import HostDevice
from models.encoder import SS2D
from models.fused import is_depthwise
from models.predictor import CodesOf, prepare_network
from models.scan import choose_backend, cross_merge, cross_scan, grouped_scan
from models.stem import FoldedConv
from tests.bench.gpu_predicting import Subject, bare_rates

TILES_PX = {"cuda": (576, 1088), "cpu": (64,)}
DTYPES = {"fp32": torch.float32, "fp16": torch.float16}
LIMIT = {"fp32": 1e-3, "fp16": 5e-2}
"""How far a kernel may be from PyTorch in float32, of the largest number there."""
WAYS = (("fp32", "torch"), ("bf16", "torch"), ("fp16", "torch"), ("fp32", "triton"), ("fp16", "triton"))
MOST_CODES_OFF = {"fp32": 0.01, "bf16": 3.0, "fp16": 0.5}
"""Of 254, on the mean of tiles of noise."""
REPEATS = {"cuda": 10, "cpu": 1}


@dataclass(frozen=True, slots=True)
class Case:
    """One call of a kernel: kind, the input's (channels, rows, columns), and what else decides its cost.

    depthwise: kernel, stride; sampling: heads, points; scanning: states, and 0.
    """

    kind: str
    shape: tuple[int, int, int]
    one: int
    other: int


Work = Callable[[], Tensor]


def kernels(subject: Subject, left_s: float) -> dict[str, Any]:
    """Milliseconds of each kernel and of PyTorch at the network's shapes, and of all calls of a batch."""
    until, rows, wrong = time.monotonic() + 0.8 * left_s, list[dict[str, Any]](), list[str]()
    for tile_px in TILES_PX[subject.device.type]:
        for case, calls in calls_of(subject.checkpoint, tile_px).items():
            for name in DTYPES:
                if time.monotonic() > until:
                    return {"cut_before": f"{tile_px} px, {case}", "rows": rows, "wrong": wrong}
                row = {"tile_px": tile_px, "dtype": name, **vars_of(case), "calls": calls}
                row |= compare(subject, case, name)
                rows.append(row)
                wrong += [f"{row}"] if not row["off"] <= LIMIT[name] else []
    return {"of_a_batch_ms": sums(rows), "rows": rows, "wrong": wrong}


def vars_of(case: Case) -> dict[str, Any]:
    """A case as plain values."""
    return {"kind": case.kind, "shape": list(case.shape), "one": case.one, "other": case.other}


def sums(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Milliseconds of all calls of a batch, by kind, tile and precision."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        total = found.setdefault(f"{row['kind']} {row['tile_px']} px {row['dtype']}", {})
        for way in ("torch_ms", "triton_ms"):
            total[way] = round(total.get(way, 0.0) + row["calls"] * row[way], 3)
    return found


def calls_of(checkpoint: str, tile_px: int) -> Counter[Case]:
    """What the network of a checkpoint would ask of the kernels for one tile, and how often."""
    network = prepare_network(load_checkpoint(checkpoint).network, torch.device("cpu"))
    found: Counter[Case] = Counter()

    def note(module: nn.Module, given: tuple[Tensor]) -> None:
        channels, *sides = given[0].shape[1:]
        if isinstance(module, DeformableAttention):
            case = Case("sampling", (channels, *sides), module.heads, module.points)
        elif isinstance(module, SS2D):
            case = Case("scanning", (module.inner, *sides), module.states, 0)
        else:
            stride = module.stride if isinstance(module.stride, int) else module.stride[0]
            kernel = module.weight.shape[-1]
            case = Case("depthwise", (channels, *sides), kernel - (kernel + 1) % 2, stride)
        found[case] += 1

    for module in network.modules():
        if isinstance(module, DeformableAttention | SS2D) or (
            isinstance(module, nn.Conv2d | FoldedConv) and is_depthwise(module)
        ):
            module.register_forward_pre_hook(note)
    with torch.inference_mode():
        network(torch.zeros(1, 3, tile_px, tile_px, dtype=torch.uint8))
    return found


def compare(subject: Subject, case: Case, dtype: str) -> dict[str, float]:
    """Milliseconds of both, how many times as fast the kernel is, and its distance from float32."""
    torch.manual_seed(0)
    batch = subject.batch_tiles
    exact, theirs, ours = MAKERS[case.kind](case, batch, DTYPES[dtype], subject.device)
    with subject.computing():
        expected = exact()
        off = float((ours().float() - expected).abs().max() / expected.abs().max())
        took = [_ms(subject, work) for work in (theirs, ours)]
    return {
        "torch_ms": round(took[0], 4),
        "triton_ms": round(took[1], 4),
        "times": round(took[0] / max(took[1], 1e-6), 2),
        "off": off,
    }


def depthwise(case: Case, batch: int, dtype: torch.dtype, device: torch.device) -> tuple[Work, Work, Work]:
    """PyTorch in float32, PyTorch, and ours. The stems' widened kernels are measured without their zeros."""
    from models.kernels.depthwise import depthwise_conv

    channels, kernel, stride = case.shape[0], case.one, case.other
    x = torch.randn(batch, *case.shape, dtype=dtype, device=device)
    x = x.contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, 1, kernel, kernel, dtype=dtype, device=device)

    def theirs(x: Tensor, weight: Tensor) -> Tensor:
        return fn.conv2d(x, weight, None, stride, kernel // 2, groups=channels)

    return (
        lambda: theirs(x.float(), weight.float()),
        lambda: theirs(x, weight),
        lambda: depthwise_conv(x, weight, None, stride),
    )


def sampling(case: Case, batch: int, dtype: torch.dtype, device: torch.device) -> tuple[Work, Work, Work]:
    """PyTorch in float32, PyTorch, and ours."""
    from models.kernels.sampling import deformable_sample

    (channels, *sides), heads, points = case.shape, case.one, case.other

    def made(count: int) -> Tensor:
        maps = torch.randn(batch, count, *sides, dtype=dtype, device=device)
        return maps.contiguous(memory_format=torch.channels_last)

    value, offsets, logits = made(channels), made(heads * points * 2) * 3, made(heads * points)
    offsets = torch.unflatten(offsets, 1, (heads, points, 2))
    logits = torch.unflatten(logits, 1, (heads, points))
    return (
        lambda: attend_points(value.float(), offsets, logits),
        lambda: attend_points(value, offsets, logits),
        lambda: deformable_sample(value, offsets, logits),
    )


def scanning(case: Case, batch: int, dtype: torch.dtype, device: torch.device) -> tuple[Work, Work, Work]:
    """PyTorch in float32, what the network has (mamba_ssm where it is), and ours.

    Steps, B and C are random: theirs come in the order of each reading and ours in that of the map, so for
    the distance they are the same at every position.
    """
    from models.kernels.scanning import scan_map

    (channels, height, width), states, length = case.shape, case.one, case.shape[1] * case.shape[2]
    x = torch.randn(batch, *case.shape, dtype=dtype, device=device)
    x = x.contiguous(memory_format=torch.channels_last)
    delta = (torch.randn(batch, 4, 1, channels, device=device) - 3).expand(-1, -1, length, -1).contiguous()
    B, C = (
        torch.randn(batch, 4, 1, states, dtype=dtype, device=device).expand(-1, -1, length, -1).contiguous()
        for _ in range(2)
    )
    A, D = -torch.rand(4, channels, states, device=device), torch.randn(4, channels, device=device)

    def theirs(x: Tensor, B: Tensor, C: Tensor, backend: str) -> Tensor:
        return cross_merge(grouped_scan(cross_scan(x), delta, A, B, C, D, backend), height, width)

    def ours() -> Tensor:
        y = scan_map(x.permute(0, 2, 3, 1).flatten(1, 2), delta, A, B, C, D, width)
        return torch.unflatten(y, 1, (height, width)).permute(0, 3, 1, 2)

    return (
        lambda: theirs(x.float(), B.float(), C.float(), "torch"),
        lambda: theirs(x, B, C, choose_backend(device)),
        ours,
    )


MAKERS = {"depthwise": depthwise, "sampling": sampling, "scanning": scanning}


def _ms(subject: Subject, work: Work) -> float:
    """Milliseconds of one call among several that are queued one behind the other: the median of three."""
    repeats, took = REPEATS[subject.device.type], []
    for _ in range(2):
        work()
    for _ in range(3):
        subject.wait()
        began = time.perf_counter()
        for _ in range(repeats):
            work()
        subject.wait()
        took.append(1000 * (time.perf_counter() - began) / repeats)
    return statistics.median(took)


def precision(subject: Subject, left_s: float) -> dict[str, Any]:
    """Mpx/s of the bare network by precision and kernels, and how far its codes are from a CPU's float32."""
    until, found, wrong = time.monotonic() + 0.8 * left_s, dict[str, Any](), list[str]()
    tiles, origins = (x.cpu().numpy() for x in subject.batch(2, seed=1))
    plain = prepare_network(load_checkpoint(subject.checkpoint).network, torch.device("cpu"))
    expected = HostDevice(CodesOf(plain), 1).predict_tiles(tiles, origins).astype(int)
    ways = WAYS if subject.device.type == "cuda" else WAYS[:2]
    for name, ours in ways:
        if time.monotonic() > until:
            return {**found, "cut_before": f"{name} {ours}", "wrong": wrong}
        network = load_checkpoint(subject.checkpoint).network
        codes = CodesOf(prepare_network(network, subject.device, name, ours))
        given = (torch.from_numpy(part).to(subject.device) for part in (tiles, origins))
        with subject.computing():
            off = np.abs(codes(*given).cpu().numpy().astype(int) - expected)
        rates = bare_rates(subject, subject.batch_tiles, codes)
        found[f"{name} {ours}"] = {
            "mpx_per_s": {way: round(rate * subject.tile_px**2 / 1e6, 3) for way, rate in rates.items()},
            "most_codes_from_cpu": int(off.max()),
            "mean_codes_from_cpu": float(off.mean()),
        }
        wrong += [f"{name} {ours}"] if off.mean() > MOST_CODES_OFF[name] else []
    return {**found, "wrong": wrong}
