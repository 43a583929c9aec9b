"""The student and its rival as OpenVINO runs them on one thread; the parts are those of its own profile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.exporting import exportable, plain_parts, saliency_of
from models.openvino_network import Compiler, OpenVINOCodes
from models.sgddiff import SGDDiff
from tests.bench.network_parts import INNER_PARTS, TOP_PARTS, TorchSubject, parts_of


class OpenVINOSubject:
    """Both compiled for the tile; multiply-adds are counted by PyTorch, before the network is changed."""

    def __init__(self, student: SGDDiff, fpn: nn.Module, tile_px: int, precision: str = "fp32") -> None:
        self._prefixes = prefixes_of(student)
        self._gmac = TorchSubject(student, nn.Identity(), tile_px).parts_gmac()
        generator = torch.Generator().manual_seed(0)
        tile = torch.randint(0, 256, (1, 3, tile_px, tile_px), dtype=torch.uint8, generator=generator)
        cells, channels = tile_px // student.config.stride, student.config.diffusion.code_channels
        noise = torch.randn(
            student.config.diffusion.trajectories, channels, cells, cells, generator=generator
        )
        self._given = (tile, noise)
        self._student = Compiler(exportable(student), OpenVINOCodes.examples(student), precision)
        plain_parts(fpn.requires_grad_(False))
        self._fpn = Compiler(fpn, (tile,), precision)
        model: Any = self._student.compiled(*self._given, PERF_COUNT=True)
        self._profiled = model.create_infer_request()

    def student(self) -> Tensor:
        """Saliency (1, 1, H, W)."""
        return saliency_of(self._student.run(*self._given))

    def fpn(self) -> Tensor:
        """Saliency (1, 1, H, W)."""
        return self._fpn.run(self._given[0])

    def parts_s(self, clock: Callable[[], float] = time.process_time) -> dict[str, float]:
        """Seconds of each part: the whole call's by `clock`, shared as OpenVINO's profile has it.

        The profile's own clock goes on while other programs have the core.
        """
        began = clock()
        self._profiled.infer([x.numpy() for x in self._given], share_inputs=True)
        whole_s = clock() - began
        nodes = [(node.node_name, node.cpu_time.total_seconds()) for node in self._profiled.profiling_info]
        scale = whole_s / (sum(seconds for _, seconds in nodes) or 1.0)
        return by_part(((name, seconds * scale) for name, seconds in nodes), self._prefixes)

    def parts_gmac(self) -> dict[str, float]:
        """As PyTorch counts them."""
        return self._gmac


def prefixes_of(network: nn.Module) -> dict[str, list[str]]:
    """The names of each part's modules, as nodes of the graph have them, by the part's name."""
    names = {module: name for name, module in network.named_modules()}
    return {
        part: [f"__module.network.{names[module]}" for module in modules]
        for part, modules in parts_of(network).items()
    }


def by_part(nodes: Iterable[tuple[str, float]], prefixes: Mapping[str, list[str]]) -> dict[str, float]:
    """The sum of the nodes' seconds by part; those of no part are in "rest"."""
    spent = dict.fromkeys((*TOP_PARTS[:2], *INNER_PARTS, *TOP_PARTS[2:], "rest"), 0.0)
    for node, seconds in nodes:
        inside = [
            part
            for part, starts in prefixes.items()
            if any(node.startswith((f"{start}.", f"{start}/")) for start in starts)
        ]
        for part in inside or ["rest"]:
            spent[part] += seconds
    return spent
