"""Places: what lists name, and what is told of the entries that name nothing."""

from __future__ import annotations

import pytest

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
