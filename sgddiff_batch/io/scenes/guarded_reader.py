"""GuardedReader: notes which scene is read, and reads those in isolation that ended a process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.scenes.checked_reader import CheckedReader
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from sgddiff_batch.io.scenes.isolated_reader import IsolatedReader
from sgddiff_batch.protocols import Activity, SceneReader


@dataclass(frozen=True, slots=True)
class GuardedReader:
    """Reads through ``reader``, with a note in ``activity`` during each call; implements ``SceneReader``.

    ``suspects`` are the ids of scenes that a process died of, as far as its notes say. They are read through
    ``isolated``: a scene that crashes GDAL ends the child, which makes its error, and one that was only being
    read when somebody killed the process is simply read.
    """

    reader: SceneReader
    isolated: SceneReader
    activity: Activity
    suspects: frozenset[str] = frozenset()
    _distrusted: set[str] = field(default_factory=set)

    def distrust(self, scene: Scene) -> None:
        """Read a scene in isolation from now on: a process died that worked on it since this was made."""
        self._distrusted.add(scene.scene_id)

    @contextmanager
    def held(self, scene: Scene) -> Iterator[SceneReader]:
        """Yield a reader that notes as this one does, and reads apart a scene of distrust."""
        with self.reader.held(scene) as own:
            yield replace(self, reader=own)

    def profile(self, scene: Scene) -> SceneProfile:
        """Return what the wrapped reader returns.

        Raises:
            SceneError, RetryableError: if the wrapped reader does, or reading ends a process again.
        """
        with self.activity.reading(scene.scene_id):
            return self._reader_of(scene).profile(scene)

    def read(
        self, scene: Scene, profile: SceneProfile, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return what the wrapped reader returns.

        Raises:
            SceneError, RetryableError: if the wrapped reader does, or reading ends a process again.
        """
        with self.activity.reading(scene.scene_id):
            return self._reader_of(scene).read(scene, profile, window)

    def _reader_of(self, scene: Scene) -> SceneReader:
        is_suspect = scene.scene_id in self.suspects or scene.scene_id in self._distrusted
        return self.isolated if is_suspect else self.reader


def make_reader(
    bands: Literal["auto"] | tuple[int, ...],
    stretch: Literal["auto", "none"] | tuple[float, float],
    access: BucketAccess,
    activity: Activity | None,
    suspects: frozenset[str] = frozenset(),
) -> SceneReader:
    """Return the reader of scenes; those that a process died of are read in a process of their own.

    Without an activity it is the bare reader, which notes nothing. suspects: the ids of such scenes.
    """
    reader = CheckedReader(GeoTiffReader(bands=bands, stretch=stretch, access=access), access)
    if activity is None:
        return reader
    return GuardedReader(reader, IsolatedReader(reader), activity, suspects)
