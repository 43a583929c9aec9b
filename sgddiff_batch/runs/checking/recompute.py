"""Recomputing stored blocks from their scenes: does the same network still say the same, to the byte?"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.planning import SceneMosaic, Task
from sgddiff_batch.core.window import Window
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import ChangedSceneError, RetryableError, SceneError
from sgddiff_batch.io.archive import current_scene
from sgddiff_batch.io.mosaics import DamagedObjectError, StoredMosaic, open_stored
from sgddiff_batch.io.reports import versions
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.pipeline import infer_task, read_task
from sgddiff_batch.protocols import Predictor, SceneReader
from sgddiff_batch.runs import PIXELS_VERSION, Bench

_OF_ONE_BLOCK = (SceneError, ChangedSceneError, DamagedObjectError, FileNotFoundError, RetryableError)
"""What keeps one block from being recomputed and must not stop the others."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A block of a committed mosaic."""

    store: str
    window: Window


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What became of a sampled block. ``state``: equal, different, or not possible; ``words`` say more.

    ``other_software``: it was made with other versions of libraries, which may round otherwise.
    """

    block: Sampled
    state: str
    words: str = ""
    other_software: bool = False


@dataclass(slots=True)
class Sample:
    """Draws ``count`` of all blocks that are offered, each with the same chance, in one pass."""

    count: int
    seed: int
    drawn: list[Sampled] = field(default_factory=list)
    offered: int = 0

    def offer(self, blocks: Iterable[Sampled]) -> None:
        """Offer blocks; the draw depends on the seed and on their order alone."""
        for block in blocks:
            self.offered += 1
            at = len(self.drawn) if self.offered <= self.count else self._chance().randrange(self.offered)
            if at < self.count:
                self.drawn[at : at + 1] = [block]

    def _chance(self) -> random.Random:
        return random.Random(f"{self.seed} {self.offered}")


@dataclass
class Recomputer:
    """Recomputes blocks with the network and settings of a bench, loaded when they are needed."""

    bench: Bench

    @cached_property
    def _predictor(self) -> Predictor:
        return self.bench.network.load(self.bench.device)

    @cached_property
    def _reader(self) -> SceneReader:
        return self.bench.reader()

    def recompute(self, blocks: Iterable[Sampled]) -> Iterator[Recomputed]:
        """Yield what became of each block, as it is done. Takes the memory of a task of one block."""
        for block in sorted(blocks, key=lambda block: (block.store, block.window)):
            try:
                yield self._recompute(block)
            except _OF_ONE_BLOCK as error:
                yield Recomputed(block, "not possible", on_one_line(error))

    def _recompute(self, block: Sampled) -> Recomputed:
        stored = open_stored(open_store(f"{self.bench.output.uri}/{block.store}"), block.store)
        if key_words := self._other_key(stored):
            return Recomputed(block, "not possible", key_words)
        scene = current_scene(stored.provenance.scene, self.bench.query.access)
        if isinstance(scene, str):
            return Recomputed(block, "not possible", scene)
        profile = self._reader.profile(scene)
        if profile.stretch != stored.provenance.stretch:
            words = f"the scene gives the stretch {profile.stretch}, not {stored.provenance.stretch}"
            return _different(block, stored, words)
        if profile.mask.rule != (rule := stored.provenance.mask_rule):
            words = f"the scene gives a mask by {profile.mask.rule}, not by {rule}"
            return _different(block, stored, words)
        task = Task(SceneMosaic.at(block.store, scene, profile, stored.mosaic.tiling), block.window)
        made = infer_task(task, read_task(task, self._reader), self._predictor)
        return _compared(block, stored, made)

    def _other_key(self, stored: StoredMosaic) -> str | None:
        """Return why the config makes other pixels than were stored, None where it does not."""
        made_by = stored.provenance.pixels_version
        if made_by != PIXELS_VERSION:
            return (
                f"made by pixels_version {made_by}, this software makes {PIXELS_VERSION}: it is not "
                "damaged for that, and the next run makes it anew"
            )
        key = stored.provenance.run_key
        if key == self.bench.run_key:
            return None
        return (
            f"made with other settings or another model: run key {key}, the config's is {self.bench.run_key}"
        )


def _compared(block: Sampled, stored: StoredMosaic, made: NDArray[np.uint8]) -> Recomputed:
    found = stored.read(stored.levels[0], block.window)
    rows, cols = np.nonzero(found != made)
    if not len(rows):
        return Recomputed(block, "equal")
    row, col = block.window.row_start + int(rows[0]), block.window.col_start + int(cols[0])
    return _different(block, stored, f"{len(rows)} pixels differ, the first in row {row}, column {col}")


def _different(block: Sampled, stored: StoredMosaic, words: str) -> Recomputed:
    theirs, ours = stored.provenance.software, versions()
    if theirs == ours:
        return Recomputed(block, "different", words)
    words += f"; it was made with other software: {_differences(theirs, ours)}"
    return Recomputed(block, "different", words, other_software=True)


def _differences(theirs: object, ours: dict[str, str]) -> str:
    then = theirs if isinstance(theirs, dict) else {}
    names = sorted(name for name in {*then, *ours} if then.get(name) != ours.get(name))
    return ", ".join(f"{name} {then.get(name, 'none')} then, {ours.get(name, 'none')} now" for name in names)
