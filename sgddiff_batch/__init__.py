"""sgddiff_batch: saliency mosaics of whole satellite archives.

Analysts need two functions of it, :func:`list_mosaics` and :func:`open_mosaic`; both import what they need
when they are called, so that importing the package stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from sgddiff_batch.io.catalogue import MosaicEntry

__all__ = ["list_mosaics", "open_mosaic"]
__version__ = "0.1.0"


def list_mosaics(
    output_uri: str, *, state: str | None = None, generation: int | None = None
) -> list[MosaicEntry]:
    """Return the current mosaic of every scene below an output folder or prefix, sorted by scene id.

    state: "done", "quarantined" (an earlier version is shown), or None for all. generation: an earlier
    catalogue than the current one.

    Raises:
        FileNotFoundError: if no run has ever written to ``output_uri``.
        ValueError: if there is no such state or generation.
    """
    from sgddiff_batch.io import catalogue

    return catalogue.list_mosaics(output_uri, state=state, generation=generation)


def open_mosaic(uri: str, level: int = 0) -> xr.DataArray:
    """Open a level of a mosaic lazily: float32 saliency 0..1 (y, x), NaN where there is no data, CRS set.

    Level 0 is native resolution; each further level halves it.

    Raises:
        FileNotFoundError: if there is no mosaic at ``uri``.
        ValueError: if the mosaic is not complete, or has no such level.
    """
    from sgddiff_batch.io import mosaics

    return mosaics.open_mosaic(uri, level)
