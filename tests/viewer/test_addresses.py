from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.viewer.addresses import NotServedError, address_of, is_of_a_store, object_key, store_key


def test_an_address_is_decoded_once():
    assert address_of("/output/a%2520b/c%C3%A9").parts == ("output", "a%20b", "cé")
    assert address_of("/scene/s3%3A%2F%2Fb%2Fk.tif").parts == ("scene", "s3://b/k.tif")
    assert address_of("/api/explain?store=a%2Fb&row=1&col=").query == {"store": "a/b", "row": "1", "col": ""}
    assert address_of("/?").parts == ("",)


@pytest.mark.parametrize(
    "target", ["*", "http://127.0.0.1/a", "/a%", "/a%2", "/%zz", "/a%00b", "/%ff", "/a?b=1&b=2", "/a?b=%ff"]
)
def test_what_cannot_be_decoded_is_nothing(target):
    with pytest.raises(NotServedError):
        address_of(target)


def test_a_query_of_many_fields_is_nothing():
    with pytest.raises(NotServedError, match="decoded"):
        address_of("/a?" + "&".join(f"f{number}=1" for number in range(1000)))


@pytest.mark.parametrize(
    "key",
    [
        "catalogue.parquet",
        "objects.parquet",
        "collection.json",
        "a.tif/1-2.zarr/zarr.json",
        "deep/in/a b.tif/1-2.zarr/0/saliency/c/0/0",
        "_areas/monthly/catalogue.parquet",
        "_areas/monthly/cell/2026-01/1-2.zarr/zarr.json",
    ],
)
def test_what_viewers_read_of_an_output_is_an_object(key):
    assert object_key(tuple(key.split("/"))) == key


@pytest.mark.parametrize(
    "parts",
    [
        (),
        ("",),
        ("..", "secret"),
        ("a.zarr", "..", "..", "x.zarr", "zarr.json"),
        ("a", "b.zarr", "..", "zarr.json"),
        ("a", "b.zarr", ""),
        ("a", "b.zarr"),
        ("b.zarr", "zarr.json"),
        ("a", "b.zarr", "../../secret"),
        ("a", "b.zarr", "..\\secret"),
        ("", "etc", "b.zarr", "passwd"),
        ("_ledger", "scenes", "a.json"),
        ("_ledger", "x.zarr", "zarr.json"),
        ("_catalogue", "current.json"),
        ("_areas", "monthly", "_ledger", "x.zarr", "zarr.json"),
        ("_areas", "..", "_ledger", "x.zarr", "zarr.json"),
        ("_areas",),
        ("_areas", "catalogue.parquet"),
        ("report-1.json",),
        ("catalogue.parquet", "x"),
    ],
)
def test_nothing_else_of_an_output_is(parts):
    with pytest.raises(NotServedError):
        object_key(parts)


def test_a_store_is_named_below_its_output():
    assert store_key("a/b.tif/1-2.zarr") == "a/b.tif/1-2.zarr"
    for path in (
        "",
        "a",
        "/a/b.zarr",
        "../a/b.zarr",
        "a/../b.zarr",
        "_ledger/a.zarr",
        "a\0/b.zarr",
        "s3://b/c.zarr",
    ):
        with pytest.raises(NotServedError):
            store_key(path)


def test_objects_of_a_mosaic_are_told_from_files_that_change():
    assert is_of_a_store("a/b.zarr/zarr.json")
    assert not is_of_a_store("catalogue.parquet")


PIECES = st.sampled_from(
    ["..", ".", "", "a", "%2e%2e", "%2f", "x.zarr", "_ledger", "_areas", "catalogue.parquet", "%"]
)


@given(st.lists(PIECES | st.text(max_size=4), max_size=7))
def test_no_address_leads_to_a_key_out_of_what_is_shown(pieces):
    try:
        key = object_key(address_of("/" + "/".join(pieces)).parts)
    except NotServedError:
        return
    parts = key.split("/")
    assert not {"", ".", ".."} & set(parts)
    assert parts[0] in ("_areas", "catalogue.parquet") or not parts[0].startswith("_")
    assert "_ledger" not in (parts[2:3] if parts[0] == "_areas" else parts[:1])
