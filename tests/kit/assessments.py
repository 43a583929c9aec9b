"""An assessment as a training leaves it, with numbers that a test can look for."""

from __future__ import annotations

from typing import Any

from models.sod_metrics import MEASURE_NAMES

HOSTILE = "`](javascript:alert(1)) ``` <img src=x onerror=alert(1)> | www.evil.example\n# Owned\n<!-- \u202e"
"""A name that tries to be more than text on a page that is written from it."""


def made_up_assessment(seed: int | None = 1, s: float = 0.8, stage: str = "student") -> dict[str, Any]:
    return {
        "format_version": 1,
        "stage": stage,
        "seed": seed,
        "checkpoint": "best",
        "digest": "ab" * 32,
        "assessed_as": None,
        "network": {"parameters": 4_280_000, "gmac": 1.8698},
        "validation": {
            "steps": 1,
            "trajectories": 1,
            "tile_px": 576,
            "overlap_px": 64,
            "totals": {
                "pictures": 42,
                "with_objects": {"pictures": 40, **dict.fromkeys(MEASURE_NAMES, 0.5), "s": s, "mae": 0.0122},
                "empty_masks": {
                    "pictures": 2,
                    "false_alarm_area": 0.0321,
                    "pictures_with_alarm": 0.5,
                    "mae": 0.0411,
                },
                "all_pictures": {},
                "objects_by_size": {
                    "below 0.5 %": {"objects": 264, "pixel_recall": 0.777, "found": 0.864},
                    "0.5 to 2 %": {"objects": 97, "pixel_recall": 0.619, "found": 0.669},
                    "above 2 %": {"objects": 0, "pixel_recall": None, "found": None},
                },
                "windows_without_objects": {
                    "windows": 117,
                    "false_alarm_area": 0.00456,
                    "windows_with_alarm": 0.157,
                },
            },
            "worst": [{"name": "VHR/042", "s": 0.4321, "mae": 0.1}, {"name": "VHR/7", "s": 0.55, "mae": 0.1}],
        },
        "cost": {
            "spent_s": 5400.0,
            "steps": 1600,
            "crops": 6400,
            "workers": 2,
            "device": "A Device 3000",
            "threads": 1,
            "precision": "fp32",
        },
        "software": {"sgddiff_batch": "0.1.0", "code": "0123456789ab", "torch": "2.13.0"},
    }
