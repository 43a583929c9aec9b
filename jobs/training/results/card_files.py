"""The model cards of a training's storage: a README.md beside each checkpoint that was assessed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.training.results.assessment import ASSESSMENT_NAME, read_assessment
from jobs.training.results.card import MARK, write_card
from jobs.training.results.markdown import wrapped
from jobs.training.retries import retrying
from jobs.training.storage import StoreStorage
from models.checkpoint import FACTS_NAME
from models.run import BEST, LAST
from models.training import FREE
from sgddiff_batch.io.storage import Store

CARD_NAME = "README.md"
_SEED_FOLDER = re.compile(r"seed-\d+")
_AVERAGE = "average"
_NOT_RECIPE = FREE | {"seed"}
_NOT_DATA = ("uri", "memory_bytes")


@dataclass(frozen=True, slots=True)
class Finished:
    """A seed's finished stage: the folder of its checkpoint, what that says of itself, and its assessment."""

    folder: str
    facts: Mapping[str, Any]
    assessment: Mapping[str, Any]

    @property
    def is_average(self) -> bool:
        """Whether it is the mean of several seeds, and none of them."""
        return self.assessment["seed"] is None

    @property
    def recipe(self) -> str:
        """What must be equal for two runs to differ by their seed alone; where the data lay is left out."""
        settings = self.facts["training"]["settings"]
        kept = {name: value for name, value in settings.items() if name not in _NOT_RECIPE}
        data = _without(self.facts["data"], _NOT_DATA)
        return json.dumps([self.facts["sizes"], kept, data, self.assessment["assessed_as"]], sort_keys=True)


def write_cards(store: Store, stage: str) -> list[str]:
    """Write the cards of a stage for every seed that finished it, and for their average, each with the spread
    over the seeds that were trained alike.

    A card whose first line somebody took out stays as it is. Returns the keys of the cards that there are.
    """
    storage, cards = StoreStorage(store), []
    found = list_finished(store, stage)
    for one in found:
        alike = [other.assessment for other in found if other.recipe == one.recipe and not other.is_average]
        key, text = (
            f"{one.folder}/{CARD_NAME}",
            wrapped(write_card(one.facts, one.assessment, alike)).encode(),
        )
        earlier = storage.read(key)
        if earlier is None or (earlier.startswith(MARK.encode()) and earlier != text):
            storage.write(key, text)
        cards.append(key)
    return cards


def list_finished(store: Store, stage: str) -> list[Finished]:
    """The seeds that finished a stage, in order, and their average: those assessed as they lie there."""
    try:
        names = retrying(store.entries)
    except FileNotFoundError:
        return []
    seeds = sorted((name for name in names if _SEED_FOLDER.fullmatch(name)), key=lambda name: int(name[5:]))
    folders = [*seeds, *({_AVERAGE} & set(names))]
    found = [_read(StoreStorage(store), f"{folder}/{stage}") for folder in folders]
    return [one for one in found if one is not None]


def _read(storage: StoreStorage, folder: str) -> Finished | None:
    assessment = read_assessment(storage.read(f"{folder}/{ASSESSMENT_NAME}"))
    if assessment is None or assessment.get("checkpoint") not in (BEST, LAST):
        return None
    place = f"{folder}/{assessment['checkpoint']}"
    try:
        facts = json.loads(storage.read(f"{place}/{FACTS_NAME}") or b"null")
    except ValueError:
        return None
    if not isinstance(facts, dict) or facts.get("digest") != assessment.get("digest"):
        return None
    return Finished(place, facts, assessment)


def _without(value: Any, names: Sequence[str]) -> Any:  # noqa: ANN401 - plain values of JSON
    """A copy of plain values without the keys of these names, at any depth."""
    if isinstance(value, dict):
        return {name: _without(each, names) for name, each in value.items() if name not in names}
    return [_without(each, names) for each in value] if isinstance(value, list) else value
