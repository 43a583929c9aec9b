"""An error of a reader means the same in a process of its own and in the worker's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import SceneMosaic, Task, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.retries import Retries, RetryBudget
from sgddiff_batch.engine.steps import TaskLimits
from sgddiff_batch.engine.work import SceneOutcome, SceneWork, TaskOutcome, TaskWork
from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.errors import ChangedSceneError, FatalError
from sgddiff_batch.io.ledger.damage import DamagedRecordError
from sgddiff_batch.io.ledger.lease import LeaseHeldError
from sgddiff_batch.io.scenes.isolated_reader import IsolatedReader
from sgddiff_batch.io.stac.allowed_links import LinkRefusedError
from sgddiff_batch.io.stac.http import BadDocumentError
from sgddiff_batch.io.storage.errors import NoBucketError
from sgddiff_batch.lifecycle import MosaicLifecycle
from sgddiff_batch.protocols import SceneReader
from tests.kit.fakes import MemoryLedger, MemoryWriter, ToyPredictor

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]
SCENE = Scene("a.tif", "a.tif", "v1", 1)
PROFILE = SceneProfile(Grid(4, 5), (1, 2, 3), "uint8", 1)


@dataclass(frozen=True)
class RaisingReader:
    """Fails by an error of its own making, in whatever process it is asked."""

    error: type[Exception]

    @contextmanager
    def held(self, scene: Scene) -> Iterator[RaisingReader]:
        yield self

    def profile(self, scene: Scene) -> SceneProfile:
        raise self.error("what went wrong")

    def read(self, scene: Scene, profile: SceneProfile, window: Window) -> tuple[np.ndarray, np.ndarray]:
        raise self.error("what went wrong")


def worker(reader: SceneReader) -> Worker:
    lifecycle = MosaicLifecycle(MemoryWriter(), MemoryLedger(), "key", lambda mosaic: {})
    limits = TaskLimits(Tiling(96, 32, 128), 10**9, 10**9)
    retries = Retries(RetryBudget(attempts=2), sleep=lambda seconds: None)
    return Worker(reader, ToyPredictor(), lifecycle, limits, retries=retries)


def outcome(reader: SceneReader) -> str:
    """What becomes of a task whose scene is read so."""
    mosaic = SceneMosaic.at("a.tif/v1-key.zarr", SCENE, PROFILE, Tiling(96, 32, 128))
    try:
        found = worker(reader).run(TaskWork(Task(mosaic, mosaic.grid.window)))
    except FatalError as error:
        return f"the run stops: {error}"
    assert isinstance(found, TaskOutcome)
    assert "what went wrong" in str(found.reason)
    return found.state


def opened(reader: SceneReader) -> str:
    """What becomes of a scene that is opened so."""
    try:
        found = worker(reader).run(SceneWork(SCENE, "a.tif/v1-key.zarr"))
    except FatalError as error:
        return f"the run stops: {error}"
    assert isinstance(found, SceneOutcome)
    assert "what went wrong" in str(found.result.reason)
    return {"quarantined": "quarantine"}.get(found.result.state, found.result.state)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ValueError, "failed"),
        (BadDocumentError, "failed"),
        (ChangedSceneError, "failed"),
        (NoBucketError, "failed"),
        (LeaseHeldError, "failed"),
        (LinkRefusedError, "quarantine"),
        (DamagedRecordError, "the run stops: what went wrong"),
    ],
)
class TestErrors:
    def test_a_task_ends_alike_in_isolation_and_here(self, error: type[Exception], state: str) -> None:
        reader = RaisingReader(error)
        assert outcome(reader) == outcome(IsolatedReader(reader)) == state

    def test_a_scene_that_is_opened_ends_alike(self, error: type[Exception], state: str) -> None:
        reader = RaisingReader(error)
        assert opened(reader) == opened(IsolatedReader(reader)) == state
