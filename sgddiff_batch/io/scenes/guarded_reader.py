"""GuardedReader: leaves a mark while a scene is read, and reads those in isolation that ended a process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.protocols import Ledger, SceneReader


@dataclass(frozen=True, slots=True)
class GuardedReader:
    """Reads through ``reader``, with a mark in ``ledger`` during each call; implements ``SceneReader``.

    ``suspects`` are the ids of scenes with a mark of a process that died. They are read through ``isolated``:
    a scene that crashes GDAL ends the child, which makes its error, and one that was only being read when
    somebody killed the process is simply read.
    """

    reader: SceneReader
    isolated: SceneReader
    ledger: Ledger
    suspects: frozenset[str] = frozenset()
    _distrusted: set[str] = field(default_factory=set)

    def distrust(self, scene: Scene) -> None:
        """Read a scene in isolation from now on: a process died that worked on it since this was made."""
        self._distrusted.add(scene.scene_id)

    def profile(self, scene: Scene) -> SceneProfile:
        """Return what the wrapped reader returns.

        Raises:
            SceneError, RetryableError: if the wrapped reader does, or reading ends a process again.
        """
        with self._marked(scene, "profile"):
            return self._reader_of(scene).profile(scene)

    def read(
        self, scene: Scene, profile: SceneProfile, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return what the wrapped reader returns.

        Raises:
            SceneError, RetryableError: if the wrapped reader does, or reading ends a process again.
        """
        with self._marked(scene, window.name):
            return self._reader_of(scene).read(scene, profile, window)

    @contextmanager
    def held(self, scene: Scene) -> Iterator[SceneReader]:
        """Yield a reader that leaves marks as this one does, and reads apart a scene of distrust."""
        with self._reader_of(scene).held(scene) as own:
            yield replace(self, reader=own)

    def _reader_of(self, scene: Scene) -> SceneReader:
        is_suspect = scene.scene_id in self.suspects or scene.scene_id in self._distrusted
        return self.isolated if is_suspect else self.reader

    @contextmanager
    def _marked(self, scene: Scene, what: str) -> Iterator[None]:
        self.ledger.reading(scene, what)
        try:
            yield
        finally:
            self.ledger.read_ended(scene, what)
