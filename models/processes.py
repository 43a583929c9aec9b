"""What a process that computes sets first: its threads, and large pages for its maps."""

from __future__ import annotations

import os

import torch

THREADS = 1
"""Of a predictor on a CPU: two change the last bit, and more cores are used by more predictors."""

LARGE_PAGES = "THP_MEM_ALLOC_ENABLE"
"""PyTorch's switch, read once, when a process makes its first tensor."""


def prepare_process(threads: int = THREADS) -> None:
    """Set PyTorch's threads of this process, and large pages for its maps; call it before any tensor is made.

    A map of a tile of 1088 px takes more than glibc keeps for the next one, so the kernel clears its pages
    anew for every map: 4 KB at a time that is a quarter of a tile's time. Where the kernel offers no large
    pages, and for who set the variable otherwise, nothing changes; no bit of a result ever does.
    """
    os.environ.setdefault(LARGE_PAGES, "1")
    torch.set_num_threads(threads)
