"""The checkpoint that a finished stage kept, its last logits set by the validation pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from models.calibration import calibrate
from models.checkpoint import Checkpoint, save_checkpoint
from models.data import Pair
from models.run import shown, validate
from models.storage import Storage


def calibrate_kept(
    kept: Checkpoint, place: Storage, pairs: Sequence[Pair], validate_as: tuple[int, int] | None = None
) -> None:
    """Calibrate what a stage kept at a place, and write it there again; nothing, where that was done before.

    Its facts then say by how much, and the measures of the validation pictures are those after it.

    Raises:
        ValueError: if no picture has an object.
    """
    if "calibration" in kept.training:
        return
    chosen = calibrate(kept.network, pairs, validate_as)
    measures = validate(shown(kept.network, validate_as), pairs)
    training = {**kept.training, "calibration": asdict(chosen), "validation": asdict(measures)}
    save_checkpoint(place, kept.network, kept.data, training)
