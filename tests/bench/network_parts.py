"""The student and its rival as a backend runs them, and what each part of the student takes of a tile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.encoder import SS2D
from models.layers import GDB
from models.predictor import prepare_network
from models.sgddiff import SGDDiff
from models.stem import fold_batch_norms

PEAK_SIDE = 1024
PEAK_GMAC = PEAK_SIDE**3 / 1e9
TOP_PARTS = ("stem", "encoder", "denoiser", "decoder", "refine_head")
INNER_PARTS = {"encoder.gdb": GDB, "encoder.ss2d": SS2D}


class Subject(Protocol):
    """Student and FPN of one backend, and a tile that both are given."""

    def student(self) -> object:
        """Compute the tile by the student."""

    def fpn(self) -> object:
        """Compute the tile by the FPN."""

    def parts_s(self, clock: Callable[[], float] = time.process_time) -> Mapping[str, float]:
        """Compute the tile by the student, and return the seconds of each part."""

    def parts_gmac(self) -> Mapping[str, float]:
        """Multiply-adds of each part of the student, in 1e9, and of the "whole"."""


class TorchSubject:
    """Both in plain PyTorch, norms folded, channels last."""

    def __init__(self, student: SGDDiff, fpn: nn.Module, tile_px: int) -> None:
        self._student = prepare_network(student, torch.device("cpu"))
        fold_batch_norms(fpn.requires_grad_(False))
        self._fpn = fpn
        generator = torch.Generator().manual_seed(0)
        self._tile = torch.randint(0, 256, (1, 3, tile_px, tile_px), dtype=torch.uint8, generator=generator)

    @torch.inference_mode()
    def student(self) -> Tensor:
        """Saliency (1, 1, H, W)."""
        saliency: Tensor = self._student(self._tile)
        return saliency

    @torch.inference_mode()
    def fpn(self) -> Tensor:
        """Saliency (1, 1, H, W)."""
        saliency: Tensor = self._fpn(self._tile)
        return saliency

    def parts_s(self, clock: Callable[[], float] = time.process_time) -> dict[str, float]:
        """CPU seconds of each part, and of what lies between them."""
        return self._spent(clock)

    def parts_gmac(self) -> dict[str, float]:
        """As PyTorch counts them: convolutions and matrix products."""
        with FlopCounterMode(display=False) as counter:
            found = self._spent(lambda: counter.get_total_flops() / 2e9)
        return {**found, "whole": counter.get_total_flops() / 2e9}

    def _spent(self, reading: Callable[[], float]) -> dict[str, float]:
        with Meter(self._student, reading).attached() as meter:
            began = reading()
            self.student()
            whole = reading() - began
        outer = sum(meter.spent[name] for name in TOP_PARTS)
        return {**meter.spent, "rest": max(0.0, whole - outer)}


class Meter:
    """How far a reading (seconds, multiply-adds) goes on while a network is in each of its parts."""

    def __init__(self, network: nn.Module, reading: Callable[[], float]) -> None:
        self.spent = dict.fromkeys(parts_of(network), 0.0)
        self._modules, self._reading = parts_of(network), reading

    @contextmanager
    def attached(self) -> Iterator[Meter]:
        """Listen to the network for as long as the context lasts."""
        hooks = [
            hook
            for name, modules in self._modules.items()
            for module in modules
            for hook in self._listen(name, module)
        ]
        try:
            yield self
        finally:
            for hook in hooks:
                hook.remove()

    def _listen(self, name: str, module: nn.Module) -> tuple[Any, Any]:
        begun: list[float] = []

        def start(*_: object) -> None:
            begun.append(self._reading())

        def stop(*_: object) -> None:
            self.spent[name] += self._reading() - begun.pop()

        return module.register_forward_pre_hook(start), module.register_forward_hook(stop)


def parts_of(network: nn.Module) -> dict[str, list[nn.Module]]:
    """The modules of each part by its name: the five of `TOP_PARTS`, and kinds of modules in the encoder."""
    found: dict[str, list[nn.Module]] = {}
    for name in TOP_PARTS:
        part = getattr(network, name)
        found[name] = [part]
        if name == "encoder":
            for inner, kind in INNER_PARTS.items():
                found[inner] = [module for module in part.modules() if isinstance(module, kind)]
    return found


def sgemm() -> Callable[[], Tensor]:
    """A product of two square matrices of `PEAK_SIDE`, float32: `PEAK_GMAC` at the rate of the core."""
    left, right = (torch.rand(PEAK_SIDE, PEAK_SIDE) for _ in range(2))
    out = torch.empty_like(left)
    return lambda: torch.mm(left, right, out=out)
