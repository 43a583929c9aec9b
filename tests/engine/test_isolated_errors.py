"""An error of a reader means the same in a process of its own and in the worker's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sgddiff_batch import errors
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import SceneMosaic, Task, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.retries import Retries, RetryBudget
from sgddiff_batch.engine.survey import survey
from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.errors import (
    ChangedSceneError,
    ConfigError,
    FatalError,
    SgddiffBatchError,
)
from sgddiff_batch.io.ledger.damage import DamagedRecordError
from sgddiff_batch.io.ledger.lease import LeaseHeldError
from sgddiff_batch.io.scenes.isolated_reader import IsolatedReader
from sgddiff_batch.io.stac.allowed_links import LinkRefusedError
from sgddiff_batch.io.stac.http import BadDocumentError
from sgddiff_batch.io.storage.errors import NoBucketError
from sgddiff_batch.protocols import SceneReader

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]
SCENE = Scene("a.tif", "a.tif", "v1", 1)
PROFILE = SceneProfile(Grid(4, 5), (1, 2, 3), "uint8", 1)


@dataclass(frozen=True)
class RaisingReader:
    """Fails by an error of its own making, in whatever process it is asked."""

    error: type[Exception]

    def profile(self, scene: Scene) -> SceneProfile:
        raise self.error("what went wrong")

    def read(self, scene: Scene, profile: SceneProfile, window: Window) -> tuple[np.ndarray, np.ndarray]:
        raise self.error("what went wrong")


def outcome(reader: SceneReader) -> str:
    """What becomes of a task whose scene is read so."""
    mosaic = SceneMosaic.at("a.tif/v1-key.zarr", SCENE, PROFILE, Tiling(96, 32, 128))
    task = Task(mosaic, mosaic.grid.window)
    retries = Retries(RetryBudget(attempts=2), sleep=lambda seconds: None)
    # Nothing but the reader is come to.
    worker: Any = Worker(reader, *[None] * 3, retries=retries)  # type: ignore[arg-type]
    try:
        found = worker.run(task)
    except FatalError as error:
        return f"the run stops: {error}"
    assert "what went wrong" in found.reason
    return found.state


def planned(reader: SceneReader) -> str:
    """What becomes of a scene that is opened so."""
    try:
        plan = survey([SCENE], {}, reader, Tiling(96, 32, 128), "key")
    except SgddiffBatchError as error:
        known = next(one for one in type(error).__mro__ if getattr(errors, one.__name__, None) is one)
        return f"the run stops: {known.__name__}: {error}"
    (refusal,) = plan.refused
    assert "what went wrong" in refusal.reason
    return "left to the next run" if refusal.retry else "quarantine"


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

    def test_a_plan_ends_alike_in_isolation_and_here(self, error: type[Exception], state: str) -> None:
        reader = RaisingReader(error)
        found = planned(reader)
        assert found == planned(IsolatedReader(reader))
        if state == "quarantine":
            assert found == "quarantine"
        elif issubclass(error, ConfigError | FatalError | LeaseHeldError):
            assert found.startswith("the run stops")
        else:
            assert found == "left to the next run"
