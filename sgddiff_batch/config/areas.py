"""The areas section of the main job's config: which mosaics are composed of those of the scenes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from sgddiff_batch.config.reading import Section, TimePattern
from sgddiff_batch.core.cells import MOST_CELL_PX
from sgddiff_batch.core.composite_planning import CHUNK_PX, Resampling
from sgddiff_batch.core.composites import Rule
from sgddiff_batch.core.periods import PeriodKind

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"must be letters, digits, - and _, at most 64, got {name!r}")
    return name


class AreaConfig(Section):
    """One kind of area mosaics: a mosaic for each cell and period that scenes touch.

    ``name``: they lie below ``<output.uri>/_areas/<name>``. ``crs``: EPSG:32633 or WKT; ``resolution``: the
    side of a pixel and ``origin`` the corner of cell x0y0, in its units; ``cell_px``: the side of a cell.
    ``period``: day, month, quarter or year, in UTC. ``rule``: latest, first, max or mean. ``resampling``:
    how scenes of another grid are warped: nearest, bilinear or average. ``time_pattern``: a regular
    expression that is searched in the id of a scene whose time the catalogue does not know; its groups hold
    the digits (2026, 202601, 20260131, 20260131120000). ``workers``: cells that are composed at once.
    """

    name: Annotated[str, AfterValidator(_check_name)]
    crs: Annotated[str, Field(min_length=1)]
    resolution: float = Field(gt=0, allow_inf_nan=False)
    cell_px: int = Field(default=8192, ge=1, le=MOST_CELL_PX, strict=True)
    origin: tuple[float, float] = (0.0, 0.0)
    period: PeriodKind = "month"
    rule: Rule = "latest"
    resampling: Resampling = "bilinear"
    block_px: int = Field(default=2048, ge=CHUNK_PX, le=16 * CHUNK_PX, strict=True)
    time_pattern: TimePattern | None = None
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=256, strict=True)] = "auto"

    @model_validator(mode="after")
    def _numbers_fit(self) -> AreaConfig:
        if not all(map(math.isfinite, self.origin)):
            raise ValueError(f"origin must be two finite numbers, got {list(self.origin)}")
        if self.block_px % CHUNK_PX:
            raise ValueError(f"block_px must be a multiple of {CHUNK_PX}, got {self.block_px}")
        return self


def _check_names(areas: Sequence[AreaConfig]) -> Sequence[AreaConfig]:
    # Names of local folders may not tell cases apart.
    names = [area.name.lower() for area in areas]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the name {twice[0]} is given twice")
    return areas


Areas = Annotated[tuple[AreaConfig, ...], AfterValidator(_check_names)]
