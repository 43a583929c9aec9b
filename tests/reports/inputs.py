"""Rasters as public reports describe them, made from fixed seeds, with what is right for each.

What is right is computed with numpy from the arrays that a file is made of; no file is read for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.kit.scenes import write_scene

H, W = 48, 80
NIGHT = (0.0, 4095.0)
RGB = ("red", "green", "blue")


@dataclass(frozen=True, slots=True)
class Want:
    """A file, how it is read, and what is right: pixels (3, h, w) uint8, 0 where not valid (h, w)."""

    path: Path
    pixels: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    reader: GeoTiffReader = field(default_factory=GeoTiffReader)
    tolerance: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """A report, and what makes its condition below a folder."""

    name: str
    report: str
    make: Callable[[Path], Want]


CONDITIONS: list[Condition] = []


def reported(report: str) -> Callable[[Callable[[Path], Want]], Callable[[Path], Want]]:
    """Take a condition of a public report into the list."""

    def add(make: Callable[[Path], Want]) -> Callable[[Path], Want]:
        CONDITIONS.append(Condition(make.__name__, report, make))
        return make

    return add


def picture(bands: int = 3, top: int = 250, dtype: str = "uint8", seed: int = 11) -> NDArray[Any]:
    """Smooth samples (bands, H, W) from 1 to ``top``."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(1, top + 1, (bands, H // 8, W // 8))
    return coarse.repeat(8, axis=1).repeat(8, axis=2).astype(dtype)


def holes() -> NDArray[np.bool_]:
    """Validity (H, W): a cut corner, a disc and the last pixel are not valid."""
    rows, cols = np.mgrid[0:H, 0:W]
    valid: NDArray[np.bool_] = (rows + cols > 30) & ((rows - 30) ** 2 + (cols - 50) ** 2 > 64)
    valid[-1, -1] = False
    return valid


def everywhere() -> NDArray[np.bool_]:
    """Validity (H, W) without a hole."""
    return np.ones((H, W), dtype=np.bool_)


def shown(samples: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """The uint8 that a fixed stretch makes of samples, rounded half up."""
    part = (np.clip(samples.astype(np.float64), low, high) - low) / (high - low)
    return np.floor(part * 255 + 0.5).astype(np.uint8)


def want(
    path: Path, samples: NDArray[Any], valid: NDArray[np.bool_], stretch: tuple[float, float] | None = None
) -> Want:
    """What is right for shown samples (1 or 3, H, W), passed on as they are or by a fixed stretch."""
    pixels = shown(samples, *stretch) if stretch else samples.astype(np.uint8)
    reader = GeoTiffReader(stretch=stretch) if stretch else GeoTiffReader()
    return Want(path, np.broadcast_to(pixels, (3, H, W)) * valid, valid, reader)


def interpreted(path: Path, samples: NDArray[Any], colours: tuple[str, ...], **options: Any) -> Path:
    """Write a file whose bands have these colour interpretations."""
    write_scene(path, samples, **options)
    with rasterio.open(path, "r+") as target:
        target.colorinterp = [ColorInterp[name] for name in colours]
    return path


def with_alpha(path: Path, samples: NDArray[Any], alpha: NDArray[Any], **options: Any) -> Path:
    """Write shown bands and an alpha band of the same type after them."""
    stacked = np.concatenate([samples, alpha[None].astype(samples.dtype)])
    photometric = "RGB" if len(samples) >= 3 else "MINISBLACK"
    return write_scene(path, stacked, photometric=photometric, alpha="YES", **options)


def renamed_nodata(path: Path, samples: NDArray[Any], written: int, text: str, **options: Any) -> Path:
    """Write a no-data value that rasterio refuses: that of another one is replaced, of the same length."""
    write_scene(path, samples, nodata=written, photometric="RGB", **options)
    before, after = f"{written}\0".encode(), f"{text}\0".encode()
    data = path.read_bytes()
    assert data.count(before) == 1
    assert len(before) == len(after)
    path.write_bytes(data.replace(before, after))
    return path


def sidecar(path: Path, *bands: str) -> None:
    """Write an .aux.xml with these elements, one string a band."""
    inner = "".join(
        f'<PAMRasterBand band="{number}">{text}</PAMRasterBand>' for number, text in enumerate(bands, 1)
    )
    Path(f"{path}.aux.xml").write_text(f"<PAMDataset>{inner}</PAMDataset>\n")


def mask_file(path: Path, valid: NDArray[np.bool_], **options: Any) -> None:
    """Write a .msk beside a file."""
    flags = {f"INTERNAL_MASK_FLAGS_{band}": "2" for band in (1, 2, 3)}
    mask = (valid * 255).astype(np.uint8)[None]
    write_scene(path.with_name("mask.tif"), mask, tags={"": flags}, **options).rename(f"{path}.msk")
