from __future__ import annotations

import json

from sgddiff_batch.io.storage import open_store
from sgddiff_batch.viewer.policy import Basemap
from sgddiff_batch.viewer.settings import ScenePlace, settings_json
from tests.viewer.site_examples import add_scene


def test_an_output_is_told_as_it_is_now(tmp_path):
    output = str(tmp_path / "out")
    add_scene(output, "a.tif", "s3://archive/a.tif")
    store = open_store(output)
    before = json.loads(settings_json(store, "out"))
    assert before == {
        "format_version": 1,
        "title": "out",
        "output": "output/",
        "catalogue": "catalogue.parquet",
        "objects": None,
        "areas": [],
        "scenes": [{"prefix": "", "href": "scene/{uri}"}],
        "explain": None,
        "basemap": None,
    }
    add_scene(f"{output}/_areas/monthly", "cell/2026-01", "")
    store.write("_areas/begun/_ledger/lease.json", b"{}")
    store.write("objects.parquet", b"PAR1")
    after = json.loads(settings_json(store, "out", explains=True))
    place = {"output": "output/_areas/monthly/", "path": "_areas/monthly/"}
    monthly = {"name": "monthly", **place, "objects": None}
    assert after == before | {
        "objects": "objects.parquet",
        "areas": [monthly],
        "explain": "api/explain",
    }
    store.write("_areas/monthly/objects.parquet", b"PAR1")
    assert json.loads(settings_json(store, "out"))["areas"] == [monthly | {"objects": "objects.parquet"}]


def test_a_static_page_is_told_other_places(tmp_path):
    places = [ScenePlace("s3://bucket/scenes/", "https://bucket.example/scenes/")]
    basemap = Basemap("https://host/{z}/{x}/{y}.png", "me")
    store = open_store(str(tmp_path))
    tree = json.loads(settings_json(store, "", basemap, output="https://bucket.example/out/", scenes=places))
    assert tree["output"] == "https://bucket.example/out/"
    assert tree["scenes"] == [{"prefix": places[0].prefix, "href": places[0].href}]
    assert tree["basemap"] == {"url": basemap.url, "attribution": "me"}
