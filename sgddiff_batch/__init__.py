"""sgddiff_batch: saliency mosaics of whole satellite archives.

Analysts need :func:`list_mosaics` and :func:`open_mosaic` of it, and for pixels of their own :func:`saliency`
and :func:`load_network`; all import what they need when they are called, so that importing the package stays
light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import xarray as xr
    from numpy.typing import NDArray

    from sgddiff_batch.arrays import Bands, Pixels, Stretching
    from sgddiff_batch.io.catalogue import MosaicEntry
    from sgddiff_batch.protocols import Predictor

__all__ = ["list_mosaics", "load_network", "open_mosaic", "saliency"]
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


def saliency(
    pixels: Pixels,
    *,
    mask: NDArray[Any] | xr.DataArray | None = None,
    nodata: float | None = None,
    network: str | Predictor = "bundled",
    device: str = "auto",
    bands: Bands = "auto",
    stretch: Stretching = "auto",
    tile_px: int = 1088,
    overlap_px: int = 64,
) -> Pixels:
    """Return the saliency of pixels as codes (h, w) uint8: 0..254 is 0..1, 255 is no data.

    The codes are those that a run stores for a GeoTIFF with these samples, to the byte, on the same kind of
    device with the same settings.

    pixels: (bands, h, w) of any size, integers, float32 or float64; or a DataArray with the dimensions band,
    y and x, whose y, x and CRS the result has. The first three bands are red, green and blue, of fewer the
    first is all three; an array says of no band that it is alpha. uint8 is shown as it is, other types are
    stretched from the 2nd to the 98th percentile.
    mask: (h, w), not 0 (True) where there is data, as rasterio's ``dataset_mask()``.
    nodata: a pixel has no data where all shown bands have this value; default: a DataArray's own. With a mask
    it is not looked at. Pixels with a sample that is not finite never have data.
    network: "bundled", "bundled-lite0", a checkpoint folder, one that a package has registered, or one that
    :func:`load_network` has loaded, which saves loading it for each call, and has its device.
    device, bands, stretch, tile_px, overlap_px: as in a config (``model.device``, ``input``, ``tiling``).

    Takes the memory of the pixels once more, of the codes, and of a task, at most 2 GiB.

    Raises:
        TypeError: if ``pixels`` is none of these.
        ValueError: if its shape, dimensions or type, the mask, or a setting cannot be used.
        SceneError: if it lacks the bands that are asked for.
        ConfigError: if the network cannot be loaded.
    """
    from sgddiff_batch import arrays

    return arrays.saliency(
        pixels,
        mask=mask,
        nodata=nodata,
        network=network,
        device=device,
        bands=bands,
        stretch=stretch,
        tile_px=tile_px,
        overlap_px=overlap_px,
    )


def load_network(name: str = "bundled", device: str = "auto") -> Predictor:
    """Load a network into this process, for several calls of :func:`saliency`.

    name: "bundled", "bundled-lite0", a checkpoint folder, or one that a package has registered (the entry
    points ``sgddiff.networks``). device: auto, cpu or cuda. On a CPU as many tiles are computed at once as
    there are cores; PyTorch has one thread for each from then on, in the whole process, for two would change
    bytes. It does not survive a fork.

    Raises:
        ConfigError: if there is no such network or device, or nothing is registered that loads networks.
    """
    from sgddiff_batch import networks

    return networks.load_network(name, device)
