"""The table of sources: each row names a class that is there, and rows do not claim the same names."""

from importlib import import_module

import pytest

from sgddiff_batch.core.source_kinds import SOURCE_KINDS, SourceKind, file_suffixes, is_web


@pytest.mark.parametrize("kind", SOURCE_KINDS)
def test_a_row_names_a_class_that_can_be_asked(kind):
    module, _, name = SOURCE_KINDS[kind].served_by.partition(":")
    served_by = getattr(import_module(module), name)
    assert callable(served_by.fits)
    assert callable(served_by.places)


@pytest.mark.parametrize("uri", ["http://h", "https://h/stac", "https://h:8080/x.json"])
def test_web_addresses_are_told(uri):
    assert is_web(uri)


@pytest.mark.parametrize("uri", ["s3://h/x", "/https://h", "https", "https:/h", "HTTPS://h", "", "file:///x"])
def test_what_else_there_is_is_no_web_address(uri):
    assert not is_web(uri)


def test_each_end_of_a_name_is_of_one_kind():
    suffixes = file_suffixes()
    assert len(set(suffixes)) == len(suffixes)
    assert {".txt", ".csv", ".parquet", ".json", ".geojson"} == set(suffixes)
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in suffixes)


def test_every_place_has_a_kind_and_every_kind_a_place():
    assert all(row.in_storage or row.on_web for row in SOURCE_KINDS.values())
    assert {kind for kind, row in SOURCE_KINDS.items() if row.on_web} == {"stac-api", "stac"}
    assert not SOURCE_KINDS["stac-api"].in_storage


def test_the_first_row_has_no_ends_of_its_own_for_it_fits_all_that_the_others_leave():
    assert next(iter(SOURCE_KINDS)) == "prefix"
    assert SOURCE_KINDS["prefix"].suffixes == ()


def test_a_kind_is_in_storage_and_not_on_the_web_unless_its_row_says_so():
    row = SourceKind("here:There")
    assert (row.suffixes, row.in_storage, row.on_web) == ((), True, False)
