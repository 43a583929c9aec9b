"""Mosaics: Zarr v3 groups with a pyramid, written shard by shard; every object is put whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.core.store_names import is_store_path
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import SceneError
from sgddiff_batch.io.mosaics import metadata
from sgddiff_batch.io.mosaics.metadata import ROOT, Level
from sgddiff_batch.io.mosaics.reading import DamagedObjectError, read_window
from sgddiff_batch.io.storage import Store

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class ZarrBlockWriter:
    """Implements :class:`sgddiff_batch.protocols.BlockWriter`; safe in several threads and processes.

    ``store`` is the output; ``requests`` how many of a mosaic's small objects are put or fetched at a time.
    """

    store: Store
    zstd_level: int = 1
    requests: int = 8

    def is_ready(self, mosaic: Mosaic, provenance: Mapping[str, object]) -> bool:
        """Whether :meth:`create` would keep the store as it is."""
        found = self._read(f"{mosaic.path}/{ROOT}")
        return found is not None and metadata.describe_same(found, self._metadata(mosaic, provenance)[1])

    def is_complete(self, path: str) -> bool:
        """Whether a store's root is there and marked complete; no other object is looked at."""
        return is_committed(self.store, path)

    def create(self, mosaic: Mosaic, provenance: Mapping[str, object]) -> bool:
        """Make the store ready for blocks; return whether blocks stored in it earlier are still good.

        They are if the store has the same layout and provenance, the keys in ``PASSING`` apart. Any other
        store, and what a killed call of this left, is removed and begun anew.

        Raises:
            TypeError, ValueError: if the provenance is not JSON.
        """
        files, root = self._metadata(mosaic, provenance)
        found = self._read(f"{mosaic.path}/{ROOT}")
        if found is not None and metadata.describe_same(found, root):
            return True
        if found is None:
            self.store.delete_tree(mosaic.path)
        else:
            self.discard(mosaic.path)
        self._each(lambda key: self.store.write(f"{mosaic.path}/{key}", files[key]), files)
        # Last: where there is a root, everything that it describes is there.
        self.store.write(f"{mosaic.path}/{ROOT}", root)
        return False

    def write_block(self, mosaic: Mosaic, block: Window, codes: NDArray[np.uint8]) -> None:
        """Store a block's shards of all levels that belong to it alone; nothing is read.

        codes: (h, w) uint8 of the block, 0..254 and 255 for no data. A shard without data gets no object.

        Raises:
            ValueError: if ``block`` is not a block of the mosaic, or ``codes`` are not of its shape.
        """
        _check_block(mosaic, block, codes)
        levels = metadata.levels_of(mosaic, self.zstd_level)[: mosaic.block_levels]
        for level in levels:
            if level.number:
                codes = pyramid.halve(codes)
            # Exact: such a level's shard is block_px / 2^level, and blocks start at multiples of block_px.
            row, col = block.row_start >> level.number, block.col_start >> level.number
            part = Window(row, row + codes.shape[0], col, col + codes.shape[1])
            self._write_shard(mosaic.path, level, part, codes)

    def commit(self, mosaic: Mosaic) -> str:
        """Build the coarse levels, remove what killed writers left, and mark the mosaic complete.

        Takes at most about 85 MB, or 8 bytes a pixel of a block where that is more. A mosaic that is complete
        already is left as it is. Returns the digest of the root object, which describes all others.

        Raises:
            SceneError: if the store was never created, or one of its objects is damaged.
        """
        root = self._read(f"{mosaic.path}/{ROOT}")
        if root is None:
            raise SceneError(
                f"cannot commit {mosaic.path} in {self.store.uri}: it has no {ROOT}; "
                "it was removed while the run went on; run again"
            )
        if metadata.is_complete(root):
            return bytes_digest(root)
        levels = metadata.levels_of(mosaic, self.zstd_level)
        for number in range(mosaic.block_levels, mosaic.levels):
            self._build_level(mosaic.path, levels[number - 1], levels[number])
        self.store.sweep_temporary(mosaic.path)
        completed = metadata.completed(root)
        self.store.write(f"{mosaic.path}/{ROOT}", completed)
        return bytes_digest(completed)

    def discard(self, path: str) -> None:
        """Remove whatever there is of a store.

        Raises:
            ValueError: if ``path`` is not that of a mosaic below the output.
        """
        if not is_store_path(path):
            raise ValueError(f"not the path of a mosaic below an output: {path!r}")
        # The root goes first: a removal that is cut short must not leave a mosaic with holes.
        self.store.delete(f"{path}/{ROOT}")
        self.store.delete_tree(path)

    def _metadata(
        self, mosaic: Mosaic, provenance: Mapping[str, object]
    ) -> tuple[Mapping[str, bytes], bytes]:
        levels = metadata.levels_of(mosaic, self.zstd_level)
        return metadata.metadata_objects(mosaic.grid, levels, provenance)

    def _build_level(self, path: str, source: Level, target: Level) -> None:
        """Write a level, shard by shard, from the level below it."""
        side = source.shards.shard_px
        # Large shards are read one at a time, small ones together: bounded memory, few waits.
        step = side // 2 if side >= metadata.COARSE_SHARD_PX and side % 2 == 0 else target.shards.shard_px
        for window in target.grid.window.split(target.shards.shard_px):
            codes = np.empty((window.height_px, window.width_px), dtype=np.uint8)
            for part in window.split(step):
                below = self._read_window(path, source, pyramid.doubled(part, source.grid))
                codes[part.relative_to(window).slices] = pyramid.halve(below)
            self._write_shard(path, target, window, codes)

    def _read_window(self, path: str, level: Level, window: Window) -> NDArray[Any]:
        """Return a window of whole shards, several read at a time."""
        try:
            return read_window(level, window, lambda key: self.store.read(f"{path}/{key}"), self._each)
        except DamagedObjectError as error:
            raise SceneError(
                f"cannot build the pyramid of {path} in {self.store.uri}: {path}/{error.key} is damaged "
                f"({error}); remove the store and run again"
            ) from error

    def _write_shard(self, path: str, level: Level, window: Window, codes: NDArray[Any]) -> None:
        data = level.shards.encode(codes)
        if data is not None:
            self.store.write(f"{path}/{level.key(window)}", data)

    def _read(self, key: str) -> bytes | None:
        try:
            return self.store.read(key)
        except FileNotFoundError:
            return None

    def _each(self, call: Callable[[_Item], None], items: Iterable[_Item]) -> None:
        """Call for every item, several at a time; the first error is raised after all have ended."""
        with ThreadPoolExecutor(self.requests) as pool:
            for done in [pool.submit(call, item) for item in items]:
                done.result()


def is_committed(output: Store, path: str) -> bool:
    """Whether a mosaic's root is there and marked complete; one that cannot be understood is not."""
    try:
        return metadata.is_complete(output.read(f"{path}/{ROOT}"))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _check_block(mosaic: Mosaic, block: Window, codes: NDArray[np.uint8]) -> None:
    side = mosaic.tiling.block_px
    row, col = block.row_start // side * side, block.col_start // side * side
    grid = mosaic.grid
    expected = (row, min(row + side, grid.height_px), col, min(col + side, grid.width_px))
    if (block.row_start, block.row_stop, block.col_start, block.col_stop) != expected:
        raise ValueError(f"{block} is not a block of {mosaic.path}: {grid.window} cut at every {side} px")
    if codes.shape != (block.height_px, block.width_px) or codes.dtype != np.uint8:
        raise ValueError(f"{block} needs uint8 codes of its shape, got {codes.dtype} {codes.shape}")
