"""What a row shows of a mosaic besides its record: found out once, and read back as it was."""

import json
from dataclasses import replace

import pytest
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.io.catalogue.shown import NOT_SHOWN, Shown, shown_json, shown_of
from sgddiff_batch.io.geodesy import FootprintMaker
from sgddiff_batch.io.mosaics import root_attributes
from tests.io.mosaic_examples import GRIDS

PROVENANCE = {
    "source_uri": "https://user:secret@b/a.tif",
    "pixel_settings": {"model": {"digest": "d" * 64}},
}


def attributes(grid):
    return root_attributes(grid, 1, PROVENANCE)


@pytest.mark.parametrize("name", GRIDS)
def test_it_travels_through_json_unchanged(name):
    shown = shown_of(attributes(GRIDS[name]), FootprintMaker())
    assert Shown.from_json(json.loads(json.dumps(shown.to_json()))) == shown


def test_it_says_where_the_mosaic_comes_from_without_secrets():
    shown = shown_of(attributes(GRIDS["north-up"]), FootprintMaker())
    assert (shown.model_digest, shown.code) == ("d" * 64, "EPSG:32633")
    assert shown.source == "https://b/a.tif"


def test_a_mosaic_across_the_antimeridian_keeps_its_box():
    grid = Grid(10, 40, Transform(1, 0, 170, 0, -1, 10), CRS.from_epsg(4326).to_wkt())
    shown = shown_of(attributes(grid), FootprintMaker())
    assert shown.outline.box[0] > shown.outline.box[2]
    assert Shown.from_json(shown.to_json()).outline == shown.outline


def test_a_root_object_gives_the_same_and_what_is_none_gives_nothing():
    root = {"attributes": attributes(GRIDS["north-up"])}
    assert shown_json(json.dumps(root).encode()) == shown_of(root["attributes"], FootprintMaker()).to_json()
    for data in (b"", b"{", b"[]", b"{}", b'{"attributes": {}}', b"[" * 100_000):
        assert shown_json(data) is None


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [1]}, {"shape": None}, {"transform": [1, 2]}, {"outline": ["zz", [1, 2, 3, 4], 5]},
        {"outline": [1, 2]}, {"code": 5}, {"model_digest": []},
    ],
)  # fmt: skip
def test_what_is_damaged_is_not_shown(change):
    tree = shown_of(attributes(GRIDS["north-up"]), FootprintMaker()).to_json()
    with pytest.raises(NOT_SHOWN):
        Shown.from_json(tree | change)
    for key in tree:
        with pytest.raises(NOT_SHOWN):
            Shown.from_json({name: value for name, value in tree.items() if name != key})


def test_one_without_an_outline_is_shown_without():
    shown = shown_of(attributes(GRIDS["no crs"]), FootprintMaker())
    assert shown.outline is None
    assert Shown.from_json(shown.to_json()) == replace(shown, outline=None)
