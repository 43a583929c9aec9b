"""Fakes behind the seams of :mod:`sgddiff_batch.protocols`: whole runs without a file, a network or a GPU.

They keep the same promises as the real ones and are stricter: what the engine must never do is an
AssertionError here. All may be called from several threads; all can be pickled, each copy with its own state.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.blending import NO_DATA, blend
from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Mosaic, SceneMosaic, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.store_names import id_of
from sgddiff_batch.core.tiling import TaskTiles
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import LostClaimError
from sgddiff_batch.protocols import BlockRecord, Claim, FoundRoot, MosaicContents, SceneRecord

ScenePixels = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""Pixels (3, h, w) uint8, 0 where not valid, and validity (h, w) bool."""

TINY = Tiling(tile_px=12, overlap_px=4, block_px=16)
"""The smallest tiling with everything in it: ramps, flat parts, two tiles a block and axis."""


def make_scene(
    height_px: int, width_px: int, seed: int = 0, *, collar_px: int = 0, no_data_share: float = 0.0
) -> ScenePixels:
    """Return a scene of noise; a frame of ``collar_px`` and a random share of its pixels are no data."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(1, 256, (3, height_px, width_px), dtype=np.uint8)
    valid = rng.random((height_px, width_px)) >= no_data_share
    rows = np.minimum(np.arange(height_px), np.arange(height_px)[::-1])
    cols = np.minimum(np.arange(width_px), np.arange(width_px)[::-1])
    valid &= (rows[:, None] >= collar_px) & (cols[None, :] >= collar_px)
    return pixels * valid, valid


def make_mosaic(
    height_px: int,
    width_px: int,
    tiling: Tiling = TINY,
    *,
    scene_id: str = "scene.tif",
    version: str = "v1",
    sample_bytes: int = 1,
) -> SceneMosaic:
    """Return the mosaic of a scene in pixel coordinates, with a store named as the job names them."""
    scene = Scene(scene_id, f"memory://{scene_id}", version, 3 * height_px * width_px * sample_bytes)
    profile = SceneProfile(Grid(height_px, width_px), (1, 2, 3), "uint8", sample_bytes)
    return SceneMosaic.at(f"{scene_id}/{version}-runkey.zarr", scene, profile, tiling)


class _Shared:
    """State behind a lock; the lock stays behind when the object is pickled."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()


@dataclass(frozen=True)
class Fault:
    """Makes a reader raise a copy of ``error`` for a scene, ``times`` times (None: always).

    At its profile, or at reads that share a pixel with ``window`` (None: at every read).
    """

    scene_id: str
    error: Exception
    stage: Literal["profile", "read"] = "read"
    window: Window | None = None
    times: int | None = None

    def hits(self, stage: str, scene_id: str, window: Window | None) -> bool:
        if (self.stage, self.scene_id) != (stage, scene_id):
            return False
        return self.window is None or (window is not None and _overlap(self.window, window))


class SyntheticReader(_Shared):
    """A SceneReader over scenes in memory.

    ``calls`` counts (stage, scene id), those that raised included; ``windows`` lists what was read.
    """

    def __init__(self, scenes: Mapping[str, ScenePixels], faults: Sequence[Fault] = ()) -> None:
        super().__init__()
        self._scenes = dict(scenes)
        self._faults = list(faults)
        self._raised: Counter[int] = Counter()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.windows: list[tuple[str, Window]] = []

    def scenes(self) -> list[Scene]:
        """Return what a catalogue would list: the version is a digest of pixels and validity."""
        return [self._scene(scene_id) for scene_id in sorted(self._scenes)]

    def profile(self, scene: Scene) -> SceneProfile:
        self._call("profile", scene.scene_id, None)
        valid = self._scenes[scene.scene_id][1]
        return SceneProfile(Grid(*valid.shape), (1, 2, 3), "uint8", sample_bytes=1)

    def read(self, scene: Scene, profile: SceneProfile, window: Window) -> ScenePixels:
        self._call("read", scene.scene_id, window)
        pixels, valid = self._scenes[scene.scene_id]
        assert profile.grid.window == Grid(*valid.shape).window, "the profile is another scene's"
        assert profile.grid.window.contains(window), f"{window} reaches out of {scene.scene_id}"
        part = valid[window.slices].copy()
        return pixels[:, *window.slices] * part, part

    @contextmanager
    def held(self, scene: Scene) -> Iterator[SyntheticReader]:
        yield self

    def _scene(self, scene_id: str) -> Scene:
        pixels, valid = self._scenes[scene_id]
        version = array_digest(np.concatenate([pixels, valid[None].astype(np.uint8)]))[:16]
        return Scene(scene_id, f"memory://{scene_id}", version, pixels.nbytes)

    def _call(self, stage: str, scene_id: str, window: Window | None) -> None:
        with self._lock:
            self.calls[stage, scene_id] += 1
            if window is not None:
                self.windows.append((scene_id, window))
            for number, fault in enumerate(self._faults):
                spent = fault.times is not None and self._raised[number] >= fault.times
                if fault.hits(stage, scene_id, window) and not spent:
                    self._raised[number] += 1
                    raise type(fault.error)(*fault.error.args)


def toy_tile(tile: NDArray[np.uint8], origin: tuple[int, int]) -> NDArray[np.uint8]:
    """Return codes that change with any pixel of the tile, the place in the tile, and its absolute origin."""
    red, green, blue = tile.astype(np.int64)
    place = np.arange(red.size).reshape(red.shape)
    mixed = 3 * red + 5 * green + 7 * blue + int(tile.sum()) + place + 11 * origin[0] + 13 * origin[1]
    return (mixed % 255).astype(np.uint8)


class ToyPredictor(_Shared):
    """A Predictor that blends :func:`toy_tile` by the reference; ``tiles_computed`` counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.tiles_computed = 0

    def predict(
        self, pixels: NDArray[np.uint8], valid: NDArray[np.bool_], tiles: TaskTiles, /
    ) -> NDArray[np.uint8]:
        return blend(self._tile, pixels, valid, tiles)

    def _tile(self, tile: NDArray[np.uint8], origin: tuple[int, int]) -> NDArray[np.uint8]:
        with self._lock:
            self.tiles_computed += 1
        return toy_tile(tile, origin)


@dataclass
class StoredMosaic:
    """What a :class:`MemoryWriter` holds of a store: level 0 while blocks come in, all levels at commit.

    ``mosaic`` is None of a store that was emptied and not cleared yet.
    """

    version: str
    mosaic: Mosaic | None
    provenance: dict[str, object]
    levels: list[NDArray[np.uint8]]
    writes: Counter[Window] = field(default_factory=Counter)
    complete: bool = False
    blocks: tuple[BlockRecord, ...] | None = None


class MemoryWriter(_Shared):
    """A BlockWriter that keeps arrays; ``stores`` maps a store's name to what is in it.

    It refuses what no engine may do: a block that is none, a second version of a block's bytes, a block that
    is stored without a claim, a commit with blocks missing, a complete store emptied. ``before_write`` is
    called with the store and block before a block is stored, to fail or to wait there.
    """

    def __init__(self, before_write: Callable[[str, Window], None] | None = None) -> None:
        super().__init__()
        self.stores: dict[str, StoredMosaic] = {}
        self._before_write = before_write
        self._versions = 0

    def _version(self) -> str:
        self._versions += 1
        return f"v{self._versions}"

    def _claimed(self, mosaic: Mosaic, provenance: Mapping[str, object]) -> Claim:
        empty = np.full((mosaic.grid.height_px, mosaic.grid.width_px), NO_DATA, np.uint8)
        version = self._version()
        self.stores[mosaic.path] = StoredMosaic(version, mosaic, dict(provenance), [empty])
        return Claim(version.encode(), version, {"zarr.json": b""})

    def claim(self, mosaic: Mosaic, provenance: Mapping[str, object]) -> Claim | None:
        with self._lock:
            return None if mosaic.path in self.stores else self._claimed(mosaic, provenance)

    def find_root(self, mosaic: Mosaic, provenance: Mapping[str, object]) -> FoundRoot | None:
        with self._lock:
            stored = self.stores.get(mosaic.path)
            if stored is None:
                return None
            there = stored.mosaic and (stored.mosaic.grid, stored.mosaic.tiling)
            is_same = there == (mosaic.grid, mosaic.tiling)
            return FoundRoot(stored.version, stored.complete, is_same, "root", stored.blocks)

    def take_over(self, mosaic: Mosaic, provenance: Mapping[str, object], found: FoundRoot) -> Claim | None:
        with self._lock:
            stored = self.stores.get(mosaic.path)
            if stored is None or stored.version != found.version:
                return None
            assert not stored.complete, f"{mosaic.path} is complete and was taken over"
            before = stored.levels, stored.writes
            claim = self._claimed(mosaic, provenance)
            self.stores[mosaic.path].levels, self.stores[mosaic.path].writes = before
            return claim

    def is_complete(self, path: str) -> bool:
        with self._lock:
            return path in self.stores and self.stores[path].complete

    def describe(self, mosaic: Mosaic, claim: Claim) -> Claim:
        return replace(claim, files={})

    def write_block(
        self,
        mosaic: Mosaic,
        block: Window,
        codes: NDArray[np.uint8],
        beside: Mapping[str, bytes] | None = None,
    ) -> None:
        if self._before_write:
            self._before_write(mosaic.path, block)
        assert block in set(mosaic.blocks()), f"{block} is no block of {mosaic.path}"
        assert codes.dtype == np.uint8
        assert codes.shape == (block.height_px, block.width_px)
        with self._lock:
            stored = self.stores[mosaic.path]
            there = stored.levels[0][block.slices]
            assert not stored.writes[block] or np.array_equal(there, codes), f"{block} changed its bytes"
            there[...] = codes
            stored.writes[block] += 1

    def commit(self, mosaic: Mosaic, claim: Claim, blocks: Sequence[BlockRecord]) -> str:
        with self._lock:
            stored = self._held(mosaic.path, claim)
            missing = set(mosaic.blocks()) - set(stored.writes)
            assert not missing, f"{mosaic.path} was committed without {sorted(missing)}"
            while len(stored.levels) < mosaic.levels:
                stored.levels.append(pyramid.halve(stored.levels[-1]))
            stored.complete, stored.blocks = True, tuple(blocks)
            return array_digest(stored.levels[0])

    def _held(self, path: str, claim: Claim) -> StoredMosaic:
        stored = self.stores.get(path)
        if stored is None or stored.version != claim.version:
            raise LostClaimError(f"{path} was taken over")
        return stored

    def empty(self, path: str, claim: Claim | None = None) -> None:
        with self._lock:
            if claim is not None and path in self.stores and self.stores[path].mosaic is not None:
                self._held(path, claim)
            stored = self.stores.get(path)
            assert not (stored and stored.complete), f"{path} is complete and was emptied"
            self.stores[path] = StoredMosaic(self._version(), None, {}, [])

    def clear(self, path: str) -> None:
        with self._lock:
            assert self.stores[path].mosaic is None, f"{path} was not emptied"
            del self.stores[path]


class MemoryLedger(_Shared):
    """A Ledger that keeps its marks in memory; an object that outlives a run plays the durable record."""

    def __init__(self) -> None:
        super().__init__()
        self._records: dict[str, SceneRecord] = {}
        self._mosaics: dict[str, SceneRecord] = {}
        self._blocks: dict[str, dict[Window, BlockRecord]] = {}
        self.disowned_paths: set[str] = set()
        self._contents: dict[str, MosaicContents] = {}

    def records(self) -> dict[str, SceneRecord]:
        with self._lock:
            return dict(self._records)

    def finished_mosaic(self, path: str) -> SceneRecord | None:
        with self._lock:
            return self._mosaics.get(path)

    def contents(self, path: str) -> MosaicContents | None:
        with self._lock:
            return self._contents.get(path)

    def forget_mosaic(self, path: str) -> None:
        with self._lock:
            self._mosaics.pop(path, None)
            self._contents.pop(path, None)
            self._blocks.pop(path, None)

    def finished_blocks(self, path: str) -> list[BlockRecord]:
        with self._lock:
            return list(self._blocks.get(path, {}).values())

    def forget_blocks(self, path: str) -> None:
        with self._lock:
            self._blocks.pop(path, None)

    def mark_blocks(self, mosaic: Mosaic, window: Window, blocks: Iterable[BlockRecord]) -> None:
        marked = {block.window: block for block in blocks}
        own = set(window.split(mosaic.tiling.block_px))
        assert set(marked) <= own, f"task {window.name} marks blocks that are not its own"
        with self._lock:
            self._blocks.setdefault(mosaic.path, {}).update(marked)

    def marked(self) -> frozenset[str]:
        """Return the ids of scenes of which blocks are marked."""
        with self._lock:
            return frozenset(id_of(path) for path in self._blocks)

    def disowned(self, paths: Iterable[str]) -> set[str]:
        with self._lock:
            return {path for path in paths if path in self.disowned_paths}

    def finish(
        self,
        record: SceneRecord,
        contents: MosaicContents | None = None,
        shown: Mapping[str, object] | None = None,
    ) -> None:
        with self._lock:
            self._records[record.scene_id] = record
            if record.store is not None and record.reason is None:
                self._mosaics[record.store] = record
                if contents is not None:
                    self._contents[record.store] = contents


def _overlap(a: Window, b: Window) -> bool:
    rows = a.row_start < b.row_stop and b.row_start < a.row_stop
    return rows and a.col_start < b.col_stop and b.col_start < a.col_stop
