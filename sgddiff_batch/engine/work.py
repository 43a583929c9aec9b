"""What a worker is given, and what it answers: plain values that travel between processes.

A scene is one piece of work. Only if it takes several tasks does its worker give those back, and its commit,
or its removal, is one more piece once they have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sgddiff_batch.core.gallery import PreviewWish
from sgddiff_batch.core.planning import SceneMosaic, Task
from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.seams import NO_RIMS, Rims, SeamSteps
from sgddiff_batch.costs import NOTHING, Costs
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.protocols import BlockRecord, Claim, Left, Recorded, SceneRecord


class AnyWork(Protocol):
    """What engines need of a piece of work, whatever it is: a dataclass that can be pickled."""

    @property
    def key(self) -> str:
        """What tells it from all other work of a run."""

    @property
    def scene_id(self) -> str:
        """The id of the scene, or of the area mosaic, that it is part of."""

    @property
    def with_care(self) -> bool:
        """Whether a process died that was at work on it."""


Take = Callable[[], AnyWork | None]
"""Gives the next piece of work, None where there is none now: what is at work may still give some back."""

Engine = Callable[[Take], Iterator[Any]]
"""Takes work while it has room, and yields an outcome for each piece, in any order: what the worker returned,
or :class:`Lost`.
"""


class RunsWork(Protocol):
    """A worker: :meth:`run` may be called from several threads."""

    def run(self, work: Any, /) -> Any:  # noqa: ANN401 - of one kind of worker each
        """Do a piece of work to its end and say what became of it."""


class WorkerSource(Protocol):
    """Makes the worker of a process; can be pickled."""

    def __call__(self, label: str, /) -> RunsWork:
        """Make a worker; the label is the same for the process that takes this one's place."""

    def take_left(self, label: str, /) -> Left:
        """Return what the process of that label was at work on when it died, if this machine knows."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Work whose process died, or did not end in time, so often that it is not given out again.

    ``is_own``: the scene is to blame, and not the machine.
    """

    work: AnyWork
    reason: str
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class SceneWork:
    """Open a scene, and make its mosaic in the store at ``path``; ``earlier`` is what is current of it.

    ``may_have_marks``: blocks of it are marked in the ledger. ``with_care``: a process died that was at work
    on it; only a child process may die of it again. ``wish``: whether it is to come with a preview.
    """

    scene: Scene
    path: str
    earlier: SceneRecord | None = None
    may_have_marks: bool = False
    with_care: bool = False
    wish: PreviewWish | None = None

    @property
    def scene_id(self) -> str:
        """The scene's id."""
        return self.scene.scene_id

    @property
    def key(self) -> str:
        """What tells it from all other work of a run."""
        return self.scene.scene_id


@dataclass(frozen=True, slots=True)
class TaskWork:
    """Read, infer and store a task of a mosaic that is begun; ``wish`` as of :class:`SceneWork`."""

    task: Task
    with_care: bool = False
    wish: PreviewWish | None = None

    @property
    def scene(self) -> Scene:
        """The scene that the task is read from."""
        return self.task.scene

    @property
    def scene_id(self) -> str:
        """The scene's id."""
        return self.task.scene_id

    @property
    def key(self) -> str:
        """What tells it from all other work of a run."""
        return f"{self.task.scene_id} {self.task.name}"


@dataclass(frozen=True, slots=True)
class CommitWork:
    """Commit a mosaic of which all blocks are stored, and record it."""

    mosaic: SceneMosaic
    claim: Claim
    blocks: tuple[BlockRecord, ...]
    with_care: bool = False

    @property
    def scene(self) -> Scene:
        """The mosaic's scene."""
        return self.mosaic.scene

    @property
    def scene_id(self) -> str:
        """The scene's id."""
        return self.mosaic.id

    @property
    def key(self) -> str:
        """What tells it from all other work of a run."""
        return f"{self.mosaic.id} commit"


@dataclass(frozen=True, slots=True)
class QuarantineWork:
    """Record why a scene cannot be worked on; what was begun of its mosaic is removed first.

    ``left_at``: where a worker that died may have begun it.
    """

    scene: Scene
    reason: str
    earlier: SceneRecord | None = None
    begun: tuple[SceneMosaic, Claim] | None = None
    left_at: str | None = None
    with_care: bool = False

    @property
    def scene_id(self) -> str:
        """The scene's id."""
        return self.scene.scene_id

    @property
    def key(self) -> str:
        """What tells it from all other work of a run."""
        return f"{self.scene.scene_id} quarantine"


Work = SceneWork | TaskWork | CommitWork | QuarantineWork


@dataclass(frozen=True, slots=True)
class SceneOutcome:
    """A scene is settled: recorded as done or in quarantine, or failed and left for the next run.

    ``recorded``: what the ledger says of it now, None where it was left for the next run. ``damage``: what
    the worker found damaged in the ledger meanwhile, and went round. ``preview``: as the work wished for.
    ``costs``: what the worker's process took since it told last, by this or other work.
    """

    work: Work
    result: SceneResult
    recorded: Recorded | None = None
    damage: tuple[Any, ...] = ()
    preview: Preview | None = None
    costs: Costs = NOTHING


@dataclass(frozen=True, slots=True)
class SharedScene:
    """A scene that takes several tasks: its mosaic is begun, and these are the tasks that are left.

    ``blocks`` are those that an earlier run stored. ``damage``: as of :class:`SceneOutcome`.
    """

    work: SceneWork
    mosaic: SceneMosaic
    claim: Claim
    tasks: tuple[Task, ...]
    blocks: tuple[BlockRecord, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    damage: tuple[Any, ...] = ()
    costs: Costs = NOTHING


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What became of a task.

    ``state`` is stored; quarantine: its scene cannot be processed; failed: the machinery could not, and the
    next run will try again. ``reason`` says why.
    """

    work: TaskWork
    state: Literal["stored", "quarantine", "failed"]
    reason: str | None = None
    blocks: tuple[BlockRecord, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    seam: SeamSteps | None = None
    preview: Preview | None = None
    costs: Costs = NOTHING
    rims: Rims = NO_RIMS

    @property
    def task(self) -> Task:
        """The task."""
        return self.work.task

    @property
    def is_inferred(self) -> bool:
        """Whether the network's work on the task was done, whatever came of it."""
        return self.state == "stored" or "store" in self.seconds


@dataclass(frozen=True, slots=True)
class TakenOver:
    """Another worker took the mosaic over, of this run or of one that followed it; nothing was committed."""

    work: Work


Outcome = SceneOutcome | SharedScene | TaskOutcome | Lost | TakenOver
