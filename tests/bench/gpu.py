"""Everything that needs a GPU in one command: what is right, how fast it is, where the time goes.

    python -m tests.bench.gpu [--seconds 240] [--out gpu.json] [--only agreement predict ...]

Runs with PyTorch, NumPy, safetensors and pytest; what needs more is left out and says what is missing. The
most useful comes first, each section is written as soon as it ends, and those that no time is left for are
named. JSON goes to --out, or to the terminal at the end; the exit code is 1 where something is wrong.

    agreement  codes of the GPU against the CPU's; any batch, order, thread and graph gives the same bytes
    predict    tasks against the bare network (the bar: .9), several at once, scenes of one tile
    tests      `pytest -m gpu`
    batches    the bare network by batch, call by call and as a graph
    parts      what each part of the network takes of a batch
    precision  the bare network in half precision and with our kernels, and its codes against the CPU's
    kernels    each kernel of ours against PyTorch's, at the network's shapes for tiles of 576 and 1088 px
    jobs       `sgddiff run` over one large scene and many small ones
    training   steps a second on random crops, and what drawing them takes
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.bench import gpu_kernels, gpu_outside, gpu_predicting
from tests.bench.gpu_predicting import Subject

GRACE_S = 15.0


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the measurement, and the fewest seconds that it makes sense with."""

    name: str
    measure: Callable[[Subject, float], dict[str, Any]]
    least_s: float


def training(subject: Subject, left_s: float) -> dict[str, Any]:
    """See `gpu_training`, which needs SciPy."""
    from tests.bench.gpu_training import training as measured

    return measured(subject, left_s)


SECTIONS = (
    Section("agreement", gpu_predicting.agreement, 10),
    Section("predict", gpu_predicting.predict, 10),
    Section("tests", gpu_outside.tests, 30),
    Section("batches", gpu_predicting.batches, 10),
    Section("parts", gpu_predicting.parts, 5),
    Section("precision", gpu_kernels.precision, 20),
    Section("kernels", gpu_kernels.kernels, 30),
    Section("jobs", gpu_outside.jobs, 40),
    Section("training", training, 10),
)


class Report:
    """What was found so far; written after each section, so that whatever ends the program loses only one."""

    def __init__(self, out: Path | None, facts: dict[str, Any]) -> None:
        self._out, self._lock = out, threading.Lock()
        self._content: dict[str, Any] = facts

    def add(self, name: str, found: dict[str, Any]) -> None:
        """Keep what a section found, and say so on the terminal."""
        with self._lock:
            self._content[name] = found
            print(f"{name}: {json.dumps(found)}", file=sys.stderr, flush=True)
            self._write()

    def _write(self) -> None:
        if self._out is not None:
            part = self._out.with_suffix(".part")
            part.write_text(self.text())
            part.replace(self._out)

    def text(self) -> str:
        """All of it, as JSON."""
        return json.dumps(self._content, indent=1) + "\n"

    @property
    def is_good(self) -> bool:
        """Whether nothing that was looked at is wrong."""
        found = [section for section in self._content.values() if isinstance(section, dict)]
        return not any("error" in section or section.get("wrong") for section in found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what fits into the time; 1 where something is wrong."""
    began = time.monotonic()
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    subject = Subject(
        torch.device(options.device), options.checkpoint, options.tile, options.batch, options.task
    )
    report = Report(options.out, facts(subject))
    chosen = [section for section in SECTIONS if section.name in options.only]
    with Watch(report, options.seconds + GRACE_S):
        for section in chosen:
            left = options.seconds - (time.monotonic() - began)
            report.add(section.name, run(section, subject, left))
        subject.close()
    if options.out is None:
        print(report.text(), end="")
    return 0 if report.is_good else 1


def run(section: Section, subject: Subject, left_s: float) -> dict[str, Any]:
    """What a section found and its seconds, or why it found nothing."""
    if left_s < section.least_s:
        return {"left_out": f"{left_s:.0f} s were left"}
    began = time.monotonic()
    try:
        found = section.measure(subject, left_s)
    except ModuleNotFoundError as error:
        found = {"left_out": f"{error.name} is not installed"}
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"[:500]}
    return {**found, "seconds": round(time.monotonic() - began, 1)}


class Watch:
    """Ends the program if it is at work after so many seconds: a kernel that hangs cannot be stopped."""

    def __init__(self, report: Report, seconds: float) -> None:
        self._report = report
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        self._report.add("watch", {"error": "a section did not end in time"})
        print(self._report.text(), flush=True)
        os._exit(1)


def facts(subject: Subject) -> dict[str, Any]:
    """The machine and what is measured on it."""
    name = torch.cuda.get_device_name() if subject.device.type == "cuda" else "cpu"
    return {
        "device": name,
        "torch": torch.__version__,
        "python": sys.version.split()[0],
        "cores": len(os.sched_getaffinity(0)),
        "checkpoint": subject.checkpoint,
        "tile_px": subject.tile_px,
        "batch_tiles": subject.batch_tiles,
    }


def _parser() -> argparse.ArgumentParser:
    names = [section.name for section in SECTIONS]
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu")
    parser.add_argument("--seconds", type=float, default=240.0, help="for all of it (%(default)s)")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="sections")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--checkpoint", default="bundled")
    parser.add_argument("--tile", type=int, default=576, help="px of a side (%(default)s)")
    parser.add_argument("--task", type=int, default=4096, help="px of a side (%(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="tiles (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
