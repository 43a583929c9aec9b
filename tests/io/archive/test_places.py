"""Places: what lists name, and what is told of the entries that name nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.archive.places import places_of


@pytest.mark.parametrize(
    "entry",
    [
        "s3://user:SECRET@host/a.tif",
        "S3://user:SECRET@bucket/a.tif",
        "https://host/a.tif?X-Amz-Signature=SECRET",
        "https://user:SECRET@host/a.tif",
        "gs://bucket/a.tif?sig=SECRET#x",
        "https://host/a?token=SECRET",
    ],
)
def test_what_a_list_names_wrongly_is_told_without_its_secrets(entry: str) -> None:
    places = places_of([entry], "/nowhere-at-all")
    assert len(places.missing) == 1
    assert "SECRET" not in repr(places)
    assert "a" in places.missing[0].path


@pytest.mark.parametrize("entry", ["s3://bucket//a.tif", "s3://bucket/d//a.tif", "s3://bucket/d/e///a.tif"])
def test_a_key_with_an_empty_part_is_told_and_not_lost(entry: str) -> None:
    (missing,) = places_of([entry], "/nowhere-at-all").missing
    assert "empty part" in missing.reason


@given(st.text(max_size=30))
def test_any_entry_ends_somewhere(entry: str) -> None:
    places = places_of([f"{entry}.tif"], "/nowhere-at-all")
    assert len(places.missing) + len(places.ignored) + len(places.names) == 1


@pytest.mark.parametrize(
    ("entry", "folder", "place", "name"),
    [
        ("d/./a.tif", "/lists", "/lists/d/a.tif", "d/a.tif"),
        ("../a.tif", "/lists", "/a.tif", "../a.tif"),
        ("/data//a.tif", "/lists", "/data/a.tif", "data/a.tif"),
        ("a.tif", "s3://b/lists", "s3://b/lists/a.tif", "a.tif"),
        ("../a%20b.tif", "s3://b/lists", "s3://b/a%20b.tif", "../a%20b.tif"),
        ("s3://c/d/a.tif", "/lists", "s3://c/d/a.tif", "c/d/a.tif"),
    ],
)
def test_an_entry_counts_from_the_folder_of_its_list(entry: str, folder: str, place: str, name: str) -> None:
    assert places_of([entry], folder).names == {place: name}


def test_an_entry_does_not_lead_out_of_the_bucket_of_its_list() -> None:
    places = places_of(["../../c/a.tif", "../b/a.tif"], "s3://b/lists")
    assert places.names == {"s3://b/b/a.tif": "../b/a.tif"}
    assert [file.reason for file in places.missing] == ["it leads out of the bucket of its list"]
