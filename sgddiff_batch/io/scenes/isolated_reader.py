"""IsolatedReader: reads a scene in a child process, which a crash inside GDAL ends instead of this one.

Run as a program (``python -m sgddiff_batch.io.scenes.isolated_reader FOLDER PARENT_PID``) this module is the
child.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch import errors
from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.masks import Mask
from sgddiff_batch.core.radiometry import Stretch
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import FatalError, RetryableError, SceneError, StuckError
from sgddiff_batch.protocols import SceneReader

_REPLY, _PIXELS, _VALID, _WORDS = "reply.json", "pixels", "valid", "stderr"
_STOPPED_BY_SOMEBODY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SET_PARENT_DEATH_SIGNAL = 1


@dataclass(frozen=True, slots=True)
class _Request:
    """What the child is asked for: a window's pixels, or the profile where there is no window."""

    reader: SceneReader
    scene: Scene
    profile: SceneProfile | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class IsolatedReader:
    """Makes each call of ``reader`` in a process of its own; implements ``SceneReader``.

    For scenes during whose reading a process died before. ``reader`` has to be picklable. A call costs the
    start of an interpreter; pixels come back through a temporary folder.

    Raises:
        ValueError: unless ``time_limit_s`` is positive.
    """

    reader: SceneReader
    time_limit_s: float = 900.0

    def __post_init__(self) -> None:
        if self.time_limit_s <= 0:
            raise ValueError(f"time_limit_s must be positive, got {self.time_limit_s}")

    def profile(self, scene: Scene) -> SceneProfile:
        """Return what the wrapped reader returns.

        Raises:
            SceneError: if the wrapped reader does, or the child process dies; of a SIGKILL, if two do.
            RetryableError: if the wrapped reader does, somebody stopped the child, or the machine failed it:
                no memory, no space, a mistake of ours.
            StuckError: if the child takes too long.
            FatalError: if there is no program to start.
        """
        with _folder() as folder:
            return _profile_from_json(self._call(folder, _Request(self.reader, scene))["profile"])

    def read(
        self, scene: Scene, profile: SceneProfile, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return what the wrapped reader returns.

        Raises:
            SceneError, RetryableError, StuckError, FatalError: as :meth:`profile`.
        """
        shape = (window.height_px, window.width_px)
        with _folder() as folder:
            self._call(folder, _Request(self.reader, scene, profile, window))
            pixels = np.fromfile(folder / _PIXELS, dtype=np.uint8).reshape((3, *shape))
            valid = np.fromfile(folder / _VALID, dtype=np.bool_).reshape(shape)
        return pixels, valid

    @contextmanager
    def held(self, scene: Scene) -> Iterator[SceneReader]:
        """Yield this reader: a process that may die is not the one to keep what the next call needs."""
        yield self

    def _call(self, folder: Path, request: _Request) -> dict[str, Any]:
        """Run the child and return its reply, or raise the error that it tells of.

        A child that was killed (SIGKILL) is tried once more: the kernel does that where memory is short, and
        it need not have been this scene that took it.
        """
        if (returncode := self._run_child(folder, request)) == -signal.SIGKILL:
            returncode = self._run_child(folder, request)
        _raise_on_death(returncode, folder)
        reply: dict[str, Any] = json.loads((folder / _REPLY).read_bytes())
        if "error" in reply:
            raise _error_class(reply["error"])(reply["message"])
        return reply

    def _run_child(self, folder: Path, request: _Request) -> int:
        """Return the code that the child ended with, negative for a signal."""
        # Only our own request is pickled, and only on its way to the child: what comes back was made from
        # what the scene holds, and is JSON and plain arrays.
        command = [
            sys.executable,
            "-P",
            "-m",
            "sgddiff_batch.io.scenes.isolated_reader",
            str(folder),
            str(os.getpid()),
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        }
        with (folder / _WORDS).open("wb") as words:
            try:
                return subprocess.run(
                    command,
                    input=pickle.dumps((request.reader, request.scene, request.profile, request.window)),
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    env=environment,
                    timeout=self.time_limit_s,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                raise StuckError(
                    "reading it, after a process died that worked on it, took another process longer than "
                    f"{self.time_limit_s:.0f} s"
                ) from None
            except (FileNotFoundError, PermissionError) as error:
                raise FatalError(f"{sys.executable} cannot be started to read a scene: {error}") from error


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a temporary folder; that it, or what is in it, cannot be made is no fault of the scene."""
    try:
        with tempfile.TemporaryDirectory(prefix="sgddiff-read-") as folder:
            yield Path(folder)
    except OSError as error:
        raise RetryableError(f"isolated reading failed: {type(error).__name__}: {error}") from error


def _raise_on_death(returncode: int, folder: Path) -> None:
    if returncode == 0:
        return
    if returncode > 0:
        last = (folder / _WORDS).read_text(errors="replace").strip().splitlines()[-1:]
        raise RetryableError(f"the process for isolated reading failed by itself: {' '.join(last)[:500]}")
    number = -returncode
    name = signal.Signals(number).name if number in set(signal.Signals) else "unknown"
    if number in _STOPPED_BY_SOMEBODY:
        raise RetryableError(f"somebody stopped the reading process (signal {number}, {name})")
    hint = "; is there enough memory?" if number == signal.SIGKILL else ""
    raise SceneError(f"reading it ended the reading process twice (signal {number}, {name}{hint})")


def _error_class(name: str) -> type[errors.SgddiffBatchError]:
    found = getattr(errors, name, None)
    known = isinstance(found, type) and issubclass(found, errors.SgddiffBatchError)
    return found if known and found is not None else FatalError


def _name_of(error: errors.SgddiffBatchError) -> str:
    """Return the nearest class of an error that :mod:`sgddiff_batch.errors` has: it says what can be done."""
    bases: tuple[type, ...] = type(error).__mro__
    return next(str(one.__name__) for one in bases if getattr(errors, one.__name__, None) is one)


def _profile_from_json(fields: dict[str, Any]) -> SceneProfile:
    grid, stretch = fields["grid"], fields["stretch"]
    return SceneProfile(
        grid=Grid(grid["height_px"], grid["width_px"], Transform(**grid["transform"]), grid["crs_wkt"]),
        bands=tuple(fields["bands"]),
        dtype=fields["dtype"],
        sample_bytes=fields["sample_bytes"],
        stretch=Stretch(**stretch) if stretch else None,
        palette=fields["palette"],
        notes=tuple(fields["notes"]),
        inverted=fields["inverted"],
        mask=Mask(**{**fields["mask"], "nodata": tuple(fields["mask"]["nodata"])}),
    )


def _die_with(parent_pid: int) -> None:
    """Have the kernel end this process when its parent dies, so that no orphan reads on (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit("the parent process is gone")


def _answer(folder: Path, request: _Request) -> dict[str, object]:
    if request.profile is None or request.window is None:
        return {"profile": asdict(request.reader.profile(request.scene))}
    pixels, valid = request.reader.read(request.scene, request.profile, request.window)
    pixels.tofile(folder / _PIXELS)
    valid.tofile(folder / _VALID)
    return {}


def main() -> None:
    """Do what standard input asks for, and leave the reply in the folder given on the command line."""
    folder = Path(sys.argv[1])
    _die_with(int(sys.argv[2]))
    request = _Request(*pickle.loads(sys.stdin.buffer.read()))
    reply: dict[str, object]
    try:
        reply = _answer(folder, request)
    except errors.SgddiffBatchError as error:
        reply = {"error": _name_of(error), "message": str(error)}
    except Exception as error:
        # No memory, no space: it says nothing of the scene, and must not end the run.
        words = on_one_line(error)[:500]
        reply = {"error": RetryableError.__name__, "message": f"{type(error).__name__}: {words}"}
    (folder / _REPLY).write_text(json.dumps(reply))


if __name__ == "__main__":
    main()
