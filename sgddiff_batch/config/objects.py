"""The objects section of the main job's config: whether a run draws objects, and what counts as one."""

from __future__ import annotations

from pydantic import Field, model_validator

from sgddiff_batch.config.reading import Section
from sgddiff_batch.core.object_settings import LEAST_IOU, ObjectSettings


class ObjectsConfig(Section):
    """What counts as an object, as :class:`sgddiff_batch.core.object_settings.ObjectSettings` says.

    ``match_iou``: an object seen again shares so much (area of both over that of either) with what it was.
    """

    threshold: float = 0.5
    low: float | None = None
    min_area_m2: float = 0.0
    simplify_px: float = 1.0
    match_iou: float = Field(default=LEAST_IOU, gt=0, le=1)

    @model_validator(mode="after")
    def _in_range(self) -> ObjectsConfig:
        self.settings  # noqa: B018 - raises where one is out of its range
        return self

    @property
    def settings(self) -> ObjectSettings:
        """Which regions are objects, and their outlines."""
        return ObjectSettings(self.threshold, self.low, self.min_area_m2, self.simplify_px)
