"""What a tile costs on one CPU thread, by part of the network, beside a plain FPN of the same stem.

    python -m tests.bench.network [--checkpoint bundled-fine] [--tile 576] [--repeat 9] [--backend NAMES]

Student, FPN and a matrix product of float32 (the core's peak) take turns in one process, so that whatever
else the machine does touches all of them; seconds are CPU of the whole process, medians over the turns. The
FPN has the student's stem with its weights. Multiply-adds are those of convolutions and matrix products; the
recurrence of the scan, norms and sampling have none. The last line is JSON,
of the last backend:

    {"backend", "student_s", "fpn_s", "ratio", "share_of_peak", "peak_gmac_per_s", "parts"}

Each of its parts has "ms", "gmac" and "share_of_peak"; `encoder.gdb` and `encoder.ss2d` are within
`encoder`, and `rest` is what lies between the parts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from models.checkpoint import load_checkpoint
from models.openvino_network import is_installed
from models.processes import prepare_process
from tests.bench.network_openvino import OpenVINOSubject
from tests.bench.network_parts import PEAK_GMAC, Subject, TorchSubject, sgemm
from tests.bench.tables import markdown

BACKENDS: dict[str, Callable[[Any, Any, int], Subject]] = {
    "torch": TorchSubject,
    "openvino": OpenVINOSubject,
    "openvino-bf16": partial(OpenVINOSubject, precision="bf16"),
}
"""By name: what makes a subject of the student, the FPN and the tile's side."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure with each backend, print a table a backend, and the last one's numbers as JSON."""
    options = _parser().parse_args(arguments)
    prepare_process()
    for name in options.backend or (["torch", "openvino"] if is_installed() else ["torch"]):
        student = load_checkpoint(options.checkpoint).network
        subject = BACKENDS[name](student, fpn_of(student), options.tile)
        found = {"backend": name, **measure(subject, options.repeat)}
        print(f"{options.checkpoint}, {options.tile} px, {name}\n\n{table(found)}\n")
    print(json.dumps(found))
    return 0


def fpn_of(student: Any) -> torch.nn.Module:
    """The FPN on a copy of a student's stem. Raises ValueError for a stem that no FPN is made for."""
    from tests.bench.rival_networks import build_rival

    kind = student.config.stem.kind
    if not student.config.stem.pretrained:
        raise ValueError(f"an FPN reads strides 4 to 32 of EfficientNet-Lite, and this stem is {kind!r}")
    rival = build_rival("fpn", imagenet=False, stem=kind)
    rival.stem.load_state_dict(student.stem.state_dict())
    return rival.eval()


def measure(subject: Subject, repeat: int, clock: Callable[[], float] = time.process_time) -> dict[str, Any]:
    """The numbers of the last line, from `repeat` turns after one that warms up."""
    turns: dict[str, Callable[[], object]] = {
        "student": subject.student,
        "fpn": subject.fpn,
        "peak": sgemm(),
    }
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    spent: list[Mapping[str, float]] = []
    for turn in range(repeat + 1):
        for name, call in turns.items():
            began = clock()
            call()
            if turn:
                seconds[name].append(clock() - began)
        if turn:
            spent.append(subject.parts_s(clock))
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    parts = {name: statistics.median(part[name] for part in spent) for name in spent[0]}
    return summary(middle, parts, subject.parts_gmac())


def summary(
    seconds: Mapping[str, float], parts_s: Mapping[str, float], parts_gmac: Mapping[str, float]
) -> dict[str, Any]:
    """Shares and ratios of seconds {"student", "fpn", "peak"}, and of the parts' seconds and GMAC.

    `parts_gmac` has "whole", the network's; the share of a part is its GMAC a second over the peak's.
    """
    peak = PEAK_GMAC / seconds["peak"]
    parts = {
        name: {
            "ms": round(1000 * part_s, 2),
            "gmac": round(parts_gmac[name], 4),
            "share_of_peak": round(parts_gmac[name] / part_s / peak, 3) if part_s > 0 else 0.0,
        }
        for name, part_s in parts_s.items()
    }
    return {
        "student_s": round(seconds["student"], 4),
        "fpn_s": round(seconds["fpn"], 4),
        "ratio": round(seconds["student"] / seconds["fpn"], 3),
        "share_of_peak": round(parts_gmac["whole"] / seconds["student"] / peak, 3),
        "peak_gmac_per_s": round(peak, 1),
        "parts": parts,
    }


def table(found: Mapping[str, Any]) -> str:
    """What people read: a row a part, then the whole beside the FPN."""
    rows = [
        [name, f"{part['ms']:.1f}", f"{part['gmac']:.3f}", f"{part['share_of_peak']:.2f}"]
        for name, part in found["parts"].items()
    ]
    rows.append(["student", f"{1000 * found['student_s']:.1f}", "", f"{found['share_of_peak']:.2f}"])
    rows.append(["FPN of its stem", f"{1000 * found['fpn_s']:.1f}", "", ""])
    head = ["part", "ms", "GMAC", f"share of {found['peak_gmac_per_s']} GMAC/s"]
    return f"{markdown(head, rows)}\n\nthe student takes {found['ratio']:.2f} times the FPN's seconds"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.network",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--checkpoint", default="bundled", help="bundled, bundled-fine or a folder (%(default)s)"
    )
    parser.add_argument("--tile", type=_side, default=576, metavar="PX", help="of a side (%(default)s)")
    parser.add_argument("--repeat", type=int, default=9, help="turns that count (%(default)s)")
    parser.add_argument(
        "--backend", nargs="+", choices=list(BACKENDS), help="torch, and openvino where it is installed"
    )
    return parser


def _side(text: str) -> int:
    side = int(text)
    if side < 64 or side % 32:
        raise argparse.ArgumentTypeError(f"a tile's side is a multiple of 32 px from 64 on, got {text}")
    return side


if __name__ == "__main__":
    sys.exit(main())
