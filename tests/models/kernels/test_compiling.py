"""The kernels pass Triton's compiler for an H100, without one: its interpreter takes what that refuses."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
from triton import compile
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from models.kernels import depthwise, sampling, scanning

def check(kernel, half, single=(), **constants):
    types = {**dict.fromkeys(half, "*fp16"), **dict.fromkeys(single, "*fp32")}
    signature = {
        name: "constexpr" if name in constants else types.get(name, "i32") for name in kernel.arg_names
    }
    made = compile(ASTSource(kernel, signature, constants), target=GPUTarget("cuda", 90, 32))
    print(kernel.__name__, len(made.asm["cubin"]))

sizes = dict(COLUMNS=depthwise.COLUMNS, CHANNELS=depthwise.CHANNELS)
taps = dict(KERNEL=3, STRIDE=2, PAD=0, HAS_BIAS=True)
check(depthwise._depthwise, ("x", "taps", "bias", "out"), **taps, **sizes)
points = dict(POINTS=4, EACH=8, POSITIONS=sampling.POSITIONS)
check(sampling._sample, ("value", "moves", "scores", "out"), **points)
pieces = dict(STATES=1, SLOTS=1, STEPS=scanning.STEPS, CHANNELS=scanning.CHANNELS)
check(scanning._scan, ("u", "B", "C"), ("delta", "A", "D", "y"), **pieces)
"""


@pytest.mark.slow
def test_each_kernel_is_compiled_for_a_gpu_that_is_not_here(tmp_path):
    pytest.importorskip("triton", reason="Triton is not installed: pip install triton")
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["_depthwise", "_sample", "_scan"]
