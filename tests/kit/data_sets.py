"""Small data sets on disk, in the layouts that are seen in the wild."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

SIZE_PX = 40


def write_pair(images: Path, labels: Path, stem: str, seed: int) -> None:
    """Noise with a bright square and the label that marks it; equal seeds make equal pixels."""
    label = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    label[8:24, 8:24] = 255
    pixels = np.random.default_rng(seed).integers(0, 100, (SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    for folder, array in ((images, pixels + (label // 2)[..., None]), (labels, label)):
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(folder / f"{stem}.png")


def write_set(
    root: Path, seeds: Iterable[int], layout: tuple[str, str] = ("train-images", "train-labels")
) -> Path:
    """Write a pair for each seed, named after it; returns the root."""
    for seed in seeds:
        write_pair(root / layout[0], root / layout[1], f"{seed:04}", seed)
    return root
