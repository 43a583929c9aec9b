"""The objects of a generation: its own file, and its copy and its Collection at the output's root.

_catalogue/generations/<number>-<run id>-<write>.parquet   one version of the catalogue; never changes
catalogue.parquet, collection.json                         copies of the current one, for readers of files
objects.parquet                                            a copy of its objects, if it has some
"""

from __future__ import annotations

import json
import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.generations import Generation, ObjectsFile
from sgddiff_batch.io.catalogue.collection import LINK, NEEDED, collection_of, with_file
from sgddiff_batch.io.catalogue.files import Encoded, decode, encode
from sgddiff_batch.io.catalogue.schema import ITEM
from sgddiff_batch.io.catalogue.stac_fields import COLLECTION
from sgddiff_batch.io.catalogue.static import write_pages
from sgddiff_batch.io.storage import Store

log = logging.getLogger(__name__)

CATALOGUE = "_catalogue"
GENERATIONS = f"{CATALOGUE}/generations"

OBJECTS = "objects.parquet"
"""Key of the copy of the file of all objects."""

_LINKED = f"{CATALOGUE}/linked.json"
"""Which digest the copies have: written after them, so that what a killed run left behind is seen."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a generation names below its output: mosaics by their paths, and the objects of static STAC."""

    stores: frozenset[str]
    static: frozenset[str]


def read_file(store: Store, generation: Generation) -> Encoded:
    """Return a generation as a file that was checked.

    Raises:
        FileNotFoundError: if it is gone.
        FatalError: if it is damaged.
    """
    key = f"{CATALOGUE}/{generation.file}"
    encoded = Encoded(store.read(key))
    encoded.check(f"{store.uri}/{key}", generation.digest)
    return encoded


def read_generation(store: Store, generation: Generation, columns: list[str] | None = None) -> pa.Table:
    """Return a generation, or some of its columns; of a former version's what it knew.

    Raises:
        FileNotFoundError: if its file is gone.
        FatalError: if that is damaged.
    """
    key = f"{CATALOGUE}/{generation.file}"
    return decode(store.read(key), f"{store.uri}/{key}", generation.digest, columns)


def write_generation(store: Store, table: pa.Table, number: int, run_id: str) -> Generation:
    """Write a lean table as a generation that nobody sees yet, with the pages of its Items if it has some."""
    collection = collection_of(table, store.uri, write_pages(store, table))
    data = encode(table, store.uri, collection)
    digest = bytes_digest(data)
    # No two writes share a name: what a killed one left is garbage, and may be removed at any moment.
    file = f"generations/{number:08d}-{run_id}-{uuid.uuid4().hex[:8]}.parquet"
    store.write(f"{CATALOGUE}/{file}", data)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Generation(number, file, digest, table.num_rows, run_id, created)


def write_link(store: Store, generation: Generation) -> None:
    """Make the copies at the output's root those of a generation, if they are not."""
    objects = generation.objects
    said: dict[str, str] = {"digest": generation.digest, "collection": COLLECTION}
    mark = json.dumps(said | ({} if objects is None else {"objects": objects.digest})).encode()
    linked = _linked(store)
    if linked == mark:
        return
    _link_objects(store, objects, linked)
    encoded = Encoded(store.read(f"{CATALOGUE}/{generation.file}"))
    found = encoded.collection or collection_of(encoded.table(NEEDED), store.uri)
    store.write(LINK, encoded.data)
    collection = with_file(found, len(encoded.data), generation.digest)
    store.write(COLLECTION, json.dumps(collection, indent=1, ensure_ascii=False).encode())
    store.write(_LINKED, mark)


def _linked(store: Store) -> bytes:
    try:
        return store.read(_LINKED)
    except FileNotFoundError:
        return b""


def _link_objects(store: Store, objects: ObjectsFile | None, linked: bytes) -> None:
    """Make the copy of the objects that of a generation; one of another must not be taken for its own."""
    if objects is not None:
        with suppress(FileNotFoundError):
            data = store.read(objects.file)
            if bytes_digest(data) == objects.digest:
                store.write(OBJECTS, data)
                return
        log.warning(
            "the objects of the current mosaics are lost; the next run, or sgddiff objects, makes them"
        )
    if objects is not None or b'"objects"' in linked:
        store.delete(OBJECTS)


def named_by(store: Store, generation: Generation) -> Named:
    """Return what a generation names, so that it stays as long as that is kept.

    Raises:
        FileNotFoundError: if its file is gone.
        FatalError: if it is damaged.
    """
    encoded = read_file(store, generation)
    table = encoded.table(["store", ITEM])
    links = (encoded.collection or {"links": []})["links"]
    pages = {link["href"].removeprefix("./") for link in links if link["rel"] == "child"}
    items = table[ITEM].drop_null().to_pylist()
    return Named(frozenset(table["store"].to_pylist()), frozenset(pages.union(items)))
