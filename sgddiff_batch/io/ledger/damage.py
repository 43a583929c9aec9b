"""Damaged records of the ledger: told, and gone round, so that one of them does not stop all other scenes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sgddiff_batch.errors import FatalError

log = logging.getLogger(__name__)


class DamagedRecordError(FatalError):
    """An object of the ledger cannot be understood. Who can do without it goes on; nobody guesses."""


@dataclass(frozen=True, slots=True)
class DamagedRecord:
    """A record that could not be understood: its key, its scene, what is wrong, and what was done instead."""

    key: str
    scene_id: str
    reason: str
    remedy: str


OnDamage = Callable[[DamagedRecord], None]
"""Takes note of a damaged record."""


def log_damage(damage: DamagedRecord) -> None:
    """Say in the log what is damaged and what was done."""
    log.error("%s; %s", damage.reason, damage.remedy)


@dataclass(slots=True)
class DamageBook:
    """Notes each damaged record once, by its key, and says so in the log; for several threads."""

    records: dict[str, DamagedRecord] = field(default_factory=dict)
    _new: list[DamagedRecord] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, damage: DamagedRecord) -> None:
        """Take note."""
        with self._lock:
            if damage.key in self.records:
                return
            self.records[damage.key] = damage
            self._new.append(damage)
        log_damage(damage)

    def take(self) -> tuple[DamagedRecord, ...]:
        """Return what was noted since this was last asked for: for whoever tells of it."""
        with self._lock:
            found, self._new = tuple(self._new), []
        return found


def damaged(key: str, error: Exception) -> DamagedRecordError:
    """Return the error of a record that cannot be understood."""
    return DamagedRecordError(
        f"the ledger object {key} is damaged ({error}); restore it, or delete it to redo its work"
    )
