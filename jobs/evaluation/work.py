"""The work of an evaluation: a map a picture, made or read, written and scored as asked."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.evaluation.pictures import Entry, read_label
from jobs.evaluation.sources import SaliencySource
from jobs.files import write_whole

if TYPE_CHECKING:
    from jobs.evaluation.scoring import Row

WORST = 10

Scored = tuple["Row", Entry, NDArray[np.uint8]]


@dataclass(slots=True)
class Evaluated:
    """What came out: a row for each picture with a label, and the worst of them, each with its map."""

    rows: list[Row] = field(default_factory=list)
    worst: list[Scored] = field(default_factory=list)


def evaluate(
    entries: Iterable[Entry],
    source: SaliencySource,
    maps: Path | None = None,
    *,
    detections: bool = False,
) -> Evaluated:
    """Make or read every map, write it below `maps`, and score it where there is a label.

    detections: match whole objects, too.
    """
    found = Evaluated()
    if maps:
        maps.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        saliency = source.read(entry)
        if maps:
            write_whole(maps / f"{entry.name}.png", _png(saliency))
        if entry.label:
            from jobs.evaluation.scoring import score_picture

            label = read_label(entry.label)
            found.rows.append(score_picture(entry.name, saliency, label, detections=detections))
            # Only the ten worst so far, so that no more than ten maps are held.
            scored = [*found.worst, (found.rows[-1], entry, saliency)]
            found.worst = sorted(scored, key=lambda each: each[0].rank)[:WORST]
    return found


def _png(saliency: NDArray[np.uint8]) -> bytes:
    target = io.BytesIO()
    Image.fromarray(saliency).save(target, "PNG")
    return target.getvalue()
