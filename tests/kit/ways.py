"""One scene by each way to its pixels: from a folder, from a bucket by parts, and fetched whole."""

from __future__ import annotations

import posixpath
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io.archive import look_up
from sgddiff_batch.io.scenes import CheckedReader, GeoTiffReader, versions
from sgddiff_batch.protocols import SceneReader
from tests.kit.broken_s3 import BrokenS3

WAYS = ("folder", "folder, held", "bucket", "bucket by parts, held", "memory")
_LARGEST_PX = 2048


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a scene: its profile and pixels of a window, or the error, without the scene's place."""

    profile: SceneProfile | None = None
    pixels: NDArray[np.uint8] | None = None
    valid: NDArray[np.bool_] | None = None
    error: str = ""

    def same(self, other: Outcome) -> bool:
        """Whether it is equal to another one; a no-data value that is not a number is equal to itself."""
        return (
            repr(self.profile) == repr(other.profile)
            and self.error == other.error
            and np.array_equal(self._all(), other._all())
        )

    def _all(self) -> NDArray[np.uint8]:
        if self.pixels is None or self.valid is None:
            return np.empty(0, np.uint8)
        return np.concatenate([self.pixels, self.valid[None].astype(np.uint8)])


@dataclass
class Ways:
    """The ways, by a server of S3; ``requests`` are those of each way of the last scene."""

    server: BrokenS3
    requests: dict[str, Counter[str]] = field(default_factory=dict)

    def outcomes(self, path: Path, reader: GeoTiffReader | None = None) -> dict[str, Outcome]:
        """Read a file, with what lies beside it, by each way."""
        folder = f"bk/{uuid.uuid4()}"
        for file in path.parent.iterdir():
            if file.is_file() and file.name.lower().startswith(path.stem.lower()):
                shutil.copyfile(file, self.server.object(f"{folder}/{file.name}"))
        local, remote = scene_at(str(path)), scene_at(f"s3://{folder}/{path.name}")
        checked = CheckedReader(reader or GeoTiffReader())
        found = {}
        for way in WAYS:
            self.server.script()
            scene = remote if way in {"bucket", "bucket by parts, held", "memory"} else local
            with _limit(way), _held(checked, scene, way) as own:
                found[way] = outcome(own, scene)
            self.requests[way] = Counter(line.split()[0] for line in self.server.requests().elements())
        return found


def scene_at(place: str) -> Scene:
    """Return the scene at a path or URI as a listing has it."""
    (found,) = look_up({place: posixpath.basename(place)}).scenes
    return found.scene


def _limit(way: str) -> AbstractContextManager[object]:
    size = {"memory": 2**40, "bucket by parts, held": 0}.get(way)
    return nullcontext() if size is None else patch.object(versions, "SMALL_SCENE_BYTES", size)


@contextmanager
def _held(reader: SceneReader, scene: Scene, way: str) -> Iterator[SceneReader]:
    if way in {"folder", "bucket"}:
        yield reader
    else:
        with reader.held(scene) as own:
            yield own


def outcome(reader: SceneReader, scene: Scene) -> Outcome:
    """Return what comes of a scene: a large one is read from somewhere in its middle."""
    try:
        profile = reader.profile(scene)
        whole = profile.grid.window
        rows, cols = (
            (max(0, stop // 2 - _LARGEST_PX // 2), min(stop, stop // 2 + _LARGEST_PX // 2))
            for stop in (whole.row_stop, whole.col_stop)
        )
        pixels, valid = reader.read(scene, profile, Window(*rows, *cols))
    except SgddiffBatchError as error:
        words = str(error).replace(scene.uri.replace("s3://", "/vsis3/"), scene.scene_id)
        return Outcome(error=f"{type(error).__name__}: {words}")
    return Outcome(profile, pixels, valid)
