"""How fast the last run was: a small object of the ledger, by which the next says how long it will take."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sgddiff_batch.core.fingerprint import Json, digest
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.ledger.marks import LEDGER
from sgddiff_batch.io.storage import Store

log = logging.getLogger(__name__)

RATE = f"{LEDGER}/rate~.json"


@dataclass(frozen=True, slots=True)
class Rate:
    """What a run computed: tiles of ``tiles_px`` pixels in ``seconds``, from its engine's start to its end.

    Not how many: those of small scenes are small. ``predictors`` worked at once. ``of`` tells apart what
    makes the same tiles take longer: model, device, tile and engine (:func:`kind_of_work`).

    Raises:
        ValueError: unless all three numbers are above 0.
    """

    tiles_px: int
    seconds: float
    predictors: int
    of: str

    def __post_init__(self) -> None:
        if not (self.tiles_px > 0 and self.seconds > 0 and self.predictors > 0):
            raise ValueError(f"a rate needs pixels, seconds and predictors, got {self}")

    def seconds_for(self, tiles_px: int, predictors: int) -> float:
        """Return about how long so many pixels of tiles take; with twice the predictors half of that."""
        return tiles_px * self.seconds / self.tiles_px * self.predictors / predictors


def kind_of_work(facts: Mapping[str, Json]) -> str:
    """Return what is equal for runs whose tiles take equally long."""
    return digest(dict(facts))[:16]


def write_rate(store: Store, rate: Rate) -> None:
    """Keep a rate for the next run."""
    store.write(RATE, json.dumps(asdict(rate)).encode())


def read_rate(store: Store, of: str) -> Rate | None:
    """Return the rate of the last run that computed anything, None where there is none of this kind of work.

    A damaged one is none: it says nothing that would be true for ever. So is one that cannot be read.
    """
    try:
        rate = Rate(**json.loads(store.read(RATE)))
    except (FileNotFoundError, ValueError, TypeError, RecursionError):
        return None
    except (ConfigError, RetryableError, OSError) as error:
        log.warning("how fast the last run was cannot be read: %s", error)
        return None
    return rate if rate.of == of else None
