"""What can compute a student, and what not."""

import pytest

from models.backends import check_backend


@pytest.mark.parametrize(
    ("backend", "precision", "device", "words"),
    [
        ("onnx", "fp32", "cpu", r"model\.backend must be one of torch, openvino, found 'onnx'"),
        ("openvino", "fp32", "cuda", r"model\.backend: openvino computes on CPUs, and the device is cuda"),
        ("openvino", "fp16", "cpu", r"model\.precision: openvino computes in fp32 or bf16, found 'fp16'"),
    ],
)
def test_a_backend_that_cannot_do_what_is_asked_is_refused(backend, precision, device, words):
    with pytest.raises(ValueError, match=words):
        check_backend(backend, precision, device)


def test_torch_computes_in_every_precision_on_every_device():
    for precision in ("fp32", "bf16", "fp16"):
        for device in ("cpu", "cuda"):
            check_backend("torch", precision, device)
