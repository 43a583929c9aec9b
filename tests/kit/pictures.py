"""Pictures, labels and somebody's maps on disk, and the command that scores them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from jobs import cli

SIZES = {"b.large": (150, 212), "a": (64, 97), "thin": (5, 40)}


def write(path: Path, array: np.ndarray) -> Path:
    """Write an array as a picture; the suffix says as which."""
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def write_pictures(folder: Path, sizes: dict[str, tuple[int, int]] = SIZES) -> tuple[Path, Path]:
    """Noise with a bright rectangle that the label marks; returns the folders of pictures and labels."""
    rng = np.random.default_rng(0)
    for name, (height, width) in sizes.items():
        label = np.zeros((height, width), np.uint8)
        label[height // 4 : height // 2 + 1, width // 4 : width // 3] = 255
        pixels = rng.integers(0, 60, (height, width, 3), dtype=np.uint8) + (label // 2)[..., None]
        write(folder / "images" / f"{name}.png", pixels)
        write(folder / "labels" / f"{name}.png", label)
    return folder / "images", folder / "labels"


def write_maps(folder: Path, labels: Path) -> Path:
    """Somebody's maps: the labels, noisy."""
    rng = np.random.default_rng(1)
    for path in labels.iterdir():
        label = np.asarray(Image.open(path)).astype(float)
        write(
            folder / path.name, np.clip(label * 0.6 + rng.normal(50, 30, label.shape), 0, 255).astype("uint8")
        )
    return folder


def run(*arguments: object) -> int:
    """Run the command and return its exit code."""
    return cli.main(["evaluate", *(str(argument) for argument in arguments)])
