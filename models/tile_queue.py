"""Tiles of many calls share batches of one shape and a fixed size: whose come next, how long a batch waits.

* A full batch goes as soon as a lane is free. One that is not full waits while the device computes others
  anyway; then it goes at once where nobody can add to it, and after a few milliseconds otherwise. Those who
  can are calls whose tiles are not all there yet, and calls that were here together with these a moment ago:
  the queue remembers how many that were, and forgets it when they do not come back in time.
* The call that came first has half of each batch, the rest goes to those with the fewest tiles. So a large
  task does not hold up small ones, small ones cannot starve a large one, and the queue is not a round in
  which all end at once.
* What goes wrong with a call ends that call. Its tiles leave the queue, and it returns when no batch holds
  any of them.

The queue keeps no pixels, and knows neither PyTorch nor what a tile is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Generic, TypeVar

from .layouts import Shape
from .tile_calls import BatchOf, Call, Part, batches_of, grouped

PATIENCE_S = 0.004
"""How long a batch that is not full waits at most for others while the device has nothing else to do."""

_JOIN_S = 10.0
_NO_SHAPE = (0, 0)

T = TypeVar("T")

Compute = Callable[[Sequence[Part[T]]], Sequence[BaseException | None]]
"""Computes a batch to its end; returns what went wrong with each part. Called from several threads."""


class _Verdict(Enum):
    NOW = "a batch is taken"
    SOON = "it waits for those who may come, for a short time"
    LATER = "it waits for tiles or for the device"


class TileQueue(Generic[T]):
    """Batches for `lanes` threads, which hand them to `compute`; their number and fill are counted.

    batch_tiles: of every batch, or how many one of a shape has. lanes: batches that are computed or queued on
    the device at once. abreast: how many of them the device works on at once; the others only keep it from
    waiting. prepare: called first, by one of the threads.
    """

    def __init__(
        self,
        compute: Compute[T],
        batch_tiles: int | BatchOf,
        *,
        lanes: int = 1,
        abreast: int | None = None,
        prepare: Callable[[], None] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        if lanes < 1:
            raise ValueError(f"lanes must be at least 1, found {lanes}")
        self.batches = self.tiles = self.places = 0
        self._busy_s, self._there_s, self._seen_s = 0.0, 0.0, 0.0
        self._compute, self._prepare, self._batch_of = compute, prepare, batches_of(batch_tiles)
        self._lanes, self._abreast, self._patience_s = lanes, abreast or lanes, patience_s
        self._changed = threading.Condition()
        self._calls: list[Call[T]] = []
        self._threads: list[threading.Thread] = []
        self._at_work = self._company = self._turn = 0
        self._is_closed = False

    @property
    def fill(self) -> float:
        """The share of the places in all batches so far that held a tile."""
        return self.tiles / max(1, self.places)

    def use(self) -> tuple[float, float]:
        """Seconds in which batches were computed, and those from the first to the last, of all abreast."""
        with self._changed:
            return self._busy_s, self._there_s

    def start(self) -> None:
        """Start the threads, unless they run; otherwise the first call does."""
        with self._changed:
            self._refuse_if_closed()
            while len(self._threads) < self._lanes:
                name = f"lane-{len(self._threads)}"
                thread = threading.Thread(
                    target=self._work, args=(not self._threads,), name=name, daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def run(self, task: T, shapes: Iterable[tuple[Shape, int]], arrivals: Iterable[int]) -> None:
        """Have the tiles of a task computed, and return when they are.

        shapes: those of the tiles in their order, each once, and how many tiles have it. arrivals: how many
        more tiles are there, each time that some are; consumed in the caller's thread.
        Raises what went wrong with a tile of this call or in `arrivals`, RuntimeError where it is closed.
        """
        call = Call(task, grouped(shapes))
        self._enter(call)
        try:
            for count in arrivals:
                self._add(call, count)
            self._end(call, None)
            call.over.wait()
        except BaseException as error:
            self._end(call, error)
            call.over.wait()
            raise
        finally:
            self._leave(call)
        if call.error is not None:
            raise call.error

    def close(self) -> None:
        """End the threads; calls that wait fail."""
        with self._changed:
            self._is_closed = True
            for call in self._calls:
                call.error = call.error or RuntimeError("the predictor was closed")
                call.look()
            self._changed.notify_all()
        if threading.current_thread() not in self._threads:
            for thread in self._threads:
                thread.join(_JOIN_S)

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise RuntimeError("the predictor was closed")

    def _enter(self, call: Call[T]) -> None:
        self.start()
        with self._changed:
            self._refuse_if_closed()
            self._calls.append(call)
            self._company = max(self._company, len(self._calls))

    def _add(self, call: Call[T], count: int) -> None:
        with self._changed:
            if call.error is not None:
                raise call.error
            call.queued += count
            self._changed.notify_all()

    def _end(self, call: Call[T], error: BaseException | None) -> None:
        """No more tiles will come; with an error, those that are there are given up."""
        with self._changed:
            call.is_whole, call.error = True, call.error or error
            call.look()
            self._changed.notify_all()

    def _leave(self, call: Call[T]) -> None:
        with self._changed:
            self._calls.remove(call)
            self._changed.notify_all()

    def _work(self, is_first: bool) -> None:
        if is_first and self._prepare is not None:
            self._prepare()
        while (parts := self._next()) is not None:
            try:
                errors = self._compute(parts)
            except BaseException as error:  # whatever it is, callers must not wait for ever
                errors = [error] * len(parts)
            self._ended(parts, errors)
            del parts, errors

    def _next(self) -> list[Part[T]] | None:
        """Wait for a batch; None where the queue is closed."""
        with self._changed:
            deadline: float | None = None
            while not self._is_closed:
                shape, front = self._front()
                verdict = self._judge(shape, front)
                if verdict is _Verdict.LATER:
                    deadline = None
                    self._changed.wait()
                    continue
                if verdict is _Verdict.SOON:
                    now = time.monotonic()
                    deadline = now + self._patience_s if deadline is None else deadline
                    if now < deadline:
                        self._changed.wait(deadline - now)
                        continue
                    self._company = len(self._calls)
                return self._take(shape, front)
        return None

    def _front(self) -> tuple[Shape, list[Call[T]]]:
        """The shape of the first tile that waits, and the calls with such tiles, as they came."""
        shape = next((shape for call in self._calls if (shape := call.next_shape)), _NO_SHAPE)
        return shape, [call for call in self._calls if call.waiting(shape)]

    def _judge(self, shape: Shape, front: list[Call[T]]) -> _Verdict:
        waiting = sum(call.waiting(shape) for call in front)
        if front and waiting >= self._batch_of(shape):
            return _Verdict.NOW
        # Who has all codes is on the way out, and may be back at once.
        inside = sum(not call.over.is_set() for call in self._calls)
        is_awaited = any(call.may_bring(shape) for call in self._calls) or inside < self._company
        if waiting and inside == 1 and not is_awaited:
            return _Verdict.NOW
        if not waiting or self._at_work >= self._abreast:
            return _Verdict.LATER
        return _Verdict.SOON if is_awaited else _Verdict.NOW

    def _take(self, shape: Shape, front: list[Call[T]]) -> list[Part[T]]:
        first, *others = front
        room, self._turn = self._batch_of(shape), 1 - self._turn
        waiting = {call: call.waiting(shape) for call in front}
        # The one place of a batch of one goes to either in turn.
        counts = {first: min(waiting[first], (room + self._turn) // 2 if others else room)}
        for call in sorted(others, key=lambda call: waiting[call]):
            counts[call] = min(waiting[call], room - sum(counts.values()))
        counts[first] += min(waiting[first] - counts[first], room - sum(counts.values()))
        parts = [call.take(shape, count) for call, count in counts.items() if count]
        self._note_use()
        self._at_work += 1
        self.batches += 1
        self.places += room
        self.tiles += sum(part.count for part in parts)
        return parts

    def _note_use(self) -> None:
        """Count the time since a batch began or ended last, as it was until now."""
        now = time.monotonic()
        passed, self._seen_s = now - (self._seen_s or now), now
        self._busy_s += min(self._at_work, self._abreast) * passed
        self._there_s += self._abreast * passed

    def _ended(self, parts: Sequence[Part[T]], errors: Sequence[BaseException | None]) -> None:
        with self._changed:
            self._note_use()
            self._at_work -= 1
            for part, error in zip(parts, errors, strict=True):
                part.call.at_work -= 1
                part.call.ended += part.count
                part.call.error = part.call.error or error
                part.call.look()
            self._changed.notify_all()
