"""Scenes at the ends of the world: all that they cover is in the area's cells, wherever either map ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from rasterio.crs import CRS

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.io.areas.members import find_members
from sgddiff_batch.io.areas.source import open_source
from sgddiff_batch.io.geodesy.transformations import to_crs
from sgddiff_batch.io.storage.store import open_store
from tests.io.area_examples import area_settings, publish_scenes, put_scene

HALF = 20037508.342789244
WGS84 = CRS.from_epsg(4326)
_EDGE_PX = 2.5
"""So near its edges a scene may be seen or not: GDAL approximates."""


@dataclass(frozen=True)
class Case:
    """A scene of ``height`` x ``width`` pixels, and an area; ``turn`` is that of the scene's CRS."""

    crs: int
    transform: tuple[float, ...]
    height: int
    width: int
    area: int
    resolution: float
    turn: float = 360.0


FAR = {
    32660: (169, -6, 191, 90),
    32601: (-191, -6, -169, 90),
    3413: (-180, 54, 180, 91),
    3857: (-180, -85.05, 180, 85.05),
}
"""The areas of use of CRSs that do not show the globe, nearly six degrees wider."""


def whole(west: float, share: float = 1.0) -> tuple[float, ...]:
    return (2.0 * share, 0, west, 0, -2.0, 80)


CASES = {
    "a turn from 0 on a web map": Case(4326, whole(0), 80, 180, 3857, 1e5),
    "a turn from -90 on a web map": Case(4326, whole(-90), 80, 180, 3857, 1e5),
    "a turn from 100 on a web map": Case(4326, whole(100), 80, 180, 3857, 1e5),
    "a little more than a turn on a web map": Case(4326, whole(0, 1.03), 80, 180, 3857, 1e5),
    "a little less than a turn on a web map": Case(4326, whole(0, 0.97), 80, 180, 3857, 1e5),
    "a turn from 0 on a map about the Pacific": Case(4326, whole(0), 80, 180, 3832, 1e5),
    "a turn from -180 on a map about the Pacific": Case(4326, whole(-180), 80, 180, 3832, 1e5),
    "a turn from 0 in degrees": Case(4326, whole(0), 80, 180, 4326, 1.3),
    "a turn from 0 in degrees of their own pixels": Case(4326, whole(0), 80, 180, 4326, 2.0),
    "a turn from -180 in one zone": Case(4326, whole(-180), 80, 180, 32660, 1e5),
    "a turn from 0 in one zone": Case(4326, whole(0), 80, 180, 32601, 1e5),
    "a turn from 0 about the pole": Case(4326, whole(0), 80, 180, 3413, 2e5),
    "a turn from 0 in an oval": Case(4326, whole(0), 80, 180, 8857, 1e5),
    "the globe on a web map": Case(4326, (2.0, 0, 0, 0, -2.0, 90), 90, 180, 3857, 1e5),
    "points of the globe on a web map": Case(4326, (2.0, 0, -1, 0, -2.0, 91), 91, 180, 3857, 1e5),
    "180 to 188 in degrees": Case(4326, (0.1, 0, 180, 0, -0.1, 8), 80, 80, 4326, 0.13),
    "-188 to -180 in degrees": Case(4326, (0.1, 0, -188, 0, -0.1, 8), 80, 80, 4326, 0.1),
    "180 to 188 on a web map": Case(4326, (0.1, 0, 180, 0, -0.1, 8), 80, 80, 3857, 1e4),
    "176 to 184 on a web map": Case(4326, (0.1, 0, 176, 0, -0.1, 8), 80, 80, 3857, 1e4),
    "190 to 200 in their zone": Case(4326, (0.1, 0, 190, 0, -0.1, 8), 80, 100, 32603, 1e4),
    "across the end of an oval about the Pacific": Case(4326, (0.1, 0, -34, 0, -0.1, 8), 80, 80, 8859, 1e4),
    "across 180 on a map about the Pacific": Case(4258, (0.1, 0, 176, 0, -0.1, 8), 80, 80, 3832, 1e4),
    "web map past its end, in degrees": Case(
        3857, (1e4, 0, HALF - 4e5, 0, -1e4, 8e5), 80, 80, 4326, 0.13, 2 * HALF
    ),
    "web map past its end, on a web map": Case(
        3857, (1e4, 0, HALF - 4e5, 0, -1e4, 8e5), 80, 80, 3857, 1.3e4, 2 * HALF
    ),
    "web map from 0, on a web map": Case(
        3857, (2 * HALF / 200, 0, 0, 0, -2 * HALF / 200, 1e7), 100, 200, 3857, 1.3e5, 2 * HALF
    ),
    "web map from 0, in degrees": Case(
        3857, (2 * HALF / 200, 0, 0, 0, -2 * HALF / 200, 1e7), 100, 200, 4326, 1.3, 2 * HALF
    ),
    "a plane of degrees from 0, about the Pacific": Case(
        4087, (2 * HALF / 200, 0, 0, 0, -2 * HALF / 200, 8e6), 80, 200, 3832, 1.3e5, 2 * HALF
    ),
    "a cap of a pole in degrees": Case(3413, (5e4, 0, -2e6, 0, -5e4, 2e6), 80, 80, 4326, 0.9, 1e12),
    "a cap of a pole on a web map": Case(3413, (5e4, 0, -2e6, 0, -5e4, 2e6), 80, 80, 3857, 1e5, 1e12),
    "fine web map past its end, in degrees": Case(
        3857, (100, 0, HALF - 4000, 0, -100, -2e6), 80, 80, 4326, 0.0013, 2 * HALF
    ),
    "web map of a kilometre past its end, in degrees": Case(
        3857, (1e3, 0, HALF - 4e4, 0, -1e3, -2e6), 80, 80, 4326, 0.013, 2 * HALF
    ),
    "beside the south pole across 180, in degrees": Case(
        3031, (1e4, 0, -4e5, 0, -1e4, -1e6), 80, 80, 4326, 0.15, 1e12
    ),
    "a zone's scene across 180": Case(32601, (1e3, 0, 1e5, 0, -1e3, 1e6), 80, 120, 3857, 2e3, 1e12),
}


def codes_of(case: Case):
    rows, cols = np.mgrid[: case.height, : case.width]
    return (20 + 100 * cols / case.width + 100 * rows / case.height).astype(np.uint8)


def place_of(case: Case, grid: Grid):
    """Return (row, column) in the scene of the centres of pixels, within its turn, and which are real."""
    rows, cols = np.mgrid[: grid.height_px, : grid.width_px] + 0.5
    x = grid.transform.c + grid.transform.a * cols.ravel()
    y = grid.transform.f + grid.transform.e * rows.ravel()
    lon, lat = to_crs(CRS.from_wkt(grid.crs_wkt), WGS84, x, y)
    back = to_crs(WGS84, CRS.from_wkt(grid.crs_wkt), lon, lat)
    x, y = (np.where(np.isfinite(v), v, np.nan) for v in to_crs(WGS84, CRS.from_epsg(case.crs), lon, lat))
    t = Transform(*case.transform)
    start = min(t.c, t.c + t.a * case.width)
    # Pixels beyond the end of the area's own map count for nothing.
    own = grid.transform.c + grid.transform.a * cols.ravel()
    real = np.isfinite(x) & (np.abs(np.asarray(back[0]) - own) < grid.transform.a / 2)
    real &= (np.abs(own) <= 180) | (case.area != 4326)
    # Nor does what of a scene of the whole globe is far from where the area's CRS may be used.
    if case.area in FAR:
        west, south, east, north = FAR[case.area]
        real &= ((lon - west) % 360 < east - west) & (lat > south) & (lat < north)
    col = ((x - start) % case.turn) / t.a if case.turn < 1e12 else (x - start) / t.a
    shape = (grid.height_px, grid.width_px)
    return ((y - t.f) / t.e).reshape(shape), col.reshape(shape), real.reshape(shape)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_all_that_a_scene_covers_is_in_the_cells_and_nothing_else(tmp_path, case):
    output = open_store(str(tmp_path / "out"))
    crs = CRS.from_epsg(case.crs).to_wkt()
    put_scene(output, "a.tif", codes_of(case), crs=crs, transform=Transform(*case.transform))
    publish_scenes(output, {"a.tif": "2026-01-05"})
    settings = area_settings(
        crs=CRS.from_epsg(case.area).to_wkt(), resolution=case.resolution, cell_px=64, resampling="nearest"
    )
    members = find_members(output, settings.cells)
    assert members.refused == ()
    ((scene, cells),) = members.scenes
    source = open_source(output, scene, settings)
    touched = set(cells)
    around = {type(c)(c.x + i, c.y + j) for c in cells for i in (-1, 0, 1) for j in (-1, 0, 1)}
    missed, wrong, seen_px, inside_px = 0, 0, 0, 0
    for cell in around:
        grid = settings.cells.grid(cell)
        row, col, real = place_of(case, grid)
        with np.errstate(invalid="ignore"):
            deep = real & (row > _EDGE_PX) & (row < case.height - _EDGE_PX)
            deep &= (col > _EDGE_PX) & (col < case.width - _EDGE_PX)
            if abs(case.width * case.transform[0]) >= 0.999 * case.turn:
                deep = real & (row > _EDGE_PX) & (row < case.height - _EDGE_PX)
        inside_px += int(deep.sum())
        if cell not in touched:
            missed += int(deep.sum())
            continue
        got = np.full(deep.shape, NO_DATA, dtype=np.uint8)
        for part, found in source.parts(grid, grid.window):
            got[part.slices] = found
        missed += int((deep & (got == NO_DATA)).sum())
        wanted = 20 + 100 * col / case.width + 100 * row / case.height
        inner = deep & (got != NO_DATA) & (col > _EDGE_PX) & (col < case.width - _EDGE_PX)
        wrong += int((np.abs(got[inner] - wanted[inner]) > 4 + 200 / case.width).sum())
        seen_px += int((got != NO_DATA).sum())
    assert inside_px > 100
    assert missed == 0
    assert wrong == 0
    assert seen_px > 0


@pytest.mark.parametrize(
    ("crs", "px", "west", "width"),
    [
        (4326, 2.0, 0, 180),
        (4326, 2.0, 540, 180),
        (4326, 2.0, 178, 10),
        (3857, HALF / 90, 0, 180),
        (3857, HALF / 90, HALF - 5 * HALF / 90, 10),
        (3857, 2e5, -2e7, 200),
    ],
)
def test_pixels_that_are_the_areas_own_are_copied_on_either_side_of_its_end(tmp_path, crs, px, west, width):
    output, wkt = open_store(str(tmp_path / "out")), CRS.from_epsg(crs).to_wkt()
    codes = np.random.default_rng(0).integers(0, 255, (20, width), dtype=np.uint8)
    put_scene(output, "a.tif", codes, crs=wkt, transform=Transform(px, 0, west, 0, -px, 10 * px))
    publish_scenes(output, {"a.tif": "2026-01-05"})
    settings = area_settings(crs=wkt, resolution=px, cell_px=30)
    ((scene, touched),) = find_members(output, settings.cells).scenes
    source = open_source(output, scene, settings)
    grids = [settings.cells.grid(cell) for cell in touched]
    assert all(source._offsets(grid) is not None for grid in grids)
    seen = np.concatenate([part.ravel() for grid in grids for _, part in source.parts(grid, grid.window)])
    np.testing.assert_array_equal(np.sort(seen), np.sort(codes.ravel()))
