"""Which engine does the work of a run."""

from dataclasses import dataclass, field

import pytest

from sgddiff_batch.protocols import Left
from sgddiff_batch.runs.execute import EngineSettings, run_works


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


@pytest.mark.parametrize("threads", [1, 4])
def test_in_this_process_one_worker_does_all(threads):
    made, works = Made(), iter(PIECES)
    found = run_works(lambda: next(works, None), made, EngineSettings("local", threads))
    assert sorted(found) == PIECES
    assert made.labels == ["local"]
