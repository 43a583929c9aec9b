"""A small archive, its workers, and scripted trouble; everything here can be sent to another process."""

import json
import os
import signal
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import zarr

from sgddiff_batch.core.blending import blend
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.engine.driver import Driver
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.engine.steps import TaskLimits
from sgddiff_batch.engine.survey import survey
from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.io.ledger.activity import FileActivity, take_left
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.scenes.guarded_reader import GuardedReader
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.lifecycle import MosaicLifecycle
from tests.kit.fakes import TINY, SyntheticReader, ToyPredictor, toy_tile

ONE_BLOCK = 32 * 32 * 24
"""Memory that lets a task hold one block of TINY with its halo, not two."""
IN_FLIGHT = 3


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
    """A Worker that notes in ``log`` how much it does at once."""

    def __init__(self, log, *args, **options):
        super().__init__(*args, **options)
        self._log, self._running, self._lock = log, 0, threading.Lock()

    def run(self, work):
        with self._lock:
            self._running += 1
            with self._log.open("a") as file:
                file.write(f"{self._running}\n")
        try:
            return super().run(work)
        finally:
            with self._lock:
                self._running -= 1


@dataclass(frozen=True)
class LastWords:
    """Something in an outcome that kills the process which sends it away; once, then it is the number 0."""

    marker: Path

    def __reduce__(self):
        if not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return float, ()


def no_sleep(seconds):
    """Retry at once."""


def no_provenance(mosaic):
    """Say nothing of where a mosaic comes from."""
    return {}


@dataclass(frozen=True)
class MakesWorkers:
    """A WorkerSource over a folder. ``is_guarded``: as the job makes workers, which note what they read."""

    root: Path
    reader: SyntheticReader
    tiling: Tiling
    is_guarded: bool = False

    def __call__(self, label):
        store = open_store(str(self.root))
        activity = FileActivity(str(self.root), label)
        reader = GuardedReader(self.reader, self.reader, activity) if self.is_guarded else self.reader
        lifecycle = MosaicLifecycle(ZarrBlockWriter(store), ObjectLedger(store), "key", no_provenance)
        limits = TaskLimits(self.tiling, ONE_BLOCK, IN_FLIGHT * ONE_BLOCK)
        retries = Retries(sleep=no_sleep)
        log = Path(f"{self.root}.at-once")
        return CountingWorker(
            log, reader, ToyPredictor(), lifecycle, limits, retries=retries, activity=activity
        )

    def take_left(self, label):
        return take_left(str(self.root), label)


@dataclass(frozen=True)
class UnheardWorkers:
    """Makes workers whose process dies when the first outcome is ready and nobody has heard of it."""

    make_worker: MakesWorkers
    marker: Path

    def __call__(self, label):
        worker = self.make_worker(label)
        run = worker.run

        def unheard(work):
            outcome = run(work)
            seconds = {**outcome.result.seconds, "last words": LastWords(self.marker)}
            return replace(outcome, result=replace(outcome.result, seconds=seconds))

        worker.run = unheard
        return worker

    def take_left(self, label):
        return self.make_worker.take_left(label)


@dataclass(frozen=True)
class Archive:
    """Scenes in memory, their mosaics and ledger in a folder."""

    root: Path
    scenes: dict
    reader: SyntheticReader
    tiling: Tiling = TINY
    is_guarded: bool = False
    outcomes: list = field(default_factory=list)

    @property
    def ledger(self):
        return ObjectLedger(open_store(str(self.root)))

    @property
    def make_worker(self):
        return MakesWorkers(self.root, self.reader, self.tiling, self.is_guarded)

    @property
    def at_once(self):
        """The most pieces of work that any worker was doing."""
        return max(map(int, Path(f"{self.root}.at-once").read_text().split()))

    def driver(self):
        records = self.ledger.records()
        return Driver(survey(self.reader.scenes(), records, "key"), records)

    def run(self, engine):
        """Run all that is new on an engine, a function of ``take``; return the results by scene id."""
        results = list(self.driver().run(engine, self.outcomes.append))
        assert len({result.scene_id for result in results}) == len(results)
        return {result.scene_id: result for result in results}

    def expected(self, scene_id):
        """The codes of a mosaic, from the reference and the whole scene at once."""
        pixels, valid = self.scenes[scene_id]
        (scene,) = (scene for scene in self.reader.scenes() if scene.scene_id == scene_id)
        mosaic = _mosaic(scene, self.reader.profile(scene), self.tiling)
        return blend(toy_tile, pixels, valid, mosaic.lattice.task_tiles(mosaic.grid.window))

    def stored(self, scene_id):
        """The decoded level 0 of a scene's current mosaic, as a stranger reads it."""
        group = zarr.open_group(str(self.root / self.ledger.records()[scene_id].store), mode="r")
        assert group.attrs["complete"] is True
        return np.asarray(group["0/saliency"])


def _mosaic(scene, profile, tiling):
    from sgddiff_batch.core.planning import SceneMosaic

    return SceneMosaic.at("any.zarr", scene, profile, tiling)
