"""Where kernels run: on the GPU if there is one, else in Triton's interpreter, slowly, on small shapes."""

from __future__ import annotations

import os

import pytest
import torch


@pytest.fixture
def place() -> torch.device:
    pytest.importorskip("triton", reason="Triton is not installed: pip install triton")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("no GPU, and Triton was not told to interpret: TRITON_INTERPRET=1")
    return torch.device("cpu")
