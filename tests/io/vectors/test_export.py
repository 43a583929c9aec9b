"""Published objects as files that other tools open: the same objects, in degrees, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import pytest
import shapely

from sgddiff_batch.core.times import parse_span
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.io.catalogue import OBJECTS, read_pointer
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.vectors import FORMATS, Written, export_objects, formats
from sgddiff_batch.io.vectors.export import export_objects as exported
from tests.io.objects.examples import put_scene
from tests.io.objects.test_generation import PIER, SHIP, night, picture


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """Two nights: three objects, one of which has a parent; and one mosaic without a place on the globe."""
    store = open_store(str(tmp_path_factory.mktemp("vectors") / "out"))
    put_scene(store, "a.tif", picture(PIER, SHIP))
    put_scene(store, "nowhere.tif", picture(SHIP), crs=None)
    night(store, "1")
    put_scene(store, "b.tif", picture((SHIP[0], slice(30, 42)), (SHIP[0], slice(44, 50))))
    night(store, "2")
    return store


@pytest.mark.parametrize("suffix", [".geojson", ".fgb", ".gpkg"])
def test_other_tools_read_the_same_objects_in_degrees(output, tmp_path, suffix):
    file = tmp_path / f"objects{suffix}"
    assert export_objects(output.uri, str(file)) == Written(4, 1)
    found = geopandas.read_file(file).set_index("id").sort_index()
    wanted = geopandas.read_parquet(f"{output.uri}/{OBJECTS}").set_index("id").sort_index()
    wanted = wanted[wanted.geometry.notna()]
    assert found.crs.to_epsg() == 4326
    assert sorted(found.index) == sorted(wanted.index)
    for name in ("area_m2", "saliency_max", "pixels", "scene", "state"):
        assert sorted(found[name]) == sorted(wanted[name])
    assert sum(shapely.area(found.geometry)) == pytest.approx(sum(shapely.area(wanted.geometry)), rel=1e-4)
    parents = {text for text in found["parents"] if text}
    assert parents == {parent for row in wanted["parents"] for parent in row}
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_geoparquet_is_what_is_published_to_the_byte(output, tmp_path):
    assert exported(output.uri, str(tmp_path / "o.parquet")) == Written(5)
    assert (tmp_path / "o.parquet").read_bytes() == output.read(OBJECTS)


DAYS = ("2026-01-01", "2026-01-02")


@pytest.mark.parametrize("suffix", [".geojson", ".parquet"])
@pytest.mark.parametrize(
    ("span", "scenes"),
    [
        (f"{DAYS[0]}/{DAYS[0]}", {"a.tif"}),
        (f"{DAYS[1]}/..", {"b.tif"}),
        (f"{DAYS[0]}/..", {"a.tif", "b.tif"}),
        ("../2025-12-31", set()),
    ],
)
def test_those_of_a_time_alone(output, tmp_path, suffix, span, scenes):
    file = tmp_path / f"o{suffix}"
    told = export_objects(output.uri, str(file), parse_span(span))
    found = geopandas.read_parquet(file) if suffix == ".parquet" else geopandas.read_file(file)
    assert told == Written(len(found), 0, 5 - len(found))
    assert {*found["scene"]} == scenes if len(found) else not scenes


def test_geoparquet_of_a_time_is_read_by_boxes_as_the_published_one(output, tmp_path):
    export_objects(output.uri, str(tmp_path / "o.parquet"), parse_span(f"{DAYS[1]}/.."))
    whole = geopandas.read_parquet(f"{output.uri}/{OBJECTS}")
    later = whole[whole["scene"] == "b.tif"]
    found = geopandas.read_parquet(tmp_path / "o.parquet", bbox=tuple(later.total_bounds))
    assert found.crs == whole.crs
    assert sorted(found["id"]) == sorted(later["id"])


def test_tiles_are_pmtiles_of_the_objects(output, tmp_path):
    file = tmp_path / "objects.pmtiles"
    assert export_objects(output.uri, str(file)) == Written(4, 1)
    data = file.read_bytes()
    assert (data[:7], data[7]) == (b"PMTiles", 3)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_geojson_is_strict_and_a_line_a_feature(output, tmp_path):
    file = tmp_path / "o.geojson"
    export_objects(output.uri, str(file))
    tree = json.loads(file.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert len(tree["features"]) == len(file.read_text().splitlines()) - 2
    assert tree["features"][0]["properties"]["time"].startswith("2026-01-0")


def test_an_output_whose_mosaics_have_no_object_gives_files_of_none(tmp_path):
    store = open_store(str(tmp_path / "out"))
    put_scene(store, "sea.tif", picture())
    night(store, "1")
    for suffix in (".geojson", ".fgb", ".gpkg"):
        export_objects(store.uri, str(tmp_path / f"none{suffix}"))
        assert len(geopandas.read_file(tmp_path / f"none{suffix}")) == 0
    with pytest.raises(ConfigError, match="tiles of nothing"):
        export_objects(store.uri, str(tmp_path / "none.pmtiles"))
    assert not (tmp_path / "none.pmtiles").exists()


@pytest.mark.parametrize(
    ("suffix", "module", "extra"),
    [
        (".fgb", "pyogrio", "vector"),
        (".gpkg", "pyogrio", "vector"),
        (".pmtiles", "cubao_tippecanoe", "tiles"),
    ],
)
def test_a_missing_extra_is_named_with_its_command_and_what_is_there_stays(
    output, tmp_path, monkeypatch, suffix, module, extra
):
    file = tmp_path / f"o{suffix}"
    file.write_bytes(b"of yesterday")
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == module else pytest.fail(name))
    with pytest.raises(ConfigError, match=rf"pip install 'sgddiff-batch\[{extra}\]'"):
        export_objects(output.uri, str(file))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"of yesterday"]


@pytest.mark.parametrize("suffix", [*FORMATS])
def test_what_breaks_off_leaves_what_was_there(output, tmp_path, monkeypatch, suffix):
    file = tmp_path / f"o{suffix}"
    file.write_bytes(b"of yesterday")

    def torn(self):
        yield from list(self.parts)[:1]
        raise OSError("no space left on device")

    monkeypatch.setattr(formats.Rows, "__iter__", torn)
    with pytest.raises(OSError, match=r"no space left|could not write"):
        export_objects(output.uri, str(file))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"of yesterday"]


def test_a_suffix_that_is_none_and_a_folder_that_is_not_there_are_told(output, tmp_path):
    with pytest.raises(ConfigError, match="its suffix says which format"):
        export_objects(output.uri, str(tmp_path / "o.shp"))
    with pytest.raises(FileNotFoundError, match="no folder"):
        export_objects(output.uri, str(tmp_path / "typo" / "o.fgb"))


def test_an_output_without_objects_and_damaged_ones_are_told(output, tmp_path):
    with pytest.raises(FileNotFoundError, match="sgddiff objects"):
        export_objects(str(tmp_path), str(tmp_path / "o.fgb"))
    store = open_store(str(tmp_path / "out"))
    put_scene(store, "a.tif", picture(PIER))
    night(store, "1")
    store.write(read_pointer(store).generation.objects.file, b"torn")
    with pytest.raises(FatalError, match="damaged"):
        export_objects(store.uri, str(tmp_path / "o.fgb"))
    assert not Path(tmp_path / "o.fgb").exists()
