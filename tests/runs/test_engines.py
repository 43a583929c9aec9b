"""Which engine does the work of a run."""

import signal
import threading
from collections import deque
from dataclasses import dataclass, field

import pytest
import ray

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.protocols import Left
from sgddiff_batch.runs.engines import EngineSettings, run_works, started_engine


@dataclass(frozen=True, order=True)
class Piece:
    """A piece of work."""

    key: str
    with_care: bool = False


PIECES = [Piece(f"{number}") for number in range(9)]


@dataclass
class Made:
    """Makes workers that answer with their work, and keeps their labels."""

    labels: list = field(default_factory=list)

    def __call__(self, label):
        self.labels.append(label)
        return self

    def run(self, work):
        return work

    def take_left(self, label):
        return Left()


def test_an_engine_makes_its_worker_before_it_is_given_work_and_takes_what_comes_later():
    made, is_made = Made(), threading.Event()

    def make(label):
        is_made.set()
        return made(label)

    with started_engine(lambda: (make, EngineSettings("local", 1)), kind="local") as engine:
        assert is_made.wait(60)
        works = deque(PIECES[:2])
        found = []
        for outcome in engine(lambda: works.popleft() if works else None):
            found.append(outcome)
            if outcome == PIECES[0]:
                works.append(PIECES[2])
    assert sorted(found) == PIECES[:3]
    assert made.labels == ["local"]


def test_a_night_without_work_starts_no_cluster_of_its_own(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before, made = ray.is_initialized(), Made()
    with started_engine(lambda: (made, EngineSettings("ray", 1)), kind="ray") as engine:
        assert list(engine(lambda: None)) == []
    assert (ray.is_initialized(), made.labels) == (before, [])


def test_sigterm_breaks_a_run_on_ray_off_whatever_thread_joins_the_cluster():
    before, is_prepared = signal.getsignal(signal.SIGTERM), threading.Event()

    def prepare():
        is_prepared.set()
        raise ConfigError("no such checkpoint")

    def run():
        with started_engine(prepare, kind="ray"):
            assert is_prepared.wait(60)
            assert signal.getsignal(signal.SIGTERM) != before
            signal.alarm(100)  # Ray does, before it calls the handler
            try:
                signal.raise_signal(signal.SIGTERM)
            except SystemExit:
                assert signal.alarm(0) == 0
                raise SystemExit(1) from None  # as ray.wait does

    with pytest.raises(SystemExit) as stop:
        run()
    assert stop.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


def test_sigterm_is_left_as_it_is_on_the_local_engine():
    before = signal.getsignal(signal.SIGTERM)
    with started_engine(lambda: (Made(), EngineSettings("local", 1)), kind="local"):
        assert signal.getsignal(signal.SIGTERM) == before


def test_what_an_engine_cannot_start_with_is_raised_with_its_first_work_alone():
    def prepare():
        raise ConfigError("no such checkpoint")

    with started_engine(prepare, kind="local") as engine:
        assert list(engine(lambda: None)) == []
        with pytest.raises(ConfigError, match="no such checkpoint"):
            next(engine(lambda: PIECES[0]))


@pytest.mark.parametrize("threads", [1, 4])
def test_in_this_process_one_worker_does_all(threads):
    made, works = Made(), iter(PIECES)
    found = run_works(lambda: next(works, None), made, EngineSettings("local", threads))
    assert sorted(found) == PIECES
    assert made.labels == ["local"]
