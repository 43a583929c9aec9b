"""What a training leaves for people: curves, calibration, the assessment of a stage, and model cards.

Inside is what is drawn and written of plain values and finished checkpoints. Nothing here trains, or knows
which stage comes next.
"""

from __future__ import annotations

from jobs.training.results.assessment import (
    ASSESSMENT_NAME,
    assess,
    assessment_of,
    device_name,
    is_assessed,
    read_assessment,
)
from jobs.training.results.calibrating import calibrate_kept
from jobs.training.results.card_files import write_cards
from jobs.training.results.curves import draw_curves

__all__ = [
    "ASSESSMENT_NAME",
    "assess",
    "assessment_of",
    "calibrate_kept",
    "device_name",
    "draw_curves",
    "is_assessed",
    "read_assessment",
    "write_cards",
]
