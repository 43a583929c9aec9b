from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pyproj
import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.io.mosaics import conventions
from tests.io.mosaic_examples import GRIDS, LONLAT, NO_CODE, NORTH_UP, UTM, build, codes_of, mosaic_of

SCHEMAS = Path(__file__).parent / "schemas"


def schema(name: str) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads((SCHEMAS / f"{name}.json").read_text()))


def documents(folder: Path, name: str) -> dict[str, dict]:
    """Return the metadata of every node of a mosaic of the grid of that name, by path."""
    uri = build(folder, mosaic_of(GRIDS[name]), codes_of(GRIDS[name]))
    return {
        str(path.parent.relative_to(uri)): json.loads(path.read_text())
        for path in Path(uri).rglob("zarr.json")
    }


@pytest.mark.parametrize("name", GRIDS)
def test_mosaics_pass_the_schemas_of_the_conventions_that_they_declare(tmp_path, name):
    nodes = documents(tmp_path, name)
    has_crs = GRIDS[name].crs_wkt is not None
    for path, node in nodes.items():
        declared = [entry["name"] for entry in node["attributes"].get("zarr_conventions", [])]
        if path == ".":
            assert declared == ["multiscales", *(["proj"] if has_crs else []), "spatial"]
        elif path.endswith("/saliency"):
            assert declared == [*(["proj"] if has_crs else []), "spatial"]
        else:
            assert declared == []
        for convention in declared:
            schema(convention).validate(node)


@pytest.mark.parametrize("name", GRIDS)
def test_mosaics_pass_the_independent_validator_of_the_conventions(tmp_path, name):
    zarr_cm = pytest.importorskip("zarr_cm", reason="the test extra's zarr-cm is not installed")
    modules = {"multiscales": zarr_cm.multiscales, "proj": zarr_cm.proj, "spatial": zarr_cm.spatial}
    for node in documents(tmp_path, name).values():
        for entry in node["attributes"].get("zarr_conventions", []):
            modules[entry["name"]].validate_node_metadata(node)


@pytest.mark.parametrize(
    ("convention", "path", "wrong"),
    [
        ("multiscales", ("multiscales", "layout", 1, "transform"), None),
        ("multiscales", ("multiscales", "layout", 0, "asset"), "/0"),
        ("multiscales", ("zarr_conventions", 0, "uuid"), "0"),
        ("proj", ("proj:code",), None),
        ("proj", ("zarr_conventions", 1, "name"), "proj:"),
        ("spatial", ("spatial:bbox",), [0, 0, 1]),
        ("spatial", ("multiscales", "layout", 0, "spatial:transform"), None),
        ("spatial", ("zarr_conventions", 2, "extra"), 1),
    ],
)
def test_the_schemas_refuse_a_document_that_is_wrong(tmp_path, convention, path, wrong):
    node = documents(tmp_path, "north-up")["."]
    inner = node["attributes"]
    for step in path[:-1]:
        inner = inner[step]
    if wrong is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = wrong
    assert not schema(convention).is_valid(node)


def test_the_root_says_where_every_level_lies():
    attributes = conventions.root_attributes(Grid(10981, 5490, NORTH_UP, UTM), 3, {"run_key": "k"})
    layout = attributes["multiscales"]["layout"]
    assert [entry["asset"] for entry in layout] == ["0", "1", "2"]
    assert [entry.get("derived_from") for entry in layout] == [None, "0", "1"]
    assert [entry["spatial:shape"] for entry in layout] == [[10981, 5490], [5491, 2745], [2746, 1373]]
    assert layout[2]["spatial:transform"] == [40.0, 0.0, 499980.0, 0.0, -40.0, 5000040.0]
    assert layout[2]["transform"] == {"scale": [2.0, 2.0], "translation": [0.0, 0.0]}
    assert attributes["proj:code"] == "EPSG:32633"
    assert attributes["spatial:dimensions"] == ["y", "x"]
    assert attributes["spatial:bbox"] == [499980.0, 4890230.0, 554880.0, 5000040.0]
    assert attributes["complete"] is False
    assert attributes["provenance"] == {"run_key": "k"}


def test_saliency_is_packed_as_cf_has_it():
    attributes = conventions.saliency_attributes(Grid(10, 20, NORTH_UP, UTM))
    assert attributes["scale_factor"] == 1 / 254
    assert attributes["add_offset"] == 0.0
    assert attributes["_FillValue"] == 255
    assert attributes["grid_mapping"] == "spatial_ref"
    assert attributes["spatial:shape"] == [10, 20]
    assert attributes["spatial:transform"] == [10.0, 0.0, 499980.0, 0.0, -10.0, 5000040.0]


def test_a_crs_without_a_code_is_given_as_wkt2():
    attributes = conventions.root_attributes(Grid(10, 10, NORTH_UP, NO_CODE), 1, {})
    assert "proj:code" not in attributes
    assert pyproj.CRS.from_wkt(attributes["proj:wkt2"]) == pyproj.CRS.from_wkt(NO_CODE)
    assert attributes["proj:wkt2"].startswith("PROJCRS")


def test_a_crs_that_only_resembles_a_code_does_not_get_it():
    liar = UTM.replace('PARAMETER["central_meridian",15]', 'PARAMETER["central_meridian",16]')
    assert liar != UTM
    assert "proj:code" not in conventions.root_attributes(Grid(10, 10, NORTH_UP, liar), 1, {})


def test_a_crs_that_proj_cannot_read_is_kept_word_for_word():
    grid = Grid(10, 10, NORTH_UP, 'LOCAL_CS["nobody knows')
    assert conventions.root_attributes(grid, 1, {})["proj:wkt2"] == grid.crs_wkt
    assert conventions.axis_attributes(grid, "x")["units"] == "1"


@pytest.mark.parametrize("name", ["no crs", "transform without crs"])
def test_a_mosaic_without_crs_says_so(name):
    attributes = conventions.root_attributes(GRIDS[name], 1, {})
    assert "no coordinate reference system" in attributes["coordinate_system"]
    assert not [key for key in attributes if key.startswith("proj:")]
    assert conventions.grid_mapping_attributes(GRIDS[name]).keys() == {"GeoTransform"}


@pytest.mark.parametrize(
    ("grid", "name", "standard_name", "unit"),
    [
        (Grid(1, 1, NORTH_UP, UTM), "x", "projection_x_coordinate", "metre"),
        (Grid(1, 1, NORTH_UP, UTM), "y", "projection_y_coordinate", "metre"),
        (Grid(1, 1, NORTH_UP, LONLAT), "x", "longitude", "degrees_east"),
        (Grid(1, 1, NORTH_UP, LONLAT), "y", "latitude", "degrees_north"),
        (Grid(1, 1), "x", None, "pixel"),
        (Grid(1, 1, NORTH_UP), "y", None, "1"),
    ],
)
def test_coordinates_have_the_unit_and_standard_name_of_their_crs(grid, name, standard_name, unit):
    attributes = conventions.axis_attributes(grid, name)
    assert (attributes.get("standard_name"), attributes["units"]) == (standard_name, unit)
    assert attributes["axis"] == name.upper()


@pytest.mark.parametrize("name", GRIDS)
def test_only_axis_aligned_grids_have_coordinates(tmp_path, name):
    nodes = documents(tmp_path, name)
    expected = {"y", "x"} if name not in ("rotated", "quarter turn") else set()
    assert {Path(path).name for path in nodes} & {"x", "y"} == expected


def test_attributes_are_plain_json():
    grid = Grid(10, 10, NORTH_UP, UTM)
    for attributes in (
        conventions.root_attributes(grid, 2, {}),
        conventions.saliency_attributes(grid),
        conventions.grid_mapping_attributes(grid),
        conventions.axis_attributes(grid, "x"),
    ):
        assert json.loads(json.dumps(attributes, allow_nan=False)) == attributes


def test_a_crs_is_looked_up_once(monkeypatch):
    crs_wkt = pyproj.CRS.from_user_input("+proj=tmerc +lon_0=2.125 +datum=WGS84").to_wkt()
    grid, looked_up, from_wkt = Grid(5, 5, NORTH_UP, crs_wkt), [], conventions.CRS.from_wkt
    monkeypatch.setattr(conventions.CRS, "from_wkt", lambda wkt: looked_up.append(wkt) or from_wkt(wkt))
    first = [conventions.saliency_attributes(grid), *(conventions.axis_attributes(grid, n) for n in "xy")]
    calls = len(looked_up)
    assert calls
    first[0]["proj:wkt2"] = first[1]["units"] = "changed by who has it"
    again = [conventions.saliency_attributes(grid), *(conventions.axis_attributes(grid, n) for n in "xy")]
    assert len(looked_up) == calls
    assert "changed" not in json.dumps(again)
