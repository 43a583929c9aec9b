"""Who hears of a training while it runs: TensorBoard, and any class that the config names."""

from __future__ import annotations

import importlib
import io
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

log = logging.getLogger(__name__)

_METHODS = ("losses", "scores", "picture", "close")
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_STAGE = re.compile(r"\w[\w.-]*")


class Events(Protocol):
    """Takes what happens in a training. Steps are counted within a stage (teacher, student), from 0."""

    def losses(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Take losses by name, averaged over the steps since the last call, and ``rate``."""

    def scores(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Take validation scores by name."""

    def picture(self, stage: str, step: int, name: str, png: bytes) -> None:
        """Take a picture, such as the contact sheet."""

    def close(self) -> None:
        """Write what is still held back; called once, when the training ends, however it ends."""


class TensorBoardEvents:
    """Writes event files that TensorBoard shows as one run a stage, `folder`/teacher and `folder`/student.

    A run that is resumed in the same folder repeats some steps: the points of a stage from the first of
    its steps on are purged, so that no point stands twice and none is left of steps that are gone. Every call
    writes through, so that a killed run has lost nothing that its checkpoints hold.

    folder: on a local disk; it is made when the first event comes.

    Raises:
        ConfigError: if tensorboard is not installed, or `folder` is not on a local disk.
    """

    def __init__(self, folder: Path | str) -> None:
        if "://" in str(folder):
            raise ConfigError(
                f"cannot write TensorBoard's files to {folder}: they grow line by line, which object storage "
                "does not allow; name a folder on a local disk"
            )
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                f"cannot write for TensorBoard: it is not installed, or not whole ({error}); "
                "run: pip install 'sgddiff-batch[train]'"
            ) from error
        self._open = SummaryWriter
        self._folder = Path(folder)
        self._writers: dict[str, SummaryWriter] = {}

    def losses(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curve ``losses/<name>`` of every loss, and one to ``rate``."""
        self._add_points(stage, step, {("rate" if n == "rate" else f"losses/{n}"): values[n] for n in values})

    def scores(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curve ``scores/<name>`` of every score."""
        self._add_points(stage, step, {f"scores/{name}": value for name, value in values.items()})

    def picture(self, stage: str, step: int, name: str, png: bytes) -> None:
        """Add a picture under its name."""
        import numpy as np
        from PIL import Image

        with Image.open(io.BytesIO(png)) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        writer = self._writer(stage, step)
        writer.add_image(name, pixels, step, dataformats="HWC")
        writer.flush()

    def close(self) -> None:
        """Close the files; a second call does nothing."""
        while self._writers:
            self._writers.popitem()[1].close()

    def _add_points(self, stage: str, step: int, points: Mapping[str, float]) -> None:
        writer = self._writer(stage, step)
        for tag, value in points.items():
            writer.add_scalar(tag, value, step)
        writer.flush()

    def _writer(self, stage: str, step: int) -> SummaryWriter:
        if stage not in self._writers:
            if not _STAGE.fullmatch(stage):
                raise ValueError(f"{stage!r} names no stage: letters, digits, '.', '-' and '_' do")
            folder = self._folder / stage
            _await_new_second(folder)
            self._writers[stage] = self._open(str(folder), purge_step=step)
        return self._writers[stage]


def _await_new_second(folder: Path) -> None:
    """Wait until no file of this very second is there.

    TensorBoard reads the files of a run sorted by their names, which hold the second of their making and then
    the process: a resumed run's would come first now and then, and its purge in vain.
    """
    while any(folder.glob(f"events.out.tfevents.{int(time.time()):010d}.*")):
        time.sleep(0.02)


class EventGroup:
    """Passes all on to several; one that fails is logged once and left out, and the training goes on."""

    def __init__(self, *members: Events) -> None:
        self._members = list(members)

    def losses(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Pass them on to all members; each gets a copy."""
        self._each(lambda member: member.losses(stage, step, dict(values)))

    def scores(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Pass them on to all members; each gets a copy."""
        self._each(lambda member: member.scores(stage, step, dict(values)))

    def picture(self, stage: str, step: int, name: str, png: bytes) -> None:
        """Pass it on to all members."""
        self._each(lambda member: member.picture(stage, step, name, png))

    def close(self) -> None:
        """Close all members; a second call does nothing."""
        members, self._members = self._members, []
        for member in members:
            try:
                member.close()
            except Exception as error:
                _log_failure(member, error)

    def _each(self, call: Callable[[Events], None]) -> None:
        for member in list(self._members):
            try:
                call(member)
            except Exception as error:  # somebody else's code raises whatever it likes
                self._drop(member, error)

    def _drop(self, member: Events, error: Exception) -> None:
        self._members = [kept for kept in self._members if kept is not member]
        _log_failure(member, error)
        with suppress(Exception):
            member.close()


def _log_failure(member: Events, error: Exception) -> None:
    reason = on_one_line(error) or "no reason given"
    log.warning(
        "%s failed and hears nothing more, the training goes on: %s: %s",
        type(member).__qualname__,
        type(error).__name__,
        reason,
        exc_info=error,
    )


def load_events(names: Sequence[str]) -> list[Events]:
    """Build an instance of each class, named as ``package.module:Class``, without arguments.

    Raises:
        ConfigError: if a name is of another form, nothing can be imported or built under it, or what is built
            lacks a method of ``Events``.
    """
    return [_checked(name, build_named(name)) for name in names]


def build_named(name: str) -> object:
    """Import ``package.module:Class`` and call the class without arguments.

    Raises:
        ConfigError: if that does not work; the message says which part of the name is wrong.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} names no class; write package.module:Class")
    module_name, class_name = name.split(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the module may raise whatever it likes
        raise ConfigError(_import_failure(name, module_name, error)) from error
    if not callable(found := getattr(module, class_name, None)):
        near = get_close_matches(class_name, [n for n in vars(module) if not n.startswith("_")], 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"cannot use {name!r}: {module_name} has no class {class_name}{hint}")
    try:
        built: object = found()
    except Exception as error:
        raise ConfigError(
            f"cannot build {name!r}; it is called without arguments and raised "
            f"{type(error).__name__}: {error}"
        ) from error
    return built


def _import_failure(name: str, module_name: str, error: Exception) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{module_name}.".startswith(f"{missing}."):
        return (
            f"cannot use {name!r}: there is no module {missing}; "
            "check the spelling, or put its folder on PYTHONPATH"
        )
    return f"cannot use {name!r}: importing {module_name} raised {type(error).__name__}: {error}"


def _checked(name: str, built: object) -> Events:
    lacking = [method for method in _METHODS if not callable(getattr(built, method, None))]
    if lacking:
        raise ConfigError(
            f"cannot use {name!r} for training events: it lacks {', '.join(lacking)}; "
            "jobs/training/events.py shows in `Events` what it needs"
        )
    return built  # type: ignore[return-value] # the four methods were found just above
