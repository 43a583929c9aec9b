"""What a row says beyond its mosaic: where its parts lie, and of which Collection it is."""

from __future__ import annotations

import pytest

from sgddiff_batch.io.catalogue.schema import SCHEMA
from sgddiff_batch.io.catalogue.stac_fields import collection_id, extension, stac_fields

ROW = {
    "id": "a b.tif",
    "store": "a b.tif/v-k.zarr",
    "scene_uri": "/data/scenes/a b.tif",
    "scene_version": "v",
    "run_key": "k",
    "model_digest": None,
}


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("s3://bucket/out", "saliency"),
        ("s3://bucket/out/_areas/monthly", "saliency-monthly"),
        ("/data/out/_areas/monthly/", "saliency-monthly"),
        ("/data/_areas/monthly/out", "saliency"),
    ],
)
def test_an_output_s_collection_is_named_by_its_area(uri, wanted):
    assert collection_id(uri) == wanted


def test_references_count_from_the_output_and_links_have_all_their_keys():
    fields = stac_fields(ROW, "/data/out")
    assert fields["assets"]["saliency"]["href"] == "./a%20b.tif/v-k.zarr"
    assert {link["rel"]: link["href"] for link in fields["links"]} == {
        "collection": "./collection.json",
        "store": "./a%20b.tif/v-k.zarr",
        "derived_from": "../scenes/a%20b.tif",
    }
    assert all(all(link[key] for key in ("href", "rel", "type", "title")) for link in fields["links"])


def test_the_lineage_names_the_model_where_it_is_known():
    assert stac_fields(ROW, "/out")["processing:lineage"] == "saliency, of version v of a b.tif; run key k"
    known = stac_fields(ROW | {"model_digest": "d"}, "/out")["processing:lineage"]
    assert known == "saliency by the model d, of version v of a b.tif; run key k"


def test_all_fields_are_columns():
    assert stac_fields(ROW, "/out").keys() <= set(SCHEMA.names)
    assert extension("zarr") == "https://stac-extensions.github.io/zarr/v1.1.0/schema.json"
