"""HeldReader: one scene for several calls: opened once, and fetched whole before where it is small and far.

GDAL's handles are no two threads' at a time. So one is lent to each call; who finds none opens another, and
one is kept between calls. It does not outlive a failure, and nothing that is still lent is closed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.scenes.gdal import Whole, let_at, opened_to_keep, window_words
from sgddiff_batch.io.scenes.versions import fetch_whole, is_fetched_whole


class OpenSceneReader(Protocol):
    """What is read of a scene that is open."""

    def profile_of(
        self, source: DatasetReader, scene: Scene, beside: str = "", data: bytes | None = None
    ) -> SceneProfile:
        """As :meth:`SceneReader.profile`; ``data``: the bytes of the file, where they are there."""

    def read_of(
        self, source: DatasetReader, scene: Scene, profile: SceneProfile, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """As :meth:`SceneReader.read`."""


class HeldReader:
    """Reads one scene that has no sidecars until :meth:`end`; implements ``SceneReader``.

    Nothing is asked for or opened before the first call. ``is_fetched``: whether all calls are of bytes that
    came with the version that was listed, so that nobody need ask whether the scene is still the same, or
    whether the store sent it well. whole: the scene, where it is in memory already; closed by :meth:`end`.
    """

    def __init__(
        self, reader: OpenSceneReader, scene: Scene, access: BucketAccess, whole: Whole | None = None
    ) -> None:
        self._reader, self._scene, self._access = reader, scene, access
        self.is_fetched = is_fetched_whole(scene)
        self._fetching, self._lock = threading.Lock(), threading.Lock()
        self._whole = whole
        self._free: DatasetReader | None = None
        self._lent = 0
        self._has_ended = False

    def profile(self, scene: Scene) -> SceneProfile:
        """As :meth:`SceneReader.profile`, of this scene.

        Raises:
            ChangedSceneError: if it is fetched, and changed or went since it was listed.
            SceneError, RetryableError: as the wrapped reader.
            ValueError: if it is another scene, or no longer held.
        """
        with self._opened(scene, "opening it") as source:
            return self._reader.profile_of(source, scene, data=self._whole.data if self._whole else None)

    def read(
        self, scene: Scene, profile: SceneProfile, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """As :meth:`SceneReader.read`, of this scene. Raises as :meth:`profile`."""
        with self._opened(scene, f"reading {window_words(window)}") as source:
            return self._reader.read_of(source, scene, profile, window)

    @contextmanager
    def held(self, scene: Scene) -> Iterator[HeldReader]:
        """Yield this reader."""
        yield self

    @contextmanager
    def _opened(self, scene: Scene, doing: str) -> Iterator[DatasetReader]:
        if scene != self._scene:
            raise ValueError(f"{scene.scene_id} was asked for, and {self._scene.scene_id} is held")
        self._borrow()
        source, is_sound = None, False
        try:
            whole = self._fetched(doing)
            with let_at(scene, doing, self._access, whole):
                source = self._taken() or opened_to_keep(scene, whole)
                yield source
            is_sound = True
        finally:
            self._give_back(source, is_sound=is_sound)

    def _fetched(self, doing: str) -> Whole | None:
        with self._fetching:
            if self.is_fetched and self._whole is None:
                self._whole = Whole.of(self._scene, fetch_whole(self._scene, doing, self._access))
            return self._whole

    def _borrow(self) -> None:
        with self._lock:
            if self._has_ended:
                raise ValueError(f"{self._scene.scene_id} is no longer held")
            self._lent += 1

    def _taken(self) -> DatasetReader | None:
        with self._lock:
            source, self._free = self._free, None
            return source

    def _give_back(self, source: DatasetReader | None, *, is_sound: bool) -> None:
        with self._lock:
            self._lent -= 1
            if source is not None and is_sound and self._free is None and not self._has_ended:
                self._free = source
            elif source is not None:
                source.close()
            self._let_go()

    def end(self) -> None:
        """Close what is open, and drop the bytes: now, or when the last call returns that is still on."""
        with self._lock:
            self._has_ended = True
            self._let_go()

    def _let_go(self) -> None:
        if not self._has_ended:
            return
        if self._free is not None:
            self._free.close()
            self._free = None
        if self._whole is not None and not self._lent:
            self._whole.file.close()
            self._whole = None
