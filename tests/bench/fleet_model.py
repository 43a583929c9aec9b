"""A discrete-event model of a run: scenes through workers, their devices and pools, a driver and a bucket.

Every station serves in the order of coming, so the end of a service is known when it is asked for: a stage of
a piece of work is one event, whatever it waits for. Not modelled: failures, retries, a worker's start. S3
answers 503 above its limits and is asked again; here a request waits until it is allowed, which is the best
case. Seconds, bytes, and tiles of one kind throughout.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

Stage = tuple[str, float]
"""A station, and how much of it: ``get``, ``put``: requests one after the other; ``objects``, ``records``:
puts together, by the pool of that name; ``nic``: bytes; ``python``, ``native``: seconds of CPU with and
without the interpreter's lock; ``device``: tiles; ``hold`` and ``release``: a share of the memory for tasks.
"""
Work = tuple[Stage, ...]
_Piece = tuple[int, Work, bool]
"""The number of a scene, work on it, and whether that settles the scene."""
_Process = Generator[Any, float, None]
"""It yields when it goes on, or the queue in which it waits to be woken."""


_BUSY = 0.85
"""What is used more than this holds up the others; all of it is hardly ever used, as work comes in waves."""


@dataclass(frozen=True, slots=True)
class SceneClass:
    """What scenes of a kind take: ``first`` alone, or then the tasks, by whoever is free, and ``last``."""

    name: str
    first: Work
    tasks: tuple[Work, ...] = ()
    last: Work = ()

    def total(self, station: str) -> float:
        """Return how much of a station a scene takes."""
        works = (self.first, *self.tasks, self.last)
        return sum(amount for work in works for name, amount in work if name == station)

    def cpu_s(self) -> tuple[float, float]:
        """Return the CPU of a scene up to its device, and from there on: decoding, encoding and the like."""
        sums = [0.0, 0.0]
        for work in (self.first, *self.tasks, self.last):
            is_computed = work is self.last
            for name, amount in work:
                is_computed |= name == "device"
                sums[is_computed] += amount if name in ("python", "native") else 0.0
        return sums[0], sums[1]

    @property
    def puts(self) -> float:
        """Puts of a scene."""
        return sum(map(self.total, ("put", "objects", "records")))


@dataclass(frozen=True, slots=True)
class Fleet:
    """What there is of everything; a worker is a process. ``math.inf`` is no limit.

    ``ahead``: pieces of work that lie with a worker beside those in its threads; ``memory_shares``: tasks
    that may have pixels at once; ``cores``: CPUs of a worker for what runs without the interpreter's lock;
    ``first_s``: CPU that the first work of a thread takes for what libraries make for every thread;
    ``constant_latency``: the part of a request's mean ``latency_s`` that all take, the rest is exponential.
    ``partitions``: into how many ranges of keys S3 has split the scenes' ids; ``is_sorted``: scenes come in
    the order of their ids, of which the archive has ``archive_scenes``. The driver takes ``exchange_s`` for a
    call of a worker and ``outcome_s`` for each piece of work that has ended; workers wait ``gather_s`` for
    more before they answer.
    """

    workers: int
    devices: int = 1
    threads: int = 35
    ahead: int = 2
    memory_shares: int = 6
    cores: int = 8
    objects_at_once: int = 128
    records_at_once: int = 16
    nic_bytes_s: float = 12.5e9 / 8
    tile_s: float = 0.0459 / 16
    first_s: float = 0.008
    latency_s: float = 0.040
    constant_latency: float = 0.5
    partitions: int = 1
    is_sorted: bool = False
    archive_scenes: int = 1_000_000
    puts_s: float = 3500.0
    gets_s: float = 5500.0
    exchange_s: float = 0.0
    outcome_s: float = 0.0
    gather_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Flow:
    """What came of a run: scenes that ended, in how many seconds.

    ``used``: the part of its time in which each station was busy; ``threads`` and ``memory`` are held while
    others are waited for.
    """

    scenes: int
    seconds: float
    used: dict[str, float]

    @property
    def rate(self) -> float:
        """Scenes a second, its beginning and end included."""
        return self.scenes / self.seconds

    @property
    def bottleneck(self) -> str:
        """The station that holds up the others.

        Who waits for a bucket or the driver holds a place in a pool, a thread or memory: those come first,
        and what is only held comes last.
        """
        common, held = ("driver", "S3 puts", "S3 gets"), ("memory", "threads")
        own = [name for name in self.used if name not in (*common, *held)]
        for names in (common, own, held):
            busiest = max(names, key=lambda name: self.used[name])
            if self.used[busiest] > _BUSY:
                return busiest
        return max(own, key=lambda name: self.used[name])


class Station:
    """Servers that take who comes first; ``busy_s`` is the sum of their services."""

    def __init__(self, servers: int) -> None:
        self._free_s, self.busy_s = [0.0] * servers, 0.0

    def serve(self, now: float, seconds: float, not_before: float = 0.0) -> float:
        """Return when a service ends that is asked for now; its server waits until it may begin."""
        start = max(now, self._free_s[0])
        end = max(start, not_before) + seconds
        heapq.heapreplace(self._free_s, end)
        self.busy_s += end - start
        return end


@dataclass(eq=False, slots=True)
class _Worker:
    python: Station
    native: Station
    device: Station
    nic: Station
    objects: Station
    records: Station
    shares: int
    fresh: int
    held: int = 0
    running: int = 0
    is_calling: bool = False
    waiting: deque[_Piece] = field(default_factory=deque)
    parked: deque[_Process] = field(default_factory=deque)
    ended: list[_Piece] = field(default_factory=list)


class Simulation:
    """One run of so many scenes of a kind on a fleet."""

    def __init__(self, fleet: Fleet, kind: SceneClass, scenes: int, seed: int = 0) -> None:
        self._fleet, self._kind, self._scenes = fleet, kind, scenes
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, _Process]] = []
        self._number, self._next, self._left = 0, 0, dict[int, int]()
        self._tasks: deque[_Piece] = deque()
        self._driver, self._settled, self._end_s = Station(1), 0, 0.0
        self._puts = [Station(1) for _ in range(fleet.partitions)]
        self._gets = [Station(1) for _ in range(fleet.partitions)]
        self._held_s = {"threads": 0.0, "memory": 0.0}
        self._workers = [self._worker() for _ in range(fleet.workers)]
        self._idle = deque(self._workers)

    def run(self) -> Flow:
        """Run to the end of the last scene."""
        self._feed_idle(0.0)
        while self._events:
            now, _, process = heapq.heappop(self._events)
            self._go_on(process, now)
        assert self._settled == self._scenes, "a scene never ended"
        return Flow(self._scenes, self._end_s, self._used(1 / self._end_s))

    def _worker(self) -> _Worker:
        fleet = self._fleet
        return _Worker(
            python=Station(1),
            native=Station(fleet.cores),
            device=Station(fleet.devices),
            nic=Station(1),
            objects=Station(fleet.objects_at_once),
            records=Station(fleet.records_at_once),
            shares=fleet.memory_shares,
            fresh=fleet.threads,
        )

    def _used(self, each: float) -> dict[str, float]:
        fleet, workers = self._fleet, self._workers
        used = {"driver": self._driver.busy_s * each}
        servers_of = {
            "device": fleet.devices, "python": 1, "native": fleet.cores, "nic": 1,
            "objects": fleet.objects_at_once, "records": fleet.records_at_once,
        }  # fmt: skip
        for name, servers in servers_of.items():
            used[name] = sum(getattr(w, name).busy_s for w in workers) * each / (servers * len(workers))
        for name, buckets in {"S3 puts": self._puts, "S3 gets": self._gets}.items():
            busy = [bucket.busy_s for bucket in buckets]
            used[name] = (sum(busy) if fleet.is_sorted else max(busy)) * each
        used["threads"] = self._held_s["threads"] * each / (fleet.threads * len(workers))
        used["memory"] = self._held_s["memory"] * each / (fleet.memory_shares * len(workers))
        return used

    def _go_on(self, process: _Process, now: float) -> None:
        try:
            wake = process.send(now)
        except StopIteration:
            return
        if isinstance(wake, deque):
            wake.append(process)
        else:
            self._at(wake, process)

    def _at(self, when_s: float, process: _Process) -> None:
        self._number += 1
        heapq.heappush(self._events, (when_s, self._number, process))

    def _start(self, process: _Process, now: float) -> None:
        next(process)
        self._go_on(process, now)

    def _take(self) -> _Piece | None:
        """Return the next piece of work: what is left of begun scenes first, as the driver does."""
        if self._tasks:
            return self._tasks.popleft()
        if self._next == self._scenes:
            return None
        self._next += 1
        return self._next - 1, self._kind.first, not self._kind.tasks

    def _settle(self, piece: _Piece, now: float) -> None:
        number, _, settles = piece
        if settles:
            self._settled, self._end_s = self._settled + 1, now
        elif number not in self._left:
            self._left[number] = len(self._kind.tasks)
            self._tasks.extend((number, task, False) for task in self._kind.tasks)
        else:
            self._left[number] -= 1
            if not self._left[number]:
                del self._left[number]
                self._tasks.appendleft((number, self._kind.last, True))

    def _feed_idle(self, now: float) -> None:
        while self._idle and (self._tasks or self._next < self._scenes):
            self._start(self._call(self._idle.popleft()), now)

    def _call(self, worker: _Worker) -> _Process:
        """A call of the driver's for a worker: bring what has ended, take work."""
        worker.is_calling = True
        now = yield None
        if worker.ended and worker.running and self._fleet.gather_s:
            now = yield now + self._fleet.gather_s
        ended, worker.ended = worker.ended, []
        now = yield self._driver.serve(now, self._fleet.exchange_s + len(ended) * self._fleet.outcome_s)
        worker.held -= len(ended)
        for piece in ended:
            self._settle(piece, now)
        while worker.held < self._fleet.threads + self._fleet.ahead and (more := self._take()):
            worker.held += 1
            worker.waiting.append(more)
        self._fill(worker, now)
        worker.is_calling = False
        if worker.ended:
            self._start(self._call(worker), now)
        elif not worker.held:
            self._idle.append(worker)
        self._feed_idle(now)

    def _fill(self, worker: _Worker, now: float) -> None:
        while worker.running < self._fleet.threads and worker.waiting:
            worker.running += 1
            self._start(self._done(worker, worker.waiting.popleft()), now)

    def _done(self, worker: _Worker, piece: _Piece) -> _Process:
        """A thread of a worker at a piece of work."""
        fleet, (number, work, _) = self._fleet, piece
        now = start = yield None
        place = self._partition_of(number)
        held = start
        if worker.fresh:
            worker.fresh -= 1
            now = yield worker.python.serve(now, fleet.first_s)
        for name, amount in work:
            if name == "hold":
                while not worker.shares:
                    now = yield worker.parked
                worker.shares, held = worker.shares - 1, now
            elif name == "release":
                worker.shares += 1
                self._held_s["memory"] += now - held
                if worker.parked:
                    self._at(now, worker.parked.popleft())
            else:
                now = yield self._served(worker, place, name, amount, now)
        self._held_s["threads"] += now - start
        worker.running -= 1
        worker.ended.append(piece)
        self._fill(worker, now)
        if not worker.is_calling:
            self._start(self._call(worker), now)

    def _partition_of(self, number: int) -> int:
        """Return the range of keys of a scene: one after the other where ids come in order, else any."""
        fleet = self._fleet
        in_order = number * fleet.partitions // fleet.archive_scenes
        return (in_order if fleet.is_sorted else number) % fleet.partitions

    def _served(self, worker: _Worker, place: int, name: str, amount: float, now: float) -> float:
        """Return when a stage ends."""
        fleet = self._fleet
        if name in ("get", "put", "objects", "records"):
            # All are asked for now: one that were asked for later would hold up others that come before it.
            kind = "get" if name == "get" else "put"
            allowed = [self._allowed(place, kind, now) for _ in range(int(amount))]
            if name in ("objects", "records"):
                pool: Station = getattr(worker, name)
                return max(pool.serve(now, self._latency(), allowed_s) for allowed_s in allowed)
            for allowed_s in allowed:
                now = max(now, allowed_s) + self._latency()
            return now
        seconds = amount * {"device": fleet.tile_s, "nic": 1 / fleet.nic_bytes_s}.get(name, 1.0)
        station: Station = getattr(worker, name)
        return station.serve(now, seconds)

    def _allowed(self, place: int, name: str, now: float) -> float:
        """Return when a bucket of tokens, one deep, lets a request pass that is made now."""
        buckets, most = (
            (self._puts, self._fleet.puts_s) if name == "put" else (self._gets, self._fleet.gets_s)
        )
        return buckets[place].serve(now, 1 / most) - 1 / most

    def _latency(self) -> float:
        mean, constant = self._fleet.latency_s, self._fleet.constant_latency
        random_s = mean * (1 - constant)
        return mean * constant + (self._random.expovariate(1 / random_s) if random_s else 0.0)
