"""Boxes of items: each part of a geometry covers what it covers, cut at 180 or not, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.boxes import Box
from sgddiff_batch.io.stac.boxes import boxes_of


def ring(west: float, south: float, east: float, north: float, *height: float) -> list[list[float]]:
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return [[*corner, *height] for corner in corners]


def polygon(*box: float) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [ring(*box)]}


HALVES = [[ring(179, -18, 180, -17)], [ring(-180, -18, -179, -17)]]
CUT = {"type": "MultiPolygon", "coordinates": HALVES}
BOTH = (Box(179, -18, 180, -17), Box(-180, -18, -179, -17))


@pytest.mark.parametrize(
    ("bbox", "geometry", "boxes"),
    [
        (None, CUT, BOTH),
        ([-180, -18, 180, -17], CUT, BOTH),
        ([179, -18, -179, -17], CUT, (Box(179, -18, -179, -17),)),
        ([179, -18, 0, -179, -17, 90], None, (Box(179, -18, -179, -17),)),
        ([-180, -18, 180, -17], None, (Box(-180, -18, 180, -17),)),
        ([-170, -80, 170, 80], polygon(-170, -80, 170, 80), (Box(-170, -80, 170, 80),)),
        (None, polygon(10, 50, 11, 51, 7), (Box(10, 50, 11, 51),)),
        (None, polygon(-180.5, 0, -179.5, 1), (Box(179.5, 0, -179.5, 1),)),
        (None, polygon(179, -18, -179, -17), (Box(179, -18, -179, -17),)),
        (None, polygon(-180, -90, 180, 90), (Box(-180, -90, 180, 90),)),
        (None, polygon(-179.75, -90, 179.75, 90), (Box(-179.75, -90, 179.75, 90),)),
        (None, {"type": "Point", "coordinates": [190, 5]}, (Box(-170, 5, -170, 5),)),
        (
            None,
            {"type": "MultiPoint", "coordinates": [[1, 2], [5, 6, 7]]},
            (Box(1, 2, 1, 2), Box(5, 6, 5, 6)),
        ),
        (None, {"type": "LineString", "coordinates": [[1, 2], [5, 6]]}, (Box(1, 2, 5, 6),)),
        (
            None,
            {"type": "GeometryCollection", "geometries": [CUT, polygon(0, 0, 1, 1)]},
            (*BOTH, Box(0, 0, 1, 1)),
        ),
        ([9, 9], CUT, BOTH),
        (None, None, None),
        (None, {"type": "Polygon", "coordinates": []}, None),
        (None, {"type": "MultiPolygon", "coordinates": [HALVES[0], [[["x", 1]]]]}, None),
        (None, {"type": "GeometryCollection", "geometries": "none"}, None),
    ],
)
def test_a_box_is_that_of_each_part(bbox: object, geometry: object, boxes: tuple[Box, ...] | None) -> None:
    assert boxes_of(bbox, geometry) == boxes


@given(st.integers(-180, 179), st.integers(1, 120), st.integers(-180, 178))
def test_a_scene_in_two_halves_touches_what_the_whole_one_touches(west: int, width: int, asked: int) -> None:
    whole = shapely.box(west, 0, west + width, 1)
    halves = [shapely.clip_by_rect(whole, -180, -1, 180, 2)]
    if west + width > 180:
        halves.append(shapely.affinity.translate(shapely.clip_by_rect(whole, 180, -1, 540, 2), -360))
    cut = boxes_of(None, shapely.geometry.mapping(shapely.MultiPolygon(halves)))
    plain = boxes_of([west, 0, west + width, 1], None)
    filter_box = Box(asked, 0, asked + 1, 1)
    assert cut is not None
    assert plain is not None
    assert any(map(filter_box.overlaps, cut)) == any(map(filter_box.overlaps, plain))
