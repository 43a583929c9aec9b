"""Mosaics: Zarr v3 groups with a pyramid, written shard by shard; every object is put whole.

The root object is the claim and the commit: it is put first, by a conditional write that one of many wins,
and replaced at the end, if it still is the one that was put.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import LostClaimError, SceneError
from sgddiff_batch.io.mosaics import metadata
from sgddiff_batch.io.mosaics import root as roots
from sgddiff_batch.io.mosaics.metadata import ROOT, Level
from sgddiff_batch.io.mosaics.reading import DamagedObjectError, read_window
from sgddiff_batch.io.mosaics.removal import empty_root, remove_objects
from sgddiff_batch.io.storage import Store
from sgddiff_batch.io.together import together
from sgddiff_batch.protocols import BlockRecord, Claim, FoundRoot

_Item = TypeVar("_Item")


_REQUESTS = ThreadPoolExecutor(128, thread_name_prefix="objects")
"""Puts and fetches small objects at the same time, for all writers of this process."""


@dataclass(frozen=True, slots=True)
class ZarrBlockWriter:
    """Implements :class:`sgddiff_batch.protocols.BlockWriter`; safe in several threads and processes.

    ``store`` is the output.
    """

    store: Store
    zstd_level: int = 1

    def claim(self, mosaic: Mosaic, provenance: Mapping[str, object]) -> Claim | None:
        """Put the root of a new mosaic by a conditional write; None if there is one already.

        Raises:
            TypeError, ValueError: if the provenance is not JSON.
        """
        files, root = self._metadata(mosaic, provenance, roots.new_claim())
        version = self.store.create(_root_key(mosaic.path), root)
        return None if version is None else Claim(root, version, files)

    def is_complete(self, path: str) -> bool:
        """Whether a store's root is there and marked complete; no other object is looked at."""
        return is_committed(self.store, path)

    def find_root(self, mosaic: Mosaic, provenance: Mapping[str, object]) -> FoundRoot | None:
        """Return what is known of the root that is there; one that cannot be understood is not the same."""
        try:
            found = self.store.read_versioned(_root_key(mosaic.path))
        except FileNotFoundError:
            return None
        return FoundRoot(
            found.version,
            roots.is_complete(found.data),
            roots.describe_same(found.data, self._metadata(mosaic, provenance)[1]),
            bytes_digest(found.data),
            roots.blocks_of(found.data),
        )

    def take_over(self, mosaic: Mosaic, provenance: Mapping[str, object], found: FoundRoot) -> Claim | None:
        """Replace the root that was found, so that no earlier claim holds; None if it is another by now."""
        files, root = self._metadata(mosaic, provenance, roots.new_claim())
        version = self.store.replace(_root_key(mosaic.path), root, found.version)
        return None if version is None else Claim(root, version, files)

    def describe(self, mosaic: Mosaic, claim: Claim) -> Claim:
        """Put the metadata objects of a mosaic; return the claim without them."""
        self._put(mosaic.path, claim.files)
        return replace(claim, files={})

    def write_block(
        self,
        mosaic: Mosaic,
        block: Window,
        codes: NDArray[np.uint8],
        beside: Mapping[str, bytes] | None = None,
    ) -> None:
        """Store a block's shards of all levels that belong to it alone; nothing is read.

        codes: (h, w) uint8 of the block, 0..254 and 255 for no data. A shard without data gets no object.
        beside: other objects of the mosaic, by key, that are put at the same time.

        Raises:
            ValueError: if ``block`` is not a block of the mosaic, or ``codes`` are not of its shape.
        """
        _check_block(mosaic, block, codes)
        objects = dict(beside or {})
        for level in metadata.levels_of(mosaic, self.zstd_level)[: mosaic.block_levels]:
            if level.number:
                codes = pyramid.halve(codes)
            # Exact: such a level's shard is block_px / 2^level, and blocks start at multiples of block_px.
            row, col = block.row_start >> level.number, block.col_start >> level.number
            part = Window(row, row + codes.shape[0], col, col + codes.shape[1])
            data = level.shards.encode(codes)
            if data is not None:
                objects[level.key(part)] = data
        self._put(mosaic.path, objects)

    def commit(self, mosaic: Mosaic, claim: Claim, blocks: Sequence[BlockRecord]) -> str:
        """Build the coarse levels, remove what killed writers left, and mark the mosaic complete.

        Takes at most about 85 MB, or 8 bytes a pixel of a block where that is more. Returns the digest of the
        root object, which describes all others. Where the claim committed it already, nothing is changed.

        Raises:
            LostClaimError: if the root is not the one that the claim put: another worker has the mosaic.
            SceneError: if one of its objects is damaged.
        """
        if mosaic.block_levels < mosaic.levels:
            levels = metadata.levels_of(mosaic, self.zstd_level)
            for source, target in pairwise(levels[mosaic.block_levels - 1 :]):
                self._build_level(mosaic.path, source, target)
        self.store.sweep_temporary(mosaic.path)
        completed = roots.completed(claim.root, blocks)
        self._replace_root(mosaic.path, claim, completed)
        return bytes_digest(completed)

    def empty(self, path: str, claim: Claim | None = None) -> None:
        """Let the root say that nothing is there; with a claim, only if it still is this claim's.

        Raises:
            LostClaimError: if somebody took the mosaic over.
            ValueError: if ``path`` is not that of a mosaic below the output.
        """
        if claim is None:
            empty_root(self.store, path)
        else:
            self._replace_root(path, claim, roots.emptied(claim.root), or_gone=True)

    def clear(self, path: str) -> None:
        """Remove all objects of a store that was emptied, its root last."""
        remove_objects(self.store, path)

    def _replace_root(self, path: str, claim: Claim, root: bytes, *, or_gone: bool = False) -> None:
        if self.store.replace(_root_key(path), root, claim.version) is not None:
            return
        # Refused, too, is what is done again because its reply was lost, or because it was cut short.
        found = self._read(_root_key(path))
        if found != root and not (or_gone and found is None):
            raise LostClaimError(f"{path} was taken over by another worker")

    def _metadata(
        self, mosaic: Mosaic, provenance: Mapping[str, object], claim: Mapping[str, str] | None = None
    ) -> tuple[Mapping[str, bytes], bytes]:
        levels = metadata.levels_of(mosaic, self.zstd_level)
        return metadata.metadata_objects(mosaic.grid, levels, provenance, claim=claim)

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

    def _put(self, path: str, objects: Mapping[str, bytes]) -> None:
        """Put objects of a mosaic, several at a time."""
        self._each(lambda key: self.store.write(f"{path}/{key}", objects[key]), objects)

    def _each(self, call: Callable[[_Item], None], items: Iterable[_Item]) -> None:
        """Call for every item, several at a time; an error is raised after all have ended."""
        together(_REQUESTS, call, items)


def is_committed(output: Store, path: str) -> bool:
    """Whether a mosaic's root is there and marked complete; one that cannot be understood is not."""
    try:
        return roots.is_complete(output.read(_root_key(path)))
    except FileNotFoundError:
        return False


def _root_key(path: str) -> str:
    return f"{path}/{ROOT}"


def _check_block(mosaic: Mosaic, block: Window, codes: NDArray[np.uint8]) -> None:
    side = mosaic.tiling.block_px
    row, col = block.row_start // side * side, block.col_start // side * side
    grid = mosaic.grid
    expected = (row, min(row + side, grid.height_px), col, min(col + side, grid.width_px))
    if (block.row_start, block.row_stop, block.col_start, block.col_stop) != expected:
        raise ValueError(f"{block} is not a block of {mosaic.path}: {grid.window} cut at every {side} px")
    if codes.shape != (block.height_px, block.width_px) or codes.dtype != np.uint8:
        raise ValueError(f"{block} needs uint8 codes of its shape, got {codes.dtype} {codes.shape}")
