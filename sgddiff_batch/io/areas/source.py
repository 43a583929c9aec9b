"""Sources of an area mosaic: the mosaics of scenes, read in the pixels of a cell.

Of a scene's pyramid the coarsest level is taken whose pixels are not larger than the area's. Where they are
the same pixels they are copied; else they are warped, tile by tile of a lattice that is anchored at the cell,
so that no pixel depends on the size of blocks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.enums import Resampling as Method
from rasterio.errors import RasterioError
from rasterio.transform import Affine
from rasterio.warp import reproject

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.cells import aligned_offset, turned_offsets
from sgddiff_batch.core.composite_planning import AreaScene, AreaSettings
from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.window import Window
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import ChangedSceneError, SceneError
from sgddiff_batch.io import mosaics
from sgddiff_batch.io.areas.reprojection import needed_window, source_resolution
from sgddiff_batch.io.areas.worlds import world_of
from sgddiff_batch.io.ledger import DamagedRecordError, ObjectLedger
from sgddiff_batch.io.mosaics import ROOT
from sgddiff_batch.io.scenes import silence_not_georeferenced
from sgddiff_batch.io.storage import Store

Codes = NDArray[np.uint8]

MOST_READ_PX = 2**24
"""Pixels of a scene that are held at once."""
_CURE = "`sgddiff verify --mark-for-redo` lets the next night make it anew"
_METHODS = {"nearest": Method.nearest, "bilinear": Method.bilinear, "average": Method.average}


@dataclass(frozen=True, slots=True)
class SceneSource:
    """A scene's mosaic at the level that suits an area.

    ``root`` is the digest of its root object, ``shard_px`` the side of the level's shards, and ``filled`` are
    the blocks of level 0 that hold data, as the ledger knows.
    """

    output: Store
    scene: AreaScene
    settings: AreaSettings
    level: int
    grid: Grid
    shard_px: int
    root: str
    filled: tuple[Window, ...]

    def parts(self, cell: Grid, block: Window) -> Iterator[tuple[Window, Codes]]:
        """Yield parts of a block of a cell with the codes (h, w) that the scene shows there; none twice.

        Raises:
            SceneError: if the mosaic is damaged, or cannot be laid on the cell.
            ConfigError, RetryableError: as the store does.
        """
        offsets = self._offsets(cell)
        if offsets is None:
            yield from self._warped(cell, block)
            return
        for row, col, width_px in offsets:
            rows = max(block.row_start, row), min(block.row_stop, row + self.grid.height_px)
            cols = max(block.col_start, col), min(block.col_stop, col + width_px)
            if rows[0] < rows[1] and cols[0] < cols[1]:
                own = Window(rows[0] - row, rows[1] - row, cols[0] - col, cols[1] - col)
                yield Window(*rows, *cols), self._read(own)

    def check(self) -> None:
        """Return if the mosaic is still the one that was opened.

        What removes a mosaic takes its root first: if the root is there after a read, all was there.

        Raises:
            ChangedSceneError: if it is not.
        """
        if bytes_digest(_read_root(self.output, self.scene)) != self.root:
            raise ChangedSceneError(f"the mosaic {self.scene.path} was made anew meanwhile; run again")

    def _offsets(self, cell: Grid) -> list[tuple[int, int, int]] | None:
        """Return (row, column, width) of where the scene's pixels are the cell's; None if it is warped."""
        crs = CRS.from_wkt(cell.crs_wkt)
        if CRS.from_wkt(self.grid.crs_wkt) != crs:
            return None
        world, (west, _, east, _) = world_of(str(cell.crs_wkt)), self.grid.bbox
        if world is not None and (crs.is_geographic or world.is_left_by(west, east)):
            return turned_offsets(self.grid, cell, world.turn / cell.transform.a)
        offset = aligned_offset(self.grid, cell)
        return None if offset is None else [(*offset, self.grid.width_px)]

    def _warped(self, cell: Grid, block: Window) -> Iterator[tuple[Window, Codes]]:
        tiles = list(self._tiles(cell, block))
        if not tiles:
            return
        around = _union([window for _, window, _ in tiles])
        # One read where that is not much: neighbouring tiles need the same chunks.
        whole = self._read(around) if around.area_px <= MOST_READ_PX else None
        scale = min(1.0, self._resolution(cell) / self.settings.cells.resolution)
        for tile, window, moves in tiles:
            codes = self._read(window) if whole is None else whole[window.relative_to(around).slices]
            warped = self._warp(cell, tile, codes, window, scale, moves[0])
            for east in moves[1:]:
                other = self._warp(cell, tile, codes, window, scale, east)
                np.copyto(warped, other, where=warped == NO_DATA)
            yield tile, warped

    def _tiles(self, cell: Grid, block: Window) -> Iterator[tuple[Window, Window, tuple[float, ...]]]:
        """Yield the tiles of a block, each with the window of the scene that it is warped from.

        And how far to the east that has to be moved for it, once or more often.
        """
        reach_px = 2.0 * max(1.0, self.settings.cells.resolution / self._resolution(cell))
        waiting = list(block.split(self.settings.chunk_px))[::-1]
        while waiting:
            tile = waiting.pop()
            found = needed_window(cell, tile, self.grid, reach_px)
            if found is None:
                continue
            window, moves = found
            if window.area_px <= MOST_READ_PX:
                yield tile, window, moves
            elif tile.height_px > 1 and tile.width_px > 1:
                waiting += _quarters(tile)
            else:
                raise SceneError(
                    f"{self.scene.scene_id} cannot be warped: {window} of {self.scene.path} is one pixel of "
                    "the area; take a smaller resolution, or another CRS"
                )

    def _resolution(self, cell: Grid) -> float:
        found = source_resolution(self.grid, str(cell.crs_wkt))
        return found if found > 0 else self.settings.cells.resolution

    def _warp(
        self, cell: Grid, tile: Window, codes: Codes, window: Window, scale: float, east: float
    ) -> Codes:
        warped = np.full((tile.height_px, tile.width_px), NO_DATA, dtype=np.uint8)
        if np.all(codes == NO_DATA):
            return warped
        silence_not_georeferenced()
        try:
            reproject(
                np.ascontiguousarray(codes),
                warped,
                src_transform=Affine.translation(east, 0.0) @ _affine(self.grid.transform, window),
                src_crs=CRS.from_wkt(self.grid.crs_wkt),
                dst_transform=_affine(cell.transform, tile),
                dst_crs=CRS.from_wkt(cell.crs_wkt),
                src_nodata=NO_DATA,
                dst_nodata=NO_DATA,
                resampling=_METHODS[self.settings.resampling],
                # Else GDAL guesses by how much of the tile the scene fills.
                XSCALE=scale,
                YSCALE=scale,
                # And looks no farther than from a few points of it, which at the end of a map is too short.
                SOURCE_EXTRA=max(codes.shape),
            )
        except (RasterioError, CPLE_BaseError) as error:
            raise SceneError(f"{self.scene.scene_id} cannot be warped onto the area: {error}") from error
        return warped

    def _read(self, window: Window) -> Codes:
        import zarr

        store = self.output.zarr(self.scene.path, read_only=True)
        path = f"{self.level}/{mosaics.ARRAY_NAME}"
        try:
            with self.output.translated(f"{self.scene.path}/{path}"):
                array: zarr.Array[Any] = zarr.open_array(store, path=path, mode="r", zarr_format=3)
                codes = np.asarray(array[window.slices], dtype=np.uint8)
        except FileNotFoundError as error:
            raise ChangedSceneError(f"{self.scene.path} is gone: {error}; run again") from None
        except (ValueError, RuntimeError, TypeError, KeyError) as error:
            raise SceneError(
                f"cannot read {window} of level {self.level} of {self.scene.path}: it is damaged "
                f"({type(error).__name__}: {on_one_line(error)}); "
                f"{_CURE}"
            ) from error
        for part in window.split(self.shard_px):
            if np.all(codes[part.relative_to(window).slices] == NO_DATA):
                self._check_shard(part)
        return codes

    def _check_shard(self, part: Window) -> None:
        """Return if the shard of a part without data is there, or need not be; zarr fills what is lost.

        Raises:
            ChangedSceneError: if the mosaic was removed.
            SceneError: if only the shard is lost.
        """
        side = self.shard_px << self.level
        row, col = part.row_start // self.shard_px, part.col_start // self.shard_px
        rows, cols = range(row * side, (row + 1) * side), range(col * side, (col + 1) * side)
        if not any(block.row_start in rows and block.col_start in cols for block in self.filled):
            return
        key = f"{self.scene.path}/{self.level}/{mosaics.ARRAY_NAME}/c/{row}/{col}"
        if any(facts.size_bytes for facts in self.output.find(key).values()):
            return
        self.check()
        raise SceneError(f"{key} is lost: it held data when the mosaic was finished; {_CURE}")


def open_source(output: Store, scene: AreaScene, settings: AreaSettings) -> SceneSource:
    """Open the mosaic of a scene for an area.

    Raises:
        ChangedSceneError: if it is not there any more.
        SceneError: if its root, or what the ledger knows of it, is damaged.
        ConfigError, RetryableError: as the store does.
    """
    root = _read_root(output, scene)
    try:
        document = json.loads(root)
        number, grid = _chosen(_levels(document), settings)
        array = document["consolidated_metadata"]["metadata"][f"{number}/{mosaics.ARRAY_NAME}"]
        shard_px = int(array["chunk_grid"]["configuration"]["chunk_shape"][0])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise SceneError(
            f"the root of {scene.path} is damaged ({type(error).__name__}: {error}); {_CURE}"
        ) from None
    try:
        contents = ObjectLedger(output).contents(scene.path)
    except DamagedRecordError as error:
        raise SceneError(f"what {scene.path} held cannot be known: {error}; {_CURE}") from error
    filled = tuple(block.window for block in contents.blocks if block.valid_px) if contents else ()
    return SceneSource(output, scene, settings, number, grid, shard_px, bytes_digest(root), filled)


def _read_root(output: Store, scene: AreaScene) -> bytes:
    try:
        return output.read(f"{scene.path}/{ROOT}")
    except FileNotFoundError:
        raise ChangedSceneError(
            f"the mosaic {scene.path} of {scene.scene_id}, which the catalogue names, is gone; run "
            "`sgddiff run`, or `sgddiff verify --mark-for-redo` if it stays away"
        ) from None


def _levels(document: Mapping[str, Any]) -> list[Grid]:
    attributes, nodes = document["attributes"], document["consolidated_metadata"]["metadata"]
    if not mosaics.is_complete(attributes):
        raise ValueError("it is not complete")
    crs_wkt = nodes[f"0/{mosaics.GRID_MAPPING}"]["attributes"]["crs_wkt"]
    CRS.from_wkt(crs_wkt)
    return [
        Grid(int(height), int(width), Transform(*map(float, level["spatial:transform"])), crs_wkt)
        for level in attributes["multiscales"]["layout"]
        for height, width in [level["spatial:shape"]]
    ]


def _chosen(levels: list[Grid], settings: AreaSettings) -> tuple[int, Grid]:
    """Return the coarsest level whose pixels are not larger than the area's, and its grid."""
    native = source_resolution(levels[0], settings.cells.crs_wkt)
    ratio = settings.cells.resolution / native if native > 0 else 1.0
    # What is twice as large but for rounding is twice as large.
    number = min(max(0, math.floor(math.log2(ratio) + 1e-6)), len(levels) - 1)
    return number, levels[number]


def _affine(transform: Transform, window: Window) -> Affine:
    corner = transform.apply(window.col_start, window.row_start)
    return Affine(transform.a, transform.b, corner[0], transform.d, transform.e, corner[1])


def _union(windows: list[Window]) -> Window:
    return Window(
        min(window.row_start for window in windows),
        max(window.row_stop for window in windows),
        min(window.col_start for window in windows),
        max(window.col_stop for window in windows),
    )


def _quarters(tile: Window) -> list[Window]:
    row = (tile.row_start + tile.row_stop) // 2
    col = (tile.col_start + tile.col_stop) // 2
    rows = ((tile.row_start, row), (row, tile.row_stop))
    cols = ((tile.col_start, col), (col, tile.col_stop))
    return [Window(*one, *other) for one in rows for other in cols]
