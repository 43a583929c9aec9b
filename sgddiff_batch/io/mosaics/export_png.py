"""Export of a mosaic as a PNG quicklook: a picture, for people who have nothing to open rasters with."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.colours import code_colours
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.export_levels import CodeLevel, code_levels
from sgddiff_batch.io.mosaics.export_target import MARK, made_whole, mark_of
from sgddiff_batch.io.storage import open_store

DEFAULT_SIZE_PX = 1024


@dataclass(frozen=True, slots=True)
class PngExport:
    """Mosaics as quicklooks of at most ``size_px``; implements :class:`sgddiff_batch.io.mosaics.Export`."""

    size_px: int = DEFAULT_SIZE_PX
    suffix: str = ".png"

    def mark(self, mosaic_uri: str) -> str:
        """Return the mark of a mosaic's quicklook of this size."""
        return mark_of(mosaic_uri, f"png-1 {self.size_px}")

    def marked(self, beginning: bytes) -> str | None:
        """Return the mark of a PNG that begins so, None of what has none or is no PNG."""
        from PIL import Image

        try:
            with Image.open(io.BytesIO(beginning), formats=["PNG"]) as image:
                text = image.info.get(MARK)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None
        return text if isinstance(text, str) else None

    def write(self, mosaic_uri: str, target_uri: str) -> None:
        """As :func:`export_png`."""
        export_png(mosaic_uri, target_uri, self.size_px)


def export_png(mosaic_uri: str, target_uri: str | Path, size_px: int = DEFAULT_SIZE_PX) -> None:
    """Write a mosaic as a PNG of its codes with the colours of :func:`code_colours`, no data transparent.

    It is the finest level of the pyramid of which no side is longer than ``size_px``; where the coarsest is
    larger, that is halved on by the pyramid's own averages. So nothing is resampled, and a mosaic that is
    larger than ``size_px`` gives a picture whose longer side has more than half of it. Rows and columns are
    the mosaic's, whatever its transform. Whole or not at all; takes the memory of the picture, twice.

    Raises:
        FatalError: if the mosaic is damaged.
        ConfigError: if a URI has a scheme that is not known, or the target cannot be written to.
        FileNotFoundError: if there is no mosaic, or no folder to write to.
        ValueError: if the mosaic is not complete, or ``size_px`` is below 1.
    """
    if size_px < 1:
        raise ValueError(f"a picture needs a size of at least 1 px, got {size_px}")
    levels = code_levels(open_store(mosaic_uri))
    with made_whole(target_uri) as made:
        _draw(_codes(levels, size_px), made, PngExport(size_px).mark(mosaic_uri))


def _codes(levels: list[CodeLevel], size_px: int) -> NDArray[np.uint8]:
    """Return the codes (h, w) to show, of which no side is longer than ``size_px``."""
    level = next((each for each in levels if max(each.shape) <= size_px), levels[-1])
    height, width = level.shape
    codes = level.read(Window(0, height, 0, width))
    while max(codes.shape) > size_px:
        codes = pyramid.halve(codes)
    return codes


def _draw(codes: NDArray[np.uint8], path: Path, mark: str) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    image = Image.fromarray(codes).convert("L")
    image.putpalette(code_colours().tobytes())
    text = PngInfo()
    text.add_text(MARK, mark)
    image.save(path, format="PNG", transparency=NO_DATA, pnginfo=text)
