"""Arrays as scenes: written as a GeoTIFF in memory, and read as every scene is that comes whole.

So an array's mask, bands and stretch are found out by the code that finds out a file's, and by no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from sgddiff_batch.core.masks import NoData, can_occur
from sgddiff_batch.core.query import OWN
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.io.scenes.gdal import Whole, silence_not_georeferenced
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from sgddiff_batch.io.scenes.held_reader import HeldReader
from sgddiff_batch.protocols import SceneReader

ARRAY = Scene("array", "array.tif", "", 0)
"""The scene that an array is read as."""

SAMPLES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
"""The types of samples that a GeoTIFF can have, but for complex ones, which are no imagery."""

_BEGINNING_BYTES = 4096
_STRIP_BYTES = 2**20


@contextmanager
def held_array(
    samples: NDArray[np.generic],
    valid: NDArray[np.bool_] | None,
    nodata: NoData,
    reader: GeoTiffReader,
) -> Iterator[tuple[Scene, SceneReader]]:
    """Yield the scene that samples (bands, h, w) are, and the reader that holds it.

    valid: (h, w), where the scene has data; None: ``nodata`` decides, if samples can have it, else all have.
    Bands have no colours by name, so the first three are shown unless the reader asks for others. Takes the
    memory of the samples once more.

    Raises:
        ValueError: if samples are of a type that is none of :data:`SAMPLES`.
    """
    if samples.dtype.name not in SAMPLES:
        raise ValueError(f"samples must be of one of {', '.join(SAMPLES)}, got {samples.dtype.name}")
    file = MemoryFile(filename=ARRAY.uri)
    try:
        _write(file, samples, valid, nodata)
    except BaseException:
        file.close()
        raise
    beginning = bytes(file.getbuffer()[:_BEGINNING_BYTES])
    held = HeldReader(reader, ARRAY, OWN, Whole(beginning, file))
    try:
        yield ARRAY, held
    finally:
        held.end()


def _write(
    file: MemoryFile, samples: NDArray[np.generic], valid: NDArray[np.bool_] | None, nodata: NoData
) -> None:
    bands, height, width = samples.shape
    rows = max(1, min(height, _STRIP_BYTES // (width * samples.itemsize)))
    # As of a file: what a sample cannot be is nobody's no data. GDAL would not write it.
    fits = nodata is not None and can_occur(nodata, samples.dtype.name)
    profile = {"count": bands, "height": height, "width": width, "dtype": samples.dtype.name}
    # Without these GDAL would take three bands of uint8 for colours, and a fourth for alpha.
    plain = {"photometric": "MINISBLACK", "alpha": "NO", "interleave": "band", "blockysize": rows}
    silence_not_georeferenced()
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        file.open(driver="GTiff", nodata=nodata if fits else None, **profile, **plain) as raster,
    ):
        raster.write(samples)
        if valid is not None:
            raster.write_mask(valid)
