"""Runs over areas: mosaics of scenes are composed into those of cells and periods.

Inside, an area is planned from the catalogue of the scenes' mosaics, composed under a lease of its own, and
published as a whole. Scenes and the network are not asked.
"""

from __future__ import annotations

from sgddiff_batch.runs.areas.area_run import AreaEnd, AreaRun
from sgddiff_batch.runs.areas.compose import chosen_areas, plan_area, run_area
from sgddiff_batch.runs.areas.former import area_outputs, tell_former_areas, withdraw_area

__all__ = [
    "AreaEnd",
    "AreaRun",
    "area_outputs",
    "chosen_areas",
    "plan_area",
    "run_area",
    "tell_former_areas",
    "withdraw_area",
]
