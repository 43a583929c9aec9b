"""Geodesy: where pixels lie on the globe.

Inside, points are transformed by GDAL alone, and rings are cut at the antimeridian. Nothing is read or
stored here.
"""

from __future__ import annotations

from sgddiff_batch.io.geodesy.footprints import Footprint, FootprintMaker
from sgddiff_batch.io.geodesy.ground import Ground, Shapes
from sgddiff_batch.io.geodesy.transformations import Floats, to_crs

__all__ = ["Floats", "Footprint", "FootprintMaker", "Ground", "Shapes", "to_crs"]
