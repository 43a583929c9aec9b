"""What is shown of samples: red, green and blue as uint8, by a palette, a stretch, or as they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from sgddiff_batch.core.scene import SceneProfile
from sgddiff_batch.errors import UnreadableSceneError, UnsupportedSceneError


def distinct(bands: tuple[int, ...]) -> tuple[int, ...]:
    """Return the bands that are read for those that become red, green and blue."""
    return tuple(dict.fromkeys(bands))


def to_uint8(
    samples: NDArray[np.generic], profile: SceneProfile, table: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Return red, green and blue (3, h, w) uint8 of the samples of the distinct bands, or in their place."""
    if table is not None:
        coloured: NDArray[np.uint8] = np.take(table, samples[0], axis=1)
        return coloured
    shown = profile.stretch.apply(samples) if profile.stretch else samples.astype(np.uint8, copy=False)
    if profile.inverted:
        shown = np.uint8(255) - shown
    bands = distinct(profile.bands)
    return shown if bands == profile.bands else shown[[bands.index(band) for band in profile.bands]]


def palette_table(source: DatasetReader) -> NDArray[np.uint8]:
    """Return red, green and blue (3, values) of band 1's values; one without a colour is black."""
    dtype = source.dtypes[0]
    if dtype not in ("uint8", "uint16"):
        raise UnsupportedSceneError(f"its samples are {dtype} and index a palette; only uint8 and uint16 can")
    table = np.zeros((3, int(np.iinfo(dtype).max) + 1), dtype=np.uint8)
    try:
        colours = source.colormap(1)
    except ValueError:
        raise UnreadableSceneError("its samples index a palette, and it has none") from None
    for value, colour in colours.items():
        table[:, value] = colour[:3]
    return table
