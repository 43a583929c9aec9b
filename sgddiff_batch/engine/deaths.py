"""Deaths of worker processes: who is to blame, who is tried again, and who is given up.

Suspect is what was being opened or read in the process that died, or if nothing was, what was on the device.
What else was in the process starts again and is not blamed. A suspect is tried again with nothing beside it,
its scene read in a process of its own. It is the scene's own fault if processes die twice that work on
nothing else, on machines that are still there, unless such a death turned out to be of something else: then
processes die here for another reason. Where nobody knows what a process was doing, for its machine is gone
too, only a second such death makes a suspect of what it held.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass, field
from typing import Any

from sgddiff_batch.engine.work import AnyWork, Lost
from sgddiff_batch.protocols import Left

MAX_STARTS = 3
"""How often a suspect is started, and a process that dies while it starts."""

MOST_DEATHS = 8
"""How many processes may die that hold a piece of work and are not known to die of it."""

_OWN_DEATHS = 2
"""So many deaths of a process that worked on nothing else are the scene's own."""

_DIED = "its worker process died {} times: a crash in a library, out of memory, or a lost machine"
_KILLS = "its worker process died {} times, {} of them with no other task in it: a crash, or out of memory"


@dataclass(slots=True)
class _History:
    """The deaths of processes that held a piece of work: all; those it is suspected of; those without a note.

    ``alone_on`` are the machines of those that had nothing else to do, after the first one.
    """

    deaths: int = 0
    suspected: int = 0
    unexplained: int = 0
    alone_on: list[str] = field(default_factory=list)


@dataclass(slots=True)
class DeathBook:
    """What is known of the deaths of a run."""

    _histories: dict[str, _History] = field(default_factory=dict)
    _is_machine: bool = False

    @classmethod
    def of(cls, facts: dict[str, Any]) -> DeathBook:
        """Return the book that :meth:`facts` tells of."""
        histories = {key: _History(**history) for key, history in facts["histories"].items()}
        return cls(histories, facts["is_machine"])

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain values, for the process that goes on with it."""
        histories = {key: asdict(history) for key, history in self._histories.items()}
        return {"histories": histories, "is_machine": self._is_machine}

    def suspects(self) -> set[str]:
        """Return the keys of what processes died of, as far as is known."""
        return {key for key, history in self._histories.items() if history.suspected}

    def is_suspect(self, work: AnyWork) -> bool:
        """Whether a process died of it, as far as is known: it must have a process to itself."""
        history = self._histories.get(work.key)
        return history is not None and history.suspected > 0

    def died(self, held: Iterable[AnyWork], left: Left, node: str) -> None:
        """Note the death of a process on a machine, what it held, and what it had noted of its work."""
        works = list(held)
        for work in works:
            history = self._histories.setdefault(work.key, _History())
            history.deaths += 1
            history.unexplained += not left.is_known
        for work in _suspects(works, left) if left.is_known else self._unexplained(works):
            history = self._histories[work.key]
            history.suspected += 1
            if len(works) == 1 and history.suspected > 1:
                history.alone_on.append(node)

    def _unexplained(self, works: Iterable[AnyWork]) -> list[AnyWork]:
        return [work for work in works if self._histories[work.key].unexplained > 1]

    def ended(self, work: AnyWork) -> None:
        """Note a good end. That of work whose process died twice with it alone says: it was not the work."""
        history = self._histories.pop(work.key, None)
        self._is_machine |= history is not None and len(history.alone_on) > 1

    def judged(self, work: AnyWork, living: Set[str]) -> Lost | None:
        """Return the end of work that was started often enough; None if it is to be tried again.

        living: the machines that are still there.
        """
        history = self._histories.get(work.key, _History())
        if history.suspected < MAX_STARTS and history.deaths < MOST_DEATHS:
            return None
        own = sum(node in living for node in history.alone_on)
        if own >= _OWN_DEATHS and not self._is_machine:
            return Lost(work, _KILLS.format(history.deaths, own), is_own=True)
        return Lost(work, _DIED.format(history.deaths))


def _suspects(works: Iterable[AnyWork], left: Left) -> list[AnyWork]:
    reading = [work for work in works if work.scene_id in left.reading]
    return reading or [work for work in works if work.scene_id in left.computing]
