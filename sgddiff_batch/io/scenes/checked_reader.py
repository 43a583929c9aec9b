"""CheckedReader: asks the store about a scene before pixels are used, or the scene is blamed for a failure.

A scene can be replaced between two tasks, or between two requests of one read: half of it would be old then
and half new, or the two halves no file at all. And GDAL takes what a store sends in the middle of a read for
the file, a body that was cut off or the answer to an expired token, so that trouble with the store looks like
damage to the scene.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import (
    AbsentSceneError,
    ChangedSceneError,
    ConfigError,
    RetryableError,
    SceneError,
    UnreadableSceneError,
)
from sgddiff_batch.io import storage
from sgddiff_batch.io.scenes.held_reader import HeldReader
from sgddiff_batch.io.scenes.versions import check_unchanged, denied
from sgddiff_batch.io.storage import DeniedError
from sgddiff_batch.protocols import SceneReader

T = TypeVar("T")

_PROBE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class CheckedReader:
    """Reads through ``reader``, and asks the store about the scene afterwards; implements ``SceneReader``.

    A read costs one more request (HEAD): the version that was listed is that of the file's ETag, or of its
    size and time. A remote scene that fails costs a HEAD, a GET of 64 KiB, and a second read.
    """

    reader: SceneReader
    access: BucketAccess = OWN

    def profile(self, scene: Scene) -> SceneProfile:
        """Return what the wrapped reader returns; a change that it does not mind is seen when it is read.

        Raises:
            SceneError: if the wrapped reader does, of a scene that is unchanged in a store that answers.
            ChangedSceneError: if it fails, and the scene changed or went.
            RetryableError: if the storage failed.
        """
        return _blaming(scene, self.access, lambda: self.reader.profile(scene))

    def read(
        self, scene: Scene, profile: SceneProfile, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return what the wrapped reader returns.

        Raises:
            ChangedSceneError: if the scene changed or went since it was listed.
            SceneError, RetryableError: as :meth:`profile`.
        """
        result = _blaming(scene, self.access, lambda: self.reader.read(scene, profile, window))
        check_unchanged(scene, self.access)
        return result

    @contextmanager
    def held(self, scene: Scene) -> Iterator[SceneReader]:
        """Yield a reader that asks as this one does: nothing of a scene that comes with its version."""
        with self.reader.held(scene) as own:
            yield own if isinstance(own, HeldReader) and own.is_fetched else replace(self, reader=own)


def _blaming(scene: Scene, access: BucketAccess, call: Callable[[], T]) -> T:
    """Call; blame the scene for what fails only if it is unchanged and the store sends it, twice."""
    try:
        return call()
    except SceneError as error:
        over_network = storage.over_network(scene.uri)
        try:
            check_unchanged(scene, access)
        except ConfigError:
            if not over_network:
                raise error from None
        if isinstance(error, AbsentSceneError):
            raise RetryableError(f"{error} It is there again.") from None
        if not over_network or not isinstance(error, UnreadableSceneError):
            raise
        _probe(scene, access)
    return call()


def _probe(scene: Scene, access: BucketAccess) -> None:
    """Fetch a part of a remote scene by a client that, other than GDAL, minds statuses and lengths."""
    store = storage.open_store(scene.uri, access)
    start = scene.size_bytes // 2
    stop = min(scene.size_bytes, start + _PROBE_BYTES)
    if start == stop:
        return
    try:
        store.read_part("", start, stop)
    except FileNotFoundError:
        raise ChangedSceneError("it is gone since it was listed; the next run lists it anew") from None
    except DeniedError:
        raise denied() from None
    except ConfigError as error:
        raise RetryableError(str(error)) from None
