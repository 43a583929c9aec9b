"""Leases: what is written of one, when a watcher may take it for dead, and how long its holder may trust it.

Nobody compares two machines' clocks. A holder counts from its last renewal, a watcher from its first sight
of that renewal, each with its own clock. The watcher's count starts later, so the holder stops first
(Gray & Cheriton, Leases, SOSP 1989).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from sgddiff_batch.core.progress import Progress

MIN_SECONDS, MAX_SECONDS = 5.0, 3600.0

_RENEW_PART, _TRUST_PART, _LOOK_PART = 1 / 6, 1 / 2, 1 / 4

_BEAT_AT, _PROGRESS = "beat_at", "progress"
"""Keys of the stored ``owner``, and not beside it: versions before them refuse a lease with a field more."""


@dataclass(frozen=True, slots=True)
class LeaseState:
    """The lease as it is stored: who holds it, and its last heartbeat.

    ``token`` belongs to one holder alone, and with ``beat`` it is the id of one write. ``owner`` says which
    process holds it, ``started_at`` since when by its own clock (ISO 8601; only ever shown). A watcher waits
    for ``seconds``, the holder's length. ``beat_at`` is when the heartbeat was written, by the holder's clock
    ("" of a version that did not say), and ``progress`` how far it was then; both are only ever shown.

    Raises:
        ValueError: if a value is not possible.
    """

    run_id: str
    token: str
    owner: Mapping[str, str | int]
    started_at: str
    seconds: float
    beat: int = 0
    released: bool = False
    beat_at: str = ""
    progress: Progress | None = None

    def __post_init__(self) -> None:
        texts = {"run_id": self.run_id, "token": self.token, "started_at": self.started_at}
        for name, text in texts.items():
            if not isinstance(text, str) or not text:
                raise ValueError(f"{name} must be a text, got {text!r}")
        if not isinstance(self.owner, Mapping):
            raise ValueError(f"owner must be an object, got {self.owner!r}")
        if type(self.seconds) not in (int, float) or not MIN_SECONDS <= self.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds must be {MIN_SECONDS:g} to {MAX_SECONDS:g}, got {self.seconds!r}")
        if type(self.beat) is not int or self.beat < 0 or type(self.released) is not bool:
            raise ValueError(f"beat and released are {self.beat!r} and {self.released!r}")

    @property
    def write_id(self) -> str:
        """What no other write of a lease has."""
        return f"{self.token}-{self.beat}"

    def next_beat(
        self, at: str = "", *, released: bool = False, progress: Progress | None = None
    ) -> LeaseState:
        """Return the state that the holder writes next."""
        return replace(self, beat=self.beat + 1, released=released, beat_at=at, progress=progress)

    def encode(self) -> bytes:
        """Return the object's bytes."""
        fields = asdict(self)
        told = {_BEAT_AT: fields.pop(_BEAT_AT), _PROGRESS: fields.pop(_PROGRESS)}
        fields["owner"] = {**fields["owner"], **{name: what for name, what in told.items() if what}}
        return json.dumps({**fields, "write_id": self.write_id}, separators=(",", ":")).encode()


def parse_lease(data: bytes) -> LeaseState:
    """Return the state that an object holds.

    Raises:
        ValueError: saying what is wrong with it.
    """
    try:
        fields = json.loads(data)
        write_id = fields.pop("write_id")
        state = _with_told(LeaseState(**fields))
    except (TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ValueError(f"not the fields of a lease: {error}") from None
    if write_id != state.write_id:
        raise ValueError(f"its write id {write_id!r} is not that of its token and beat")
    return state


def _with_told(state: LeaseState) -> LeaseState:
    """Return a state with what its stored owner says of the heartbeat."""
    owner = dict(state.owner)
    at, progress = owner.pop(_BEAT_AT, ""), Progress.from_json(owner.pop(_PROGRESS, None))
    return replace(state, owner=owner, beat_at=at if isinstance(at, str) else "", progress=progress)


def renewal_s(seconds: float) -> float:
    """Return the pause between two renewals: five may fail before the lease ends."""
    return seconds * _RENEW_PART


def trusted_s(seconds: float) -> float:
    """Return for how long after the start of a renewal the holder writes without another one.

    Half: what is on its way by then has the other half to arrive before anybody takes over.
    """
    return seconds * _TRUST_PART


def look_s(seconds: float) -> float:
    """Return for how long a worker trusts its last look at the lease.

    It is also how long a run that took over waits, so that the workers of the lost one have found out.
    """
    return seconds * _LOOK_PART


@dataclass(frozen=True, slots=True)
class Watch:
    """The heartbeat that a watcher saw first, and when, in seconds of its own clock."""

    write_id: str
    since_s: float

    def is_silent(self, state: LeaseState, now_s: float) -> bool:
        """Whether the heartbeat has not changed for as long as the lease lasts."""
        return state.write_id == self.write_id and now_s - self.since_s >= state.seconds

    def has_changed(self, state: LeaseState) -> bool:
        """Whether there was a heartbeat since: somebody is alive."""
        return state.write_id != self.write_id
