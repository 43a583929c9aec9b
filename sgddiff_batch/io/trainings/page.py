"""Page: all of a training in one HTML file: stages, curves, pictures, cards, settings, time."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image, UnidentifiedImageError

from sgddiff_batch.core.run_measures import number_of, object_of
from sgddiff_batch.core.words import counted, on_one_line, printable, redacted
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io.pages import drawing, duration, flat, rendered, share
from sgddiff_batch.io.storage import Store
from sgddiff_batch.io.trainings.curves import Curve, curves_of, drawn, legend

log = logging.getLogger(__name__)

PAGE_NAME = "report-training.html"
"""The page's name beside the folders of the seeds."""

_FOLDER = re.compile(r"seed-\d{1,9}|average")
_STAGES = ("direct", "teacher", "student")
_NO_LOSSES = ("rate", "pictures_per_s", "data_share", "left_s", "spent_s")
_BEST = {"s": True, "max_f": True, "mean_f": True, "mae": False}
_SIDE_PX = 1600
_MOST_PX = 40_000_000
_MOST_CARD = 20_000


def is_training(store: Store) -> bool:
    """Whether a storage holds what trainings leave: folders of seeds, or of their average.

    Raises:
        ConfigError, RetryableError: as the store does.
    """
    return bool(_folders(store))


def training_page_of(store: Store) -> bytes:
    """Return the page of a training's storage: HTML in UTF-8.

    Raises:
        FileNotFoundError: if there is nothing of a training.
        ConfigError, RetryableError: as the store does.
    """
    places = [f"{folder}/{stage}" for folder in _folders(store) for stage in _STAGES]
    stages = [stage for place in places if (stage := _stage(store, place)) is not None]
    if not stages:
        raise FileNotFoundError(f"{store.uri!r} has no history of a training: give the storage of one")
    words = f"{counted(len(stages), 'stage')} in {store.uri}"
    return rendered("training.html", {"title": "Training", "subtitle": printable(words), "stages": stages})


def _folders(store: Store) -> list[str]:
    try:
        names = store.entries()
    except FileNotFoundError:
        return []
    return sorted((name for name in names if _FOLDER.fullmatch(name)), key=lambda name: (len(name), name))


def _stage(store: Store, place: str) -> dict[str, Any] | None:
    """Return what is to be told of a stage of a seed, None where there is nothing of it."""
    history, assessment = (_json(store, f"{place}/{name}.json") for name in ("history", "assessment"))
    if history is None and assessment is None:
        return None
    kept = str(object_of(assessment).get("checkpoint") or "last")
    kept = kept if kept in ("best", "last") else "last"
    facts = object_of(_json(store, f"{place}/{kept}/checkpoint.json"))
    settings = object_of(object_of(facts.get("training")).get("settings"))
    told = object_of(history)
    sheet, lacking = _sheet(store, f"{place}/contact-sheet.png")
    return {
        "id": place.replace("/", "-"),
        "name": place.replace("/", ", "),
        "state": _state(told, object_of(assessment), settings),
        "charts": _charts(told),
        "time": _time(told, object_of(object_of(assessment).get("cost"))),
        "sheet": sheet,
        "no_sheet": lacking,
        "card": _card(store, f"{place}/{kept}/README.md"),
        "settings": [(printable(name), printable(value)) for name, value in _settings(facts)],
    }


def _state(
    history: Mapping[str, Any], assessment: Mapping[str, Any], settings: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Return how far the stage is, and what it scores, as numbers with words."""
    losses = curves_of(history.get("losses"))
    done = max((float(curve.steps[-1]) for curve in losses), default=0.0)
    wanted = number_of(settings, "steps")
    rows = [{"count": f"{done:,.0f}", "words": f"steps of {wanted:,.0f}" if wanted else "steps"}]
    scored = object_of(object_of(assessment.get("validation")).get("totals"))
    if scored:
        for name in ("s", "max_f", "mae"):
            if (value := number_of(object_of(scored.get("with_objects")), name)) is not None:
                rows.append({"count": f"{value:.4f}", "words": f"{name}, tile by tile"})
        return rows
    for curve in curves_of(history.get("scores"), ("s", "max_f", "mae")):
        best = curve.values.max() if _BEST[curve.name] else curve.values.min()
        rows.append({"count": f"{best:.4f}", "words": f"best {curve.name}"})
    return rows


def _charts(history: Mapping[str, Any]) -> list[dict[str, Any]]:
    losses, scores = history.get("losses"), history.get("scores")
    groups: tuple[tuple[str, list[Curve], bool], ...] = (
        ("Losses", curves_of(losses, but=_NO_LOSSES), True),
        ("Validation: S and F, more is better", curves_of(scores, ("s", "max_f", "mean_f")), False),
        ("Validation: MAE, less is better", curves_of(scores, ("mae",)), False),
        ("Learning rate", curves_of(losses, ("rate",)), False),
        ("Pictures a second", curves_of(losses, ("pictures_per_s",)), False),
        ("Share of the time that waited for pictures", curves_of(losses, ("data_share",)), False),
    )
    return [
        {"words": words, "svg": drawing(drawn(curves, words, log=log)), "legend": legend(curves, _BEST)}
        for words, curves, log in groups
        if curves
    ]


def _time(history: Mapping[str, Any], cost: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return where the time went, as far as the training told."""
    rows = []
    spent = curves_of(history.get("losses"), ("spent_s",))
    seconds = number_of(cost, "spent_s") or (float(spent[0].values[-1]) if spent else None)
    if seconds is not None:
        rows.append(("training, over all restarts, validations with it", duration(seconds)))
    waited = curves_of(history.get("losses"), ("data_share",))
    if waited:
        rows.append(("waited for pictures, on average", share(float(waited[0].values.mean()))))
    pace = curves_of(history.get("losses"), ("pictures_per_s",))
    if pace:
        rows.append(("pictures a second, on average", f"{float(pace[0].values.mean()):.3g}"))
    for name in ("workers", "device", "threads", "precision", "crops"):
        if cost.get(name) is not None:
            rows.append((name, printable(str(cost[name]))))
    return rows


def _sheet(store: Store, key: str) -> tuple[dict[str, Any] | None, str]:
    """Return the contact sheet as a page has it, smaller; else why there is none."""
    try:
        with Image.open(io.BytesIO(store.read(key)), formats=("PNG",)) as image:
            if image.width * image.height > _MOST_PX:
                return None, f"The contact sheet is too large: {image.width} x {image.height} px."
            small = image.convert("RGB")
    except FileNotFoundError:
        return None, "There is no contact sheet: nothing was validated yet."
    except (SgddiffBatchError, OSError, ValueError, SyntaxError, UnidentifiedImageError) as error:
        return None, f"The contact sheet cannot be read: {printable(on_one_line(error))[:200]}"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None, "The contact sheet is too large."
    small.thumbnail((_SIDE_PX, 4 * _SIDE_PX))
    data = io.BytesIO()
    small.save(data, "WEBP", quality=80, method=1)
    uri = f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"
    return {"uri": uri, "width_px": small.width, "height_px": small.height}, ""


def _card(store: Store, key: str) -> str:
    data = _read(store, key) or b""
    text = re.sub(r"^<!--.*?-->\s*", "", data.decode(errors="replace"), flags=re.DOTALL)
    return "\n".join(printable(line) for line in text[:_MOST_CARD].splitlines())


def _settings(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = {name: facts[name] for name in ("digest", "preset", "sizes", "training") if name in facts}
    kept = redacted(named)
    assert isinstance(kept, dict)
    return [*flat(kept)] if kept else []


def _json(store: Store, key: str) -> Any:  # noqa: ANN401 - whatever JSON has there
    try:
        return json.loads(_read(store, key) or b"null")
    except (ValueError, RecursionError) as error:
        log.warning("%s cannot be read: %s", store.uri_of(key), on_one_line(error))
        return None


def _read(store: Store, key: str) -> bytes | None:
    try:
        return store.read(key)
    except FileNotFoundError:
        return None
