"""The seams of the system: what a task's path needs from the outside, in the words of the domain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.tiling import TaskTiles
from sgddiff_batch.core.window import Window


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """What the ledger keeps of a stored block: its place, digest, and counts for the report.

    ``salient_px`` counts codes of at least 127 (probability 0.5), ``valid_px`` those that are not 255.
    """

    window: Window
    digest: str
    valid_px: int
    salient_px: int


@dataclass(frozen=True, slots=True)
class MosaicContents:
    """What a mosaic held when it was committed, kept so that it can be verified later.

    ``root_digest`` is what :meth:`BlockWriter.commit` returned, ``blocks`` are all blocks of level 0.
    """

    root_digest: str
    blocks: tuple[BlockRecord, ...]


@dataclass(frozen=True, slots=True)
class SceneRecord:
    """The ledger's row of a scene.

    ``store`` is the current complete mosaic (None if there never was one), and the sizes and counts are its;
    ``version`` and ``run_key`` are those of the last finished attempt, ``reason`` why that was put into
    quarantine (None if it is done). ``finished_at`` is ISO 8601 in UTC. ``mask_rule`` is what made the mask
    of the mosaic (see :mod:`sgddiff_batch.core.masks`), "" of one made before that was kept, or of an area.
    """

    scene_id: str
    version: str
    run_key: str
    store: str | None
    reason: str | None = None
    valid_px: int = 0
    salient_px: int = 0
    height_px: int = 0
    width_px: int = 0
    finished_at: str = ""
    mask_rule: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded of a scene; what the catalogue shows of its mosaic (None: nothing, or the ledger has
    to be asked); why no objects were drawn of it, though there were to be.
    """

    record: SceneRecord
    shown: Mapping[str, Any] | None = None
    undrawn: str | None = None


class SceneReader(Protocol):
    """Opens scenes. All calls may be made from several threads at once."""

    def profile(self, scene: Scene) -> SceneProfile:
        """Return what planning needs to know.

        Raises:
            SceneError: if the scene cannot be read, or holds no imagery for the network.
            RetryableError: if the storage failed.
        """

    def read(
        self, scene: Scene, profile: SceneProfile, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return pixels (3, h, w) uint8, 0 where not valid, and validity (h, w) of a window.

        Raises:
            SceneError: if a pixel of the window cannot be read.
            RetryableError: if the storage failed.
        """

    def held(self, scene: Scene) -> AbstractContextManager[SceneReader]:
        """Yield a reader for several calls about one scene: what is small and far is fetched once.

        Nothing is asked before the first call, and its results and errors are those of this reader.
        """


@runtime_checkable
class CarefulReader(Protocol):
    """A reader that can be told of scenes that may end its process."""

    def distrust(self, scene: Scene) -> None:
        """Read a scene from now on so that only a child process can die of it."""


@dataclass(frozen=True, slots=True)
class Left:
    """The ids of scenes that processes were opening or reading, or computing, when they died.

    ``suspected``: others had died of them before. ``is_known``: there were notes at all (on this machine).
    """

    reading: frozenset[str] = frozenset()
    computing: frozenset[str] = frozenset()
    suspected: frozenset[str] = frozenset()
    is_known: bool = False


class Activity(Protocol):
    """Where a process notes what it is at work on, for whoever comes after its death."""

    def reading(self, scene_id: str) -> AbstractContextManager[None]:
        """Note, as long as the context lasts, that this process opens or reads a scene."""

    def computing(self, scene_id: str) -> AbstractContextManager[None]:
        """Note, as long as the context lasts, that pixels of a scene are on the device."""


class Predictor(Protocol):
    """Holds the network on its device. ``predict`` may be called from many threads at once.

    Tiles of all calls share what is computed at once, so the more threads call, the fuller that is.
    """

    def predict(
        self, pixels: NDArray[np.uint8], valid: NDArray[np.bool_], tiles: TaskTiles, /
    ) -> NDArray[np.uint8]:
        """Return the codes (h, w) of the target of ``tiles``: 0..254 is saliency 0..1, 255 is no data."""


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What a run must know of its network before it is loaded.

    ``model`` is what decides pixels, and goes into the run key; ``batch_tiles`` are computed at once;
    ``at_once``: so many predictors this machine has room for; ``bytes_per_px``: what a pixel of a tile takes
    in the network on a CPU, at its peak.
    """

    model: Mapping[str, object]
    batch_tiles: int
    at_once: int
    bytes_per_px: int


class NetworkSource(Protocol):
    """Gives the network that a config names. It can be pickled: workers in other processes load it, too."""

    def device(self) -> str:
        """Return where the network works: cpu or cuda.

        Raises:
            ConfigError: if it cannot work where the config wants it.
        """

    def describe(self, device: str) -> NetworkFacts:
        """Return the facts of the network on a device.

        Raises:
            ConfigError: if there is no such network, or it cannot be used.
        """

    def load(self, device: str, predictors: int = 1) -> Predictor:
        """Load the network onto a device; what a worker's process needs besides is set up here, once.

        ``predictors`` batches are computed at once, however many threads call; a GPU goes by itself.
        """


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to commit a mosaic, or to remove it: the root object that its holder put, and its version.

    Who takes a mosaic over replaces the root, so that no earlier claim holds any more. ``files`` are the
    mosaic's other metadata objects, by key below it, that are still to be put.
    """

    root: bytes
    version: str
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundRoot:
    """A root object that is there already.

    ``is_same``: it has the layout and the provenance that is wanted, so that blocks stored in it are good.
    ``blocks`` are those it was committed with, None where it does not say.
    """

    version: str
    is_complete: bool
    is_same: bool
    root_digest: str = ""
    blocks: tuple[BlockRecord, ...] | None = None


class BlockWriter(Protocol):
    """Writes mosaics. The root object is both the claim and the commit; all others are put in between."""

    def claim(self, mosaic: Mosaic, provenance: Mapping[str, object]) -> Claim | None:
        """Put the root of a new mosaic; None, and nothing is changed, if there is one already."""

    def is_complete(self, path: str) -> bool:
        """Whether a store is there and was committed."""

    def find_root(self, mosaic: Mosaic, provenance: Mapping[str, object]) -> FoundRoot | None:
        """Return what is known of the root that is there; None if there is none."""

    def take_over(self, mosaic: Mosaic, provenance: Mapping[str, object], found: FoundRoot) -> Claim | None:
        """Replace the root that was found, so that no earlier claim holds; None if it is another by now."""

    def describe(self, mosaic: Mosaic, claim: Claim) -> Claim:
        """Put the metadata objects of a mosaic; return the claim without them."""

    def write_block(
        self,
        mosaic: Mosaic,
        block: Window,
        codes: NDArray[np.uint8],
        beside: Mapping[str, bytes] | None = None,
    ) -> None:
        """Store a block's shards of all levels that belong to it alone, and ``beside`` in the same trip."""

    def commit(self, mosaic: Mosaic, claim: Claim, blocks: Sequence[BlockRecord]) -> str:
        """Build the coarse levels and mark the mosaic complete; return the digest of its root.

        blocks: all blocks of level 0, which the root then names.

        Raises:
            LostClaimError: if somebody took the mosaic over.
            SceneError: if what was stored of it is damaged.
        """

    def empty(self, path: str, claim: Claim | None = None) -> None:
        """Let the root say that nothing is there, so that no claim holds; only if it still is this claim's.

        Raises:
            LostClaimError: if somebody took the mosaic over.
        """

    def clear(self, path: str) -> None:
        """Remove all objects of a store that was emptied, its root last."""


class Ledger(Protocol):
    """The durable record of finished work. A mark that was returned from is not lost by a kill."""

    def records(self) -> Mapping[str, SceneRecord]:
        """Return the record of every scene that was ever finished, by scene id."""

    def finished_mosaic(self, path: str) -> SceneRecord | None:
        """Return the record with which a store was once committed, current or superseded."""

    def contents(self, path: str) -> MosaicContents | None:
        """Return what a store held when it was committed, None where that is not known."""

    def forget_mosaic(self, path: str) -> None:
        """Drop all marks of a store, those of its blocks too: it is gone or damaged."""

    def finished_blocks(self, path: str) -> list[BlockRecord]:
        """Return the blocks of a store that are marked."""

    def forget_blocks(self, path: str) -> None:
        """Drop the marks of a store's blocks: they are gone, or were of another layout."""

    def mark_blocks(self, mosaic: Mosaic, window: Window, blocks: Iterable[BlockRecord]) -> None:
        """Mark the stored blocks of a task, whose window it is."""

    def disowned(self, paths: Iterable[str]) -> set[str]:
        """Return those of some paths that no mosaic may be made current in: damaged, or their record is."""

    def finish(
        self,
        record: SceneRecord,
        contents: MosaicContents | None = None,
        shown: Mapping[str, object] | None = None,
    ) -> None:
        """Record a scene as done or in quarantine.

        ``contents`` are those of the mosaic that was committed just now; None keeps what is known of it.
        ``shown`` is what the catalogue shows of it, so that publishing need not open it.
        """
