"""The student on OpenVINO, for CPUs: one graph, compiled for each shape of tiles that comes.

OpenVINO is an extra, and imported only here. A tile's bytes are the same alone and in a batch, for one caller
and many, and in every process on processors of one kind; they are within 1 of PyTorch's in float32.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import platform
import sys
import threading
from collections import OrderedDict
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .exporting import Examples, exportable, longest_px, noise_of, record, saliency_of
from .layouts import Shape
from .sgddiff import SGDDiff, pad_to_multiple
from .tasks import quantise

log = logging.getLogger(__name__)

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}
"""What computes, by our names and by OpenVINO's."""

MOST_SHAPES = 4
"""Compiled at once, the last that were used: those of a large mosaic. Each takes some 0.2 GiB a caller."""

GRAPH = "2"
"""Raised by hand when what is recorded changes codes. 2: group norms by means over positions, and
the last enlargement by PyTorch."""

_RECORDED_PX = 4
"""Of the picture that is recorded, in multiples of the network's."""

_INSTRUCTIONS = {
    "fp32": ("avx512f", "avx2"),
    "bf16": ("amx_bf16", "avx512_bf16", "avx512f", "avx2"),
}
"""The instruction sets that OpenVINO has other kernels for, the widest first."""


class Request(Protocol):
    """One of OpenVINO's requests: memory for one call."""

    def infer(self, inputs: list[Any], share_inputs: bool) -> object:
        """Compute arrays."""

    def get_output_tensor(self) -> Any:  # noqa: ANN401 - OpenVINO has no types
        """What the last call gave; `data` is the array."""


class CompiledModel(Protocol):
    """A graph that OpenVINO has compiled for one size."""

    def create_infer_request(self) -> Request:
        """Memory for one more call at a time."""


class MissingRuntimeError(ValueError):
    """OpenVINO is not installed."""


class OpenVINOCodes:
    """A student's codes by OpenVINO: see `graphs.Network`. May be called by several threads."""

    def __init__(self, network: SGDDiff, precision: str = "fp32") -> None:
        """Take a network, which is changed; each call has one thread.

        Raises MissingRuntimeError, and ValueError for a network or a precision that it cannot compute.
        """
        self._network, self._field = network, network.noise_field.clone()
        self._compiler = Compiler(exportable(network), self.examples(network), precision)

    def __call__(self, tiles: Tensor, origins: Tensor) -> Tensor:
        """Tiles (B, 3, h, w) uint8 and origins (B, 2) to codes (B, h, w) uint8, each tile by itself."""
        height, width = tiles.shape[-2:]
        padded = pad_to_multiple(tiles, self._network.config.multiple_px).to(torch.uint8)
        shape = (padded.shape[-2], padded.shape[-1])
        most = longest_px(self._network.config.stride)
        if shape[0] * shape[1] > most**2:
            raise ValueError(f"OpenVINO computes tiles of at most {most} x {most} px here, found {shape}")
        cells = tuple(side // self._network.config.stride for side in shape)
        codes = []
        for k in range(len(tiles)):
            noise = noise_of(self._network, self._field, origins[k : k + 1], *cells)
            saliency = saliency_of(self._compiler.run(padded[k : k + 1], noise))
            codes.append(quantise(saliency[0, 0, :height, :width]))
        return torch.stack(codes)

    @staticmethod
    def examples(network: SGDDiff) -> Examples:
        """Pixels and noise of a small picture, black and without noise, to record the network with."""
        side, diffusion = _RECORDED_PX * network.config.multiple_px, network.config.diffusion
        cells = side // network.config.stride
        pixels = torch.zeros(1, 3, side, side, dtype=torch.uint8)
        return pixels, torch.zeros(diffusion.trajectories, diffusion.code_channels, cells, cells)


class Compiler:
    """A module as OpenVINO's graph, compiled for each shape and caller at once; the last shapes are kept."""

    def __init__(self, module: nn.Module, examples: Examples, precision: str) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"model.precision must be one of {', '.join(PRECISIONS)}, found {precision!r}")
        openvino = import_openvino()
        self._core = openvino.Core()
        self._graph = openvino.convert_model(record(module, examples), example_input=examples)
        self._settings = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
            "EXECUTION_MODE_HINT": "ACCURACY" if precision == "fp32" else "PERFORMANCE",
            # One thread a call, so that its sums have one order, and a compiled graph of its own: streams of
            # one share weights, and give other numbers once a graph of another shape has gone.
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        self._idle: OrderedDict[Shape, list[Compiled]] = OrderedDict()
        self._lock, self._compiling = threading.Lock(), threading.Lock()

    def run(self, *inputs: Tensor) -> Tensor:
        """The only output, for inputs on the CPU whose sizes the module can take."""
        shape = (inputs[0].shape[-2], inputs[0].shape[-1])
        compiled = self._taken(shape) or self._compile(shape, inputs)
        try:
            return compiled.run(inputs)
        finally:
            self._give_back(shape, compiled)

    def compiled(self, *inputs: Tensor, **settings: object) -> CompiledModel:
        """OpenVINO's own compiled model for inputs like these, with further settings; nothing is kept."""
        graph = self._graph.clone()
        graph.reshape({number: list(x.shape) for number, x in enumerate(inputs)})
        model: CompiledModel = self._core.compile_model(graph, "CPU", {**self._settings, **settings})
        return model

    def _taken(self, shape: Shape) -> Compiled | None:
        with self._lock:
            idle = self._idle.get(shape)
            return idle.pop() if idle else None

    def _compile(self, shape: Shape, inputs: Examples) -> Compiled:
        with self._compiling:  # who waited takes what was given back meanwhile
            found = self._taken(shape)
            if found is not None:
                return found
            log.debug("OpenVINO compiles the network for tiles of %d x %d px", *shape)
            return Compiled(self.compiled(*inputs))

    def _give_back(self, shape: Shape, compiled: Compiled) -> None:
        with self._lock:
            self._idle.setdefault(shape, []).append(compiled)
            self._idle.move_to_end(shape)
            while len(self._idle) > MOST_SHAPES:
                self._idle.popitem(last=False)


class Compiled:
    """A compiled graph of one shape, for one call at a time."""

    def __init__(self, model: CompiledModel) -> None:
        self._request = model.create_infer_request()

    def run(self, inputs: Examples) -> Tensor:
        """The output, copied: the memory is written over by the next call."""
        self._request.infer([x.contiguous().numpy() for x in inputs], share_inputs=True)
        return torch.from_numpy(self._request.get_output_tensor().data.copy())


def import_openvino() -> ModuleType:
    """OpenVINO, without its telemetry: it would tell its maker of every import and conversion.

    Raises MissingRuntimeError where it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        openvino = importlib.import_module("openvino")
    except ImportError as error:
        raise MissingRuntimeError(f"OpenVINO cannot be imported ({error}); {_INSTALL}") from None
    return openvino


def is_installed() -> bool:
    """Whether OpenVINO could be imported; it is not."""
    return importlib.util.find_spec("openvino") is not None


def describe_runtime(precision: str) -> dict[str, str]:
    """What of OpenVINO and this processor decides bytes. Raises MissingRuntimeError where it is missing."""
    if not is_installed():
        raise MissingRuntimeError(f"OpenVINO is not installed; {_INSTALL}")
    return {
        "runtime": f"openvino {version('openvino')}",
        "graph": GRAPH,
        "precision": precision,
        "instructions": instruction_set(precision),
    }


def instruction_set(precision: str, cpu_info: Path = Path("/proc/cpuinfo")) -> str:
    """The widest of the processor's instruction sets that computes in a precision, or else its kind."""
    try:
        lines = cpu_info.read_text().splitlines()
    except OSError:
        return platform.machine()
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return next((name for name in _INSTRUCTIONS[precision] if name in flags), platform.machine())


_INSTALL = "install the extra: pip install 'sgddiff-batch[openvino]', or set model.backend to torch"
