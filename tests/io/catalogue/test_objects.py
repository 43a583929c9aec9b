"""The copies at the root are those of the current generation; what a generation names is known."""

from __future__ import annotations

import json

import pytest

from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.catalogue.generations import read_catalogue, read_pointer
from sgddiff_batch.io.catalogue.objects import named_by, read_file, write_link
from sgddiff_batch.io.catalogue.update import PublishContext
from sgddiff_batch.io.storage.store import open_store
from tests.io.catalogue.former_examples import put_former
from tests.io.catalogue_examples import dying_store, finish, publish_all, store_of


@pytest.fixture
def store(tmp_path):
    """An output with one generation of one mosaic, which has an Item."""
    store = open_store(str(tmp_path))
    finish(store, "a.tif")
    publish_all(store, PublishContext("run", stac=True))
    return store


def test_a_generation_names_its_mosaics_items_and_pages(store):
    named = named_by(store, read_pointer(store).generation)
    assert named.stores == {store_of("a.tif")}
    assert named.static == set(store.keys("_stac"))


def test_a_former_generation_names_mosaics_alone(store):
    former = put_former(store, read_catalogue(store))
    assert named_by(store, former).static == frozenset()
    assert named_by(store, former).stores == {store_of("a.tif")}


def test_the_collection_says_the_bytes_of_the_copy(store):
    asset = json.loads(store.read("collection.json"))["assets"]["catalogue"]
    assert asset["file:size"] == len(store.read("catalogue.parquet"))
    assert asset["file:checksum"] == f"1220{read_pointer(store).generation.digest}"


def test_copies_that_are_those_of_a_generation_are_not_written_again(store):
    counting = dying_store(store.root)
    write_link(counting, read_pointer(store).generation)
    assert counting.changes == []


def test_copies_of_a_version_that_knew_no_collection_get_one(store):
    generation = read_pointer(store).generation
    store.delete("collection.json")
    store.write("_catalogue/linked.json", json.dumps({"digest": generation.digest}).encode())
    write_link(store, generation)
    assert json.loads(store.read("collection.json"))["id"] == "saliency"


def test_a_damaged_file_is_refused_and_a_sound_one_is_had_whole(store):
    generation = read_pointer(store).generation
    assert read_file(store, generation).table().equals(read_catalogue(store))
    store.write(f"_catalogue/{generation.file}", b"damaged")
    with pytest.raises(FatalError, match="is damaged"):
        read_file(store, generation)
