"""Provenance: what is written is read again, byte for byte, also what older versions wrote."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.fingerprint import canonical_json
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.masks import Mask
from sgddiff_batch.core.provenance import (
    AreaOrigin,
    Member,
    Provenance,
    parse_provenance,
    scene_provenance,
)
from sgddiff_batch.core.radiometry import Stretch
from sgddiff_batch.core.scene import Scene, SceneProfile

TEXT = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner, max_size=3)
)
MEMBERS = st.builds(Member, TEXT, TEXT, TEXT, TEXT, st.none() | TEXT)
AREAS = st.builds(AreaOrigin, TEXT, TEXT, TEXT, TEXT, st.lists(MEMBERS, max_size=4).map(tuple))
STRETCHES = st.builds(lambda low, size: Stretch(low, low + size), st.integers(-99, 99), st.integers(1, 99))
PROVENANCES = st.builds(
    Provenance,
    mosaic_id=TEXT,
    version=TEXT,
    pixel_settings=st.dictionaries(TEXT, JSON, max_size=3),
    source_uri=TEXT,
    size_bytes=st.integers(0, 2**50),
    bands=st.lists(st.integers(1, 12), max_size=3).map(tuple),
    stretch=st.none() | STRETCHES,
    inverted=st.none() | st.booleans(),
    mask_rule=st.none() | TEXT,
    notes=st.lists(TEXT, max_size=3).map(tuple),
    area=st.none() | AREAS,
    run_key=TEXT,
    run_id=TEXT,
    software=st.dictionaries(TEXT, TEXT, max_size=3),
    created=TEXT,
)

SCENE_JSON = (
    '{"bands":[3,2,1],"created":"2026-11-20T01:00:00+00:00","inverted":true,"mask_rule":"nodata",'
    '"notes":["no CRS"],"pixel_settings":{"model":{"digest":"abc"},"overlap_px":64,"pixels_version":4,'
    '"tile_px":576},"run_id":"r","run_key":"0123456789ab","scene_id":"a%20b.tif","software":{"zarr":"3.1"},'
    '"source_size_bytes":12,"source_uri":"s3://b/a b.tif","source_version":"00ff","stretch":[0.0,250.5]}'
)
AREA_JSON = (
    '{"area":{"cell":"x1y2","name":"city","period":"2026-01","time":"a/b"},"bands":[],"created":"c","notes":[],'
    '"pixel_settings":{"area":{"rule":"max"},"model":null,"overlap_px":0,"tile_px":512},"run_id":"r",'
    '"run_key":"k","scene_id":"2026-01/x1y2","scenes":[{"created":"c","id":"a.tif","model_digest":null,'
    '"store":"a.tif/v-k.zarr","time":"a/a"}],"software":{},"source_size_bytes":0,"source_uri":"",'
    '"source_version":"v","stretch":null}'
)


def without(text: str, *names: str) -> str:
    return canonical_json({name: value for name, value in json.loads(text).items() if name not in names})


@given(PROVENANCES)
def test_what_is_written_is_read_again(provenance):
    tree = json.loads(json.dumps(provenance.to_json()))
    assert parse_provenance(tree) == provenance
    assert parse_provenance(tree, partial=True) == provenance


@pytest.mark.parametrize(
    "stored",
    [
        SCENE_JSON,
        AREA_JSON,
        without(SCENE_JSON, "mask_rule"),
        without(SCENE_JSON, "mask_rule", "inverted"),
        SCENE_JSON.replace("[0.0,250.5]", "null"),
        SCENE_JSON.replace('"pixels_version":4,', ""),
    ],
)
def test_what_this_and_older_versions_stored_stays_byte_for_byte(stored):
    assert canonical_json(parse_provenance(json.loads(stored)).to_json()) == stored


def test_a_newer_versions_names_are_passed_over():
    tree = json.loads(SCENE_JSON)
    assert parse_provenance(tree | {"cloud_share": 0.1}) == parse_provenance(tree)


def test_a_root_without_a_pixels_version_is_of_the_first_and_an_areas_has_none():
    assert parse_provenance(json.loads(SCENE_JSON)).pixels_version == 4
    assert parse_provenance(json.loads(SCENE_JSON.replace('"pixels_version":4,', ""))).pixels_version == 1
    assert parse_provenance(json.loads(AREA_JSON)).pixels_version is None


def test_the_model_is_told_where_there_is_one():
    assert parse_provenance(json.loads(SCENE_JSON)).model_digest == "abc"
    assert parse_provenance(json.loads(AREA_JSON)).model_digest is None
    for settings in ({}, {"model": 5}, {"model": {}}, {"model": {"digest": ""}}):
        assert Provenance("a", "v", settings).model_digest is None


WRONG = {
    "scene_id": 5,
    "source_uri": None,
    "source_version": ["v"],
    "source_size_bytes": "many",
    "bands": [1, "two"],
    "stretch": [2.0, 1.0],
    "notes": [{}],
    "pixel_settings": [],
    "software": "zarr",
    "scenes": [{"store": "no id"}],
}


@pytest.mark.parametrize("name", WRONG)
def test_what_has_the_wrong_type_is_refused_by_name_or_not_known(name):
    tree = json.loads(SCENE_JSON) | {name: WRONG[name]}
    with pytest.raises(ValueError, match=f"no good {name}"):
        parse_provenance(tree)
    known = parse_provenance({key: value for key, value in tree.items() if key != name}, partial=True)
    assert parse_provenance(tree, partial=True) == known


@pytest.mark.parametrize("name", ["scene_id", "source_version", "bands", "stretch", "pixel_settings"])
def test_what_was_always_written_must_be_there(name):
    with pytest.raises(ValueError, match=f"no {name}"):
        parse_provenance(json.loads(without(SCENE_JSON, name)))


@pytest.mark.parametrize("tree", [None, 5, [], "text"])
def test_what_is_no_object_is_refused_or_nothing(tree):
    with pytest.raises(ValueError, match="must be a JSON object"):
        parse_provenance(tree)
    assert parse_provenance(tree, partial=True) == Provenance("", "", {})


def test_a_scenes_provenance_has_no_secret_and_gives_the_scene_back():
    scene = Scene("a.tif", "https://user:word@host/a.tif?sig=secret", "v1", 7)
    profile = SceneProfile(
        Grid(3, 4), (1, 1, 1), "uint8", 1, Stretch(0, 9), inverted=True, mask=Mask("alpha", 4)
    )
    made = scene_provenance(
        scene, profile, {"tile_px": 576}, run_key="k", run_id="r", software={}, created="c"
    )
    assert made.scene == replace(scene, uri="https://host/a.tif")
    assert (made.bands, made.stretch, made.inverted, made.mask_rule) == (
        (1, 1, 1),
        Stretch(0, 9),
        True,
        "alpha",
    )
