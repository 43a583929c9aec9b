"""One thread and a fixed seed for every test of the network; small networks and pairs to test with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from models.data import Pair, make_pair
from models.presets import preset
from models.sgddiff import SGDDiff


@pytest.fixture(autouse=True)
def _one_thread_and_seed() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny() -> SGDDiff:
    return SGDDiff(preset("tiny")).eval()


@pytest.fixture
def squares() -> list[Pair]:
    """Three pictures of dark noise with one bright square each; the square is the mask."""
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(3):
        pixels = rng.integers(0, 60, (3, 160, 176), dtype=np.uint8)
        mask = np.zeros((160, 176), dtype=bool)
        mask[40 + 20 * index : 90, 30:80] = True
        pixels[:, mask] += 150
        pairs.append(make_pair(f"square{index}", pixels, mask))
    return pairs
