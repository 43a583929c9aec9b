"""A small archive, its workers, and scripted trouble; everything here can be sent to another process."""

import json
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import zarr

from sgddiff_batch.core.blending import blend
from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.planning import Task, Tiling
from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from tests.kit.fakes import TINY, SyntheticReader, ToyPredictor, make_mosaic, toy_tile


class WatchedReader(SyntheticReader):
    """A SyntheticReader that leaves a JSON line for every read in ``log``, and then makes trouble.

    ``trouble`` maps a scene's id to "die" (the process kills itself) or "hang" (the read never ends). The log
    is shared by all copies of the reader, those in dead processes included.
    """

    def __init__(self, scenes, faults=(), *, log: Path, trouble=None, read_s=0.0):
        super().__init__(scenes, faults)
        self.log, self.trouble, self.read_s = log, trouble or {}, read_s

    def read(self, scene, profile, window):
        line = {"scene_id": scene.scene_id, "pid": os.getpid(), "omp": os.environ.get("OMP_NUM_THREADS")}
        with self.log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        time.sleep(self.read_s)
        self._make_trouble(scene.scene_id)
        return super().read(scene, profile, window)

    def _make_trouble(self, scene_id):
        trouble = self.trouble.get(scene_id)
        if trouble == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if trouble == "hang":
            threading.Event().wait()


def read_log(log: Path):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


class CountingWorker(Worker):
    """A Worker whose outcomes tell how many tasks it was running when theirs began."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._running, self._lock = 0, threading.Lock()

    def run(self, task):
        with self._lock:
            self._running += 1
            at_once = self._running
        try:
            outcome = super().run(task)
        finally:
            with self._lock:
                self._running -= 1
        outcome.seconds["at once"] = at_once
        return outcome


@dataclass(frozen=True)
class LastWords:
    """Something in an outcome that kills the process which sends it away; once, then it is the number 0."""

    marker: Path

    def __reduce__(self):
        if not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return float, ()


class UnheardWorker:
    """A worker whose process dies when the first outcome of a kind is ready and nobody has heard of it."""

    def __init__(self, make_worker, state: str, marker: Path):
        self._worker, self._state, self._marker = make_worker(), state, marker

    def run(self, task):
        outcome = self._worker.run(task)
        if outcome.state == self._state:
            outcome.seconds["last words"] = LastWords(self._marker)
        return outcome

    def distrust(self, scene):
        self._worker.distrust(scene)


def no_sleep(seconds):
    """Retry at once."""


@dataclass(frozen=True)
class Archive:
    """Scenes in memory, their mosaics and ledger in a folder."""

    root: Path
    scenes: dict
    reader: SyntheticReader
    tilings: tuple[Tiling, ...] = (TINY,)
    predictors: int = 1
    mosaics: list = field(init=False)

    def __post_init__(self):
        mosaics = [self._mosaic(scene_id, tiling) for scene_id in self.scenes for tiling in self.tilings]
        object.__setattr__(self, "mosaics", mosaics)
        for mosaic in mosaics:
            self.writer.create(mosaic, {})

    def _mosaic(self, scene_id, tiling):
        shape = self.scenes[scene_id][1].shape
        return make_mosaic(*shape, tiling, scene_id=scene_id, version=f"block{tiling.block_px}")

    @property
    def writer(self):
        return ZarrBlockWriter(open_store(str(self.root)))

    @property
    def ledger(self):
        return ObjectLedger(open_store(str(self.root)))

    @property
    def tasks(self):
        """One task a block."""
        return [Task(mosaic, block) for mosaic in self.mosaics for block in mosaic.blocks()]

    @property
    def make_worker(self):
        return partial(_make_worker, str(self.root), self.reader, self.predictors)

    def expected(self, mosaic):
        """The codes of a mosaic, from the reference and the whole scene at once."""
        pixels, valid = self.scenes[mosaic.id]
        return blend(toy_tile, pixels, valid, mosaic.lattice.task_tiles(mosaic.grid.window))

    def stored(self, mosaic):
        """The decoded level 0 of a mosaic, as a stranger reads it."""
        group = zarr.open_group(str(self.root / mosaic.path), mode="r")
        return np.asarray(group["0/saliency"])

    def expected_digest(self, mosaic, block):
        return array_digest(self.expected(mosaic)[block.slices])


def _make_worker(root, reader, predictors):
    store = open_store(root)
    parts = reader, ToyPredictor(), ZarrBlockWriter(store), ObjectLedger(store)
    return CountingWorker(*parts, predictors=predictors, sleep=no_sleep)
