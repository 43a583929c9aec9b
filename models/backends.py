"""What can compute a student: PyTorch, or OpenVINO on a CPU."""

from __future__ import annotations

from .openvino_network import PRECISIONS

BACKENDS = ("torch", "openvino")


def check_backend(backend: str, precision: str, device: str) -> None:
    """Raise ValueError where a backend ("torch", "openvino") does not compute in a precision on a device.

    precision: what `choose_precision` gives; OpenVINO computes in fp32 and bf16. device: cpu or cuda.
    """
    if backend not in BACKENDS:
        raise ValueError(f"model.backend must be one of {', '.join(BACKENDS)}, found {backend!r}")
    if backend == "openvino" and device != "cpu":
        raise ValueError(
            f"model.backend: openvino computes on CPUs, and the device is {device}; "
            "set model.device: cpu, or model.backend: torch"
        )
    if backend == "openvino" and precision not in PRECISIONS:
        raise ValueError(
            f"model.precision: openvino computes in {' or '.join(PRECISIONS)}, found {precision!r}"
        )
