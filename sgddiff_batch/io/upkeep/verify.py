"""Verification: whether a stored mosaic is, object by object, what it was when it was committed.

A shard is compared by the codes that it decodes to, as the ledger's digests are; so the same codes in other
bytes are sound. Memory: about nine blocks (150 MB at 4096 px), whatever the mosaic's size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.blending import NO_DATA, count_pixels
from sgddiff_batch.core.fingerprint import array_digest, bytes_digest
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.provenance import Provenance
from sgddiff_batch.core.store_names import id_of
from sgddiff_batch.core.window import Window
from sgddiff_batch.io import mosaics
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.mosaics import ROOT, DamagedObjectError, Level, StoredMosaic, parse_stored
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.io.upkeep.verdict import Verdict
from sgddiff_batch.io.upkeep.verify_counts import check_counts
from sgddiff_batch.protocols import BlockRecord, MosaicContents, SceneRecord

_NOTHING_KNOWN = "the ledger knows neither its size nor its digests: no block was looked at"
_NO_DIGESTS = "it was committed before digests were kept: its blocks are only decoded and counted"


def verify_mosaic(output: Store, path: str) -> Verdict | None:
    """Read all of a committed mosaic and compare it with the ledger and with itself.

    Returns None where the ledger does not know the mosaic any more: it was removed meanwhile.

    Raises:
        FatalError: if an object of the ledger is damaged.
        ConfigError, RetryableError: as the store does.
    """
    ledger = ObjectLedger(output)
    record = ledger.finished_mosaic(path)
    if record is None:
        return None
    verdict = Verdict(path, record.scene_id)
    _Check(output, record, ledger.contents(path), verdict).run()
    if verdict.problems and ledger.finished_mosaic(path) is None:
        return None
    return verdict


def verify_disowned(output: Store, path: str) -> Verdict:
    """Read all of a mosaic that is current, and that the ledger does not stand for (any more).

    That it does not is a problem by itself, whatever else is found; its digests may still be there.

    Raises:
        FatalError, ConfigError, RetryableError: as :func:`verify_mosaic`.
    """
    ledger = ObjectLedger(output)
    verdict = Verdict(path, id_of(path))
    why = (
        "disowned it, for it or its record was damaged" if ledger.disowned([path]) else "has no record of it"
    )
    verdict.found("", f"it is current, but the ledger {why}: it is to be made anew")
    _Check(output, None, ledger.contents(path), verdict).run()
    return verdict


@dataclass(slots=True)
class _Check:
    """One pass over a mosaic. ``expected`` are the keys that belong to it, as far as they are known."""

    output: Store
    record: SceneRecord | None
    contents: MosaicContents | None
    verdict: Verdict
    present: set[str] = field(default_factory=set)
    expected: set[str] = field(default_factory=lambda: {ROOT})

    def run(self) -> None:
        self.present = {key[len(self.verdict.store) + 1 :] for key in self.output.keys(self.verdict.store)}
        stored = self._root()
        if stored is None:
            return
        self.verdict.pixels_version = stored.provenance.pixels_version
        self._facts(stored)
        if self.contents is None:
            self.verdict.notes.append(_NOTHING_KNOWN if self.record is None else _NO_DIGESTS)
        if self.contents is None and self.record is None:
            return
        if not self._is_cut_as_recorded(stored):
            self.verdict.found(
                ROOT, "cuts level 0 into other blocks than were stored; no block was looked at"
            )
            return
        self._metadata(stored)
        self._blocks(stored)
        for source, target in zip(stored.levels, stored.levels[1:], strict=False):
            if target.number >= stored.mosaic.block_levels:
                self._coarse_level(stored, source, target)
        self.expected |= check_counts(stored, self.verdict.found)
        for key in sorted(self.present - self.expected):
            self.verdict.found(key, "foreign: it does not belong to the mosaic")

    def _root(self) -> StoredMosaic | None:
        own = open_store(f"{self.output.uri}/{self.verdict.store}")
        try:
            data = self.output.read(f"{self.verdict.store}/{ROOT}")
            stored = parse_stored(own, self.verdict.store, data)
        except FileNotFoundError:
            self.verdict.found(ROOT, "missing; nothing else of the mosaic was looked at")
            return None
        except DamagedObjectError as error:
            self.verdict.found(ROOT, f"{error}; nothing else of the mosaic was looked at")
            return None
        if self.contents is None and self.record and (blocks := mosaics.blocks_of(data)):
            self.contents = MosaicContents(bytes_digest(data), blocks)  # killed between its two records
        if self.contents is not None and bytes_digest(data) != self.contents.root_digest:
            self.verdict.found(ROOT, "changed since the mosaic was committed")
        if not mosaics.is_complete(stored.attributes):
            self.verdict.found(ROOT, "does not say that the mosaic is complete")
        return stored

    def _facts(self, stored: StoredMosaic) -> None:
        """Compare what root and ledger both say, and the root with itself."""
        grid = stored.mosaic.grid
        for what, (found, wanted) in _pairs(stored.provenance, grid, self.record).items():
            if found != wanted:
                self.verdict.found(ROOT, f"its {what} is {found}, and {wanted} in the ledger")
        wanted_attributes = mosaics.root_attributes(grid, len(stored.levels), {})
        for name in ("multiscales", "spatial:bbox"):
            if stored.attributes.get(name) != wanted_attributes[name]:
                self.verdict.found(ROOT, f"its {name} does not describe the grid of level 0")

    def _is_cut_as_recorded(self, stored: StoredMosaic) -> bool:
        """Whether the root's layout can be gone through: that of a damaged root may be of any size."""
        grid, side = stored.mosaic.grid, stored.mosaic.tiling.block_px
        record, shape = self.record, (grid.height_px, grid.width_px)
        if record is not None and shape != (record.height_px, record.width_px):
            return False
        if self.contents is None:
            return True
        count = -(-grid.height_px // side) * -(-grid.width_px // side)
        known = {block.window for block in self.contents.blocks}
        return count == len(known) and all(window in known for window in stored.mosaic.blocks())

    def _metadata(self, stored: StoredMosaic) -> None:
        """Compare the metadata of groups and arrays with the root's copy, coordinates with the grid."""
        for path, node in stored.nodes.items():
            key = f"{path}/{ROOT}"
            self.expected.add(key)
            data = self._read(key)
            if data is None:
                self.verdict.found(key, "missing")
            elif _parsed(data) != _alone(node):
                self.verdict.found(key, "differs from the consolidated metadata of the root")
        if stored.mosaic.grid.transform.is_axis_aligned:
            for level in stored.levels:
                self._axis(stored, f"{level.number}/x", level.grid.x_centres())
                self._axis(stored, f"{level.number}/y", level.grid.y_centres())

    def _axis(self, stored: StoredMosaic, path: str, centres: NDArray[np.float64]) -> None:
        key = f"{path}/c/0"
        self.expected.add(key)
        data = self._read(key)
        if data is None:
            self.verdict.found(key, "missing")
            return
        try:
            found = stored.decode_axis(path, data)
        except Exception as error:  # what decoders raise of arbitrary bytes is no closed list
            self.verdict.found(key, f"cannot be decoded: {type(error).__name__}")
            return
        if not np.array_equal(found, centres):
            self.verdict.found(key, "its coordinates are not those of the grid")

    def _blocks(self, stored: StoredMosaic) -> None:
        """Compare level 0 with the digests, and with it the levels whose shards a block fills."""
        known = {block.window: block for block in self.contents.blocks} if self.contents else {}
        counts: list[tuple[int, int] | None] = []
        for window in stored.mosaic.blocks():
            codes = self._block(stored, window, known.get(window))
            counts.append(None if codes is None else count_pixels(codes))
            self._fine_levels(stored, window, codes)
        self.verdict.blocks = len(counts)
        read = [count for count in counts if count is not None]
        found = sum(valid for valid, _ in read), sum(salient for _, salient in read)
        wanted = (self.record.valid_px, self.record.salient_px) if self.record else found
        if len(read) == len(counts) and found != wanted:
            self.verdict.found("", f"has {found} valid and salient pixels, the ledger {wanted}")

    def _block(
        self, stored: StoredMosaic, window: Window, known: BlockRecord | None
    ) -> NDArray[np.uint8] | None:
        """Return the codes of a block, or None where its object is damaged."""
        level = stored.levels[0]
        key = stored.shard_key(level, window)
        self.expected.add(key)
        try:
            codes = stored.read_shard(level, window)
        except DamagedObjectError as error:
            self.verdict.found(key, f"cannot be decoded: {error}")
            return None
        if codes is None:
            if known is not None and known.valid_px:
                self.verdict.found(key, f"missing: {known.valid_px} pixels with data were stored")
                return None
            return np.full((window.height_px, window.width_px), NO_DATA, dtype=np.uint8)
        if known is not None and array_digest(codes) != known.digest:
            self.verdict.found(key, "its codes are not those that were stored")
            return None
        return codes

    def _fine_levels(self, stored: StoredMosaic, block: Window, codes: NDArray[np.uint8] | None) -> None:
        """Compare the shards that a block's task wrote; where the block is damaged, with nothing."""
        for level in stored.levels[1 : stored.mosaic.block_levels]:
            part = _scaled(block, level)
            if codes is None:
                self.expected.add(stored.shard_key(level, part))
            else:
                codes = pyramid.halve(codes)
                self._compare(stored, level, part, codes)

    def _coarse_level(self, stored: StoredMosaic, source: Level, target: Level) -> None:
        """Compare a level that commit built with the averages of the one below it.

        Where that is damaged there is nothing to compare with: a shard is then only decoded.
        """
        damaged = {problem.key for problem in self.verdict.problems}
        for window in target.grid.window.split(target.shards.shard_px):
            below = pyramid.doubled(window, source.grid)
            keys = {stored.shard_key(source, part) for part in below.split(source.shards.shard_px)}
            try:
                wanted = None if keys & damaged else stored.averages(source, window)
            except DamagedObjectError:  # of a shard that was not looked at, for its block is damaged
                wanted = None
            self._compare(stored, target, window, wanted)

    def _compare(
        self, stored: StoredMosaic, level: Level, window: Window, wanted: NDArray[np.uint8] | None
    ) -> None:
        key = stored.shard_key(level, window)
        self.expected.add(key)
        try:
            found = stored.read_shard(level, window)
        except DamagedObjectError as error:
            self.verdict.found(key, f"cannot be decoded: {error}")
            return
        if wanted is None:
            return
        if found is None and not np.all(wanted == NO_DATA):
            self.verdict.found(key, "missing")
        elif found is not None and not np.array_equal(found, wanted):
            self.verdict.found(key, f"its codes are not the averages of level {level.number - 1}")

    def _read(self, key: str) -> bytes | None:
        try:
            return self.output.read(f"{self.verdict.store}/{key}")
        except FileNotFoundError:
            return None


def _pairs(
    provenance: Provenance, grid: Grid, record: SceneRecord | None
) -> dict[str, tuple[object, object]]:
    """Return what the root says of some things, and what the ledger says, by the name of the thing."""
    if record is None:
        return {}
    return {
        "scene_id": (provenance.mosaic_id, record.scene_id),
        "source_version": (provenance.version, record.version),
        "run_key": (provenance.run_key, record.run_key),
        "shape": ((grid.height_px, grid.width_px), (record.height_px, record.width_px)),
    }


def _scaled(block: Window, level: Level) -> Window:
    """Return the part of a level that is made of a block alone."""
    row, col = block.row_start >> level.number, block.col_start >> level.number
    return Window(row, -(-block.row_stop // 2**level.number), col, -(-block.col_stop // 2**level.number))


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _alone(node: object) -> object:
    """Return a node of the consolidated metadata as its own object has it."""
    if not isinstance(node, dict):
        return node
    return {name: value for name, value in node.items() if name != "consolidated_metadata"}
