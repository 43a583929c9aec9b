"""The calls of the queue of tiles: what each has that waits, by shape, and its parts in batches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .layouts import Shape

T = TypeVar("T")

BatchOf = Callable[[Shape], int]
"""How many tiles a batch of a shape has."""


def batches_of(batch_tiles: int | BatchOf) -> BatchOf:
    """The same number for all shapes. Raises ValueError where that is none."""
    if callable(batch_tiles):
        return batch_tiles
    if batch_tiles < 1:
        raise ValueError(f"batch_tiles must be at least 1, found {batch_tiles}")
    return lambda _: batch_tiles


@dataclass(eq=False, slots=True)
class Group:
    """Tiles first..last of a call, all of one shape; those before `taken` are in batches."""

    first: int
    last: int
    taken: int


def grouped(counts: Iterable[tuple[Shape, int]]) -> dict[Shape, Group]:
    """The groups of a call, by the shapes of its tiles in their order, each once, and how many each has."""
    groups, first = dict[Shape, Group](), 0
    for shape, count in counts:
        groups[shape] = Group(first, first + count, first)
        first += count
    return groups


@dataclass(eq=False, slots=True)
class Call(Generic[T]):
    """The tiles of one task: the first `queued` of them are there, `ended` are computed.

    Batches hold tiles of one shape only; each is that of one of `groups`. `at_work`: batches being computed
    that hold tiles of it.
    """

    task: T
    groups: dict[Shape, Group]
    queued: int = 0
    ended: int = 0
    at_work: int = 0
    is_whole: bool = False
    error: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def next_shape(self) -> Shape | None:
        """The shape of the first tile that waits for a batch, None where none does."""
        return next((shape for shape in self.groups if self.waiting(shape)), None)

    def waiting(self, shape: Shape) -> int:
        """How many tiles of a shape wait for a batch."""
        if self.error or (group := self.groups.get(shape)) is None:
            return 0
        return max(0, min(group.last, self.queued) - group.taken)

    def may_bring(self, shape: Shape) -> bool:
        """Whether more tiles of a shape are on their way."""
        return not self.is_whole and shape in self.groups and self.groups[shape].last > self.queued

    def take(self, shape: Shape, most: int) -> Part[T]:
        """The first tiles of a shape that wait, at most so many."""
        group, count = self.groups[shape], min(most, self.waiting(shape))
        first, group.taken = group.taken, group.taken + count
        self.at_work += 1
        return Part(self, first, group.taken)

    def look(self) -> None:
        """Let the caller go where there is nothing left to do."""
        is_done = self.is_whole and self.ended == self.queued
        if not self.at_work and (self.error or is_done):
            self.over.set()


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Tiles first..last of a call, in a batch."""

    call: Call[T]
    first: int
    last: int

    @property
    def task(self) -> T:
        """What the call is about."""
        return self.call.task

    @property
    def count(self) -> int:
        """How many tiles it has."""
        return self.last - self.first
