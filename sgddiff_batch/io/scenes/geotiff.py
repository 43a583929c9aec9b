"""GeoTiffReader: scenes as uint8 RGB and validity, whatever their bands, samples, masks and palettes are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import CRSError
from rasterio.io import DatasetReader

from sgddiff_batch.core.grid import IDENTITY, Grid, Transform
from sgddiff_batch.core.masks import Mask
from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.radiometry import Stretch, choose_bands, measure_stretch
from sgddiff_batch.core.sampling import sites
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import UnreadableSceneError, UnsupportedSceneError
from sgddiff_batch.io.scenes.gdal import opened, opened_with_mask, window_words
from sgddiff_batch.io.scenes.held_reader import HeldReader
from sgddiff_batch.io.scenes.masks import mask_of, read_with_mask
from sgddiff_batch.io.scenes.packing import packing_of
from sgddiff_batch.io.scenes.shown import distinct, palette_table, to_uint8
from sgddiff_batch.protocols import SceneReader

MAX_BLOCK_BYTES = 512 * 2**20
"""Most bytes that one tile or strip of a file may decode to: it is decoded whole, for any window."""

MAX_EXPANSION, _SMALL_PX = 5000, 2**30
"""A scene of more than 2**30 pixels decodes to at most so many times its bytes: deflate reaches 1032."""

_STRIP_PX = 4 * 2**20


@dataclass(frozen=True, slots=True)
class GeoTiffReader:
    """Reads GeoTIFFs, local or on S3; implements :class:`sgddiff_batch.protocols.SceneReader`.

    bands: the 1-based bands that become red, green and blue, three or one (repeated), or "auto".
    stretch: (low, high) for every scene; "auto": that of :func:`measure_stretch` for all types but uint8,
    which passes as it is, or is scaled to its range where it has fewer bits; "none": samples pass as they
    are, clipped to 0..255. Scenes of more than ``max_scene_px`` pixels are refused.
    access: how the buckets of scenes are asked.
    Holds no open files, so that it can be pickled and shared by threads.

    Raises:
        ValueError: if a setting is none of these.
    """

    bands: Literal["auto"] | tuple[int, ...] = "auto"
    stretch: Literal["auto", "none"] | tuple[float, float] = "auto"
    max_scene_px: int = 20_000_000_000
    access: BucketAccess = OWN

    def __post_init__(self) -> None:
        if self.bands != "auto" and (len(self.bands) not in (1, 3) or min(self.bands) < 1):
            raise ValueError(f"bands must be 'auto', one band or three, counted from 1, got {self.bands}")
        if isinstance(self.stretch, tuple):
            Stretch(*self.stretch)
        elif self.stretch not in ("auto", "none"):
            raise ValueError(f"stretch must be 'auto', 'none' or (low, high), got {self.stretch!r}")

    def profile(self, scene: Scene) -> SceneProfile:
        """Return a scene's grid, bands and radiometry.

        Raises:
            UnreadableSceneError: if it cannot be opened, or a sample for the stretch cannot be read.
            UnsupportedSceneError: if it is too large, complex, or lacks the bands asked for.
            RetryableError: if the storage failed.
        """
        with opened_with_mask(scene, "opening it", self.access) as (source, beside):
            return self.profile_of(source, scene, beside)

    @contextmanager
    def held(self, scene: Scene) -> Iterator[SceneReader]:
        """Yield a reader that opens the scene once, and fetches a small remote one whole, by one request.

        What lies beside a scene is found by GDAL alone: one with sidecars is read as by this reader.
        """
        if scene.has_sidecars:
            yield self
            return
        own = HeldReader(self, scene, self.access)
        try:
            yield own
        finally:
            own.end()

    def profile_of(
        self, source: DatasetReader, scene: Scene, beside: str = "", data: bytes | None = None
    ) -> SceneProfile:
        """As :meth:`profile`, of a scene that is open.

        beside: what the mask beside it has behind the scene's name. data: the bytes of its file, if they are
        there.
        """
        self._check_supported(source)
        _check_no_bomb(source, scene)
        grid, notes = _grid(source)
        bands = self._choose_bands(source)
        palette = set(bands) == {1} and source.colorinterp[0] == ColorInterp.palette
        if palette:
            palette_table(source)
        packing = packing_of(source, scene, self.access, bands[0])
        mask, said = mask_of(source, scene, beside, self.access, distinct(bands), packing.bits, data)
        stretch = None if palette else self._stretch(source, scene, bands, mask, packing.bits)
        dtype = np.dtype(source.dtypes[bands[0] - 1])
        notes = (*notes, *said)
        if source.subdatasets:
            notes = (*notes, f"it has {len(source.subdatasets)} pages: the first is read")
        inverted = not palette and packing.white_is_zero and set(bands) == {1}
        return SceneProfile(grid, bands, dtype.name, dtype.itemsize, stretch, palette, notes, inverted, mask)

    def read(
        self, scene: Scene, profile: SceneProfile, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return pixels (3, h, w) uint8, 0 where not valid, and validity (h, w) of a window.

        Valid is what the profile's mask leaves, and whose samples are all finite.

        Raises:
            UnreadableSceneError: if a pixel cannot be read, or the scene changed since it was profiled.
            RetryableError: if the storage failed.
        """
        with opened(scene, f"reading {window_words(window)}", self.access) as source:
            return self.read_of(source, scene, profile, window)

    def read_of(
        self, source: DatasetReader, scene: Scene, profile: SceneProfile, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """As :meth:`read`, of a scene that is open."""
        _check_unchanged(source, profile)
        table = palette_table(source) if profile.palette else None
        strips = list(_strips(window, source.block_shapes[0][0]))
        if len(strips) == 1:  # new memory for the pixels of a small scene takes as long as to decode them
            shown, valid = _read_strip(source, scene, profile, table, window)
            return np.multiply(shown, valid, out=shown), valid
        pixels = np.zeros((3, window.height_px, window.width_px), dtype=np.uint8)
        valid = np.zeros((window.height_px, window.width_px), dtype=np.bool_)
        for strip in strips:
            rows, cols = strip.relative_to(window).slices
            shown, valid[rows, cols] = _read_strip(source, scene, profile, table, strip)
            np.multiply(shown, valid[rows, cols], out=pixels[:, rows, cols])
        return pixels, valid

    def _check_supported(self, source: DatasetReader) -> None:
        height, width = source.shape
        if height * width > self.max_scene_px:
            raise UnsupportedSceneError(
                f"it has {height} x {width} = {height * width} pixels; "
                f"at most {self.max_scene_px} are allowed"
            )
        if not source.count:
            raise UnsupportedSceneError("it has no bands")
        if any(str(dtype).startswith("complex") for dtype in source.dtypes):
            raise UnsupportedSceneError(f"its samples are complex numbers ({source.dtypes[0]}), not imagery")
        size = _block_bytes(source)
        if size > MAX_BLOCK_BYTES:
            raise UnsupportedSceneError(
                f"one tile or strip of it decodes to {size} bytes; at most {MAX_BLOCK_BYTES} are allowed; "
                "rewrite it with tiles (gdal_translate -co TILED=YES)"
            )

    def _choose_bands(self, source: DatasetReader) -> tuple[int, ...]:
        if self.bands == "auto":
            try:
                return choose_bands([colour.name for colour in source.colorinterp])
            except ValueError as error:
                raise UnsupportedSceneError(str(error)) from None
        if max(self.bands) > source.count:
            raise UnsupportedSceneError(
                f"it has {source.count} band(s), and input.bands asks for {list(self.bands)}"
            )
        return self.bands if len(self.bands) == 3 else self.bands * 3

    def _stretch(
        self, source: DatasetReader, scene: Scene, bands: tuple[int, ...], mask: Mask, bits: int | None
    ) -> Stretch | None:
        if isinstance(self.stretch, tuple):
            return Stretch(*self.stretch)
        if all(source.dtypes[band - 1] == "uint8" for band in bands):
            return None if bits is None or self.stretch == "none" else Stretch(0.0, 2.0**bits - 1)
        if self.stretch == "none":
            return Stretch(0.0, 255.0)
        return measure_stretch(_stretch_samples(source, scene, distinct(bands), mask))


def _grid(source: DatasetReader) -> tuple[Grid, tuple[str, ...]]:
    """Return where the pixels lie, and what should be known of it."""
    height, width = source.shape
    affine = source.transform
    try:
        transform = Transform(affine.a, affine.b, affine.c, affine.d, affine.e, affine.f)
    except ValueError:
        return Grid(height, width), ("its transform is not usable: the mosaic is in pixel coordinates",)
    crs_wkt, notes = _crs_wkt(source)
    if transform != IDENTITY:
        no_crs = "no CRS: coordinates follow the scene's transform, in an unknown reference"
        return Grid(height, width, transform, crs_wkt), notes or (() if crs_wkt else (no_crs,))
    if source.gcps[0]:
        return Grid(height, width), ("ground control points only: the mosaic is in pixel coordinates",)
    if source.rpcs:
        return Grid(height, width), ("rational polynomials (RPC) only: the mosaic is in pixel coordinates",)
    if crs_wkt:
        return Grid(height, width), ("a CRS but no transform: the mosaic is in pixel coordinates",)
    return Grid(height, width), notes or ("no CRS: the mosaic is in pixel coordinates",)


def _crs_wkt(source: DatasetReader) -> tuple[str | None, tuple[str, ...]]:
    try:
        wkt = source.crs.to_wkt(version="WKT2_2018") if source.crs else ""
    except CRSError:
        return None, ("its CRS is not usable and was left out",)
    return wkt or None, ()


def _check_no_bomb(source: DatasetReader, scene: Scene) -> None:
    """Refuse a small file that claims a huge scene: a day of work for pixels that nobody wrote."""
    height, width = source.shape
    size = height * width * source.count * np.dtype(source.dtypes[0]).itemsize
    if scene.size_bytes and height * width > _SMALL_PX and size > MAX_EXPANSION * scene.size_bytes:
        raise UnsupportedSceneError(
            f"its {scene.size_bytes} bytes claim {height} x {width} pixels, {size} bytes when decoded; "
            f"at most {MAX_EXPANSION} times as many are allowed"
        )


def _block_bytes(source: DatasetReader) -> int:
    """Return the bytes of the largest block: decoding one band of an interleaved file decodes all."""
    together = source.count if str(source.profile.get("interleave", "")).lower() == "pixel" else 1
    sizes = (np.dtype(dtype).itemsize for dtype in source.dtypes)
    areas = (rows * cols for rows, cols in source.block_shapes)
    largest: int = max(area * size for area, size in zip(areas, sizes, strict=True))
    return together * largest


def _check_unchanged(source: DatasetReader, profile: SceneProfile) -> None:
    expected = (profile.grid.height_px, profile.grid.width_px)
    dtype = source.dtypes[profile.bands[0] - 1] if source.count >= max(profile.bands) else None
    if source.shape != expected or dtype != profile.dtype:
        raise UnreadableSceneError(
            f"it changed while the run was on: it was {expected[0]} x {expected[1]} {profile.dtype}, "
            f"and is {source.height} x {source.width} {dtype or 'with fewer bands'}"
        )


def _strips(window: Window, block_height_px: int) -> Iterator[Window]:
    """Cut a window into strips of whole rows of file blocks, so that samples never are there all at once."""
    rows = max(block_height_px, _STRIP_PX // window.width_px // block_height_px * block_height_px)
    start = window.row_start
    while start < window.row_stop:
        stop = min((start // rows + 1) * rows, window.row_stop)
        yield Window(start, stop, window.col_start, window.col_stop)
        start = stop


def _read_strip(
    source: DatasetReader,
    scene: Scene,
    profile: SceneProfile,
    table: NDArray[np.uint8] | None,
    strip: Window,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return what is shown (3, h, w) uint8, whether valid or not, and validity (h, w): the caller's own."""
    samples, valid = read_with_mask(source, scene, distinct(profile.bands), profile.mask, strip)
    return to_uint8(samples, profile, table), valid


def _stretch_samples(
    source: DatasetReader, scene: Scene, bands: tuple[int, ...], mask: Mask
) -> NDArray[np.generic]:
    """Return the valid samples, any number, that the stretch of a scene is measured on."""
    parts = []
    for site in sites(*source.shape):
        samples, valid = read_with_mask(source, scene, bands, mask, site.window)
        rows, cols = site.slices
        parts.append(samples[:, rows, cols][:, valid[rows, cols]].ravel())
    return np.concatenate(parts)
