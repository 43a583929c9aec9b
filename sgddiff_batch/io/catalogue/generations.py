"""The archive catalogue: all current mosaics of an output in one file, replaced as a whole.

_catalogue/generations/<number>-<run id>-<write>.parquet   one version of the catalogue; never changes
_catalogue/current.json                                    the pointer: which is current, and which are kept
catalogue.parquet, collection.json                         copies of the current one, for readers of files
_stac/                                                     static Items and pages, where they are asked for

The pointer is the truth. It flips in one conditional write after all that it names is there, so that a reader
sees the old catalogue or the new one; each copy follows by one put of a whole object.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Set
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from sgddiff_batch.core.generations import (
    Generation,
    Pointer,
    next_number,
    pointer_of,
    published,
    tree_of,
)
from sgddiff_batch.errors import FatalError, RetryableError
from sgddiff_batch.io.catalogue.files import Encoded
from sgddiff_batch.io.catalogue.objects import (
    CATALOGUE,
    read_file,
    read_generation,
    write_generation,
    write_link,
)
from sgddiff_batch.io.catalogue.schema import LEAN
from sgddiff_batch.io.catalogue.static import with_items
from sgddiff_batch.io.catalogue.update import COMPARED, MakesObjects, PublishContext, is_current, updated
from sgddiff_batch.io.storage import Store, flip
from sgddiff_batch.protocols import SceneRecord

log = logging.getLogger(__name__)

POINTER = f"{CATALOGUE}/current.json"
KEEP_GENERATIONS = 7

_ATTEMPTS = 5


def publish(
    store: Store,
    records: Mapping[str, SceneRecord],
    withdrawn: Set[str],
    context: PublishContext,
    keep: int = KEEP_GENERATIONS,
    *,
    is_over: bool = True,
    objects: MakesObjects | None = None,
) -> Generation | None:
    """Publish the current mosaics of all records but the withdrawn ones, as a new generation.

    Returns None where nothing differs from the newest generation; so a rollback stays until something new is
    finished. ``is_over``: the run has ended; while it goes on, readers stay where a rollback turned them, and
    None is returned, too. The run's earlier generation gives way to this one. Only mosaics that the newest
    one does not have are opened. A mosaic whose store is gone or not complete is left out with a warning.
    A generation of a former version, or one that lacks the Items that are asked for, is published anew
    though nothing differs, unless readers are turned back.

    objects: makes those of the generation, before the flip; None, and while the run goes on, those of before
    stay. Where nothing but they is missing, they are made of the current generation, which stays.

    Either all of this happens or, killed at any moment, nothing that a reader sees.

    Raises:
        FatalError: if the pointer is damaged.
        ConfigError, RetryableError: as the store does.
    """
    objects = objects if is_over else None
    for _ in range(_ATTEMPTS):
        pointer, version = _versioned_pointer(store)
        if pointer is not None and pointer.is_turned_back and not is_over:
            log.info("the catalogue was turned back to generation %d, and stays so for now", pointer.current)
            return None
        rows = _changed(store, pointer, records, withdrawn, context)
        if rows is None:
            assert pointer is not None, "nothing differs from a generation"
            turned = _with_objects(store, pointer, objects)
        else:
            turned = published(pointer, _written(store, pointer, rows, context.run_id, objects), keep)
        if _turned(store, pointer, turned, version):
            return None if rows is None else turned.generation
        # Its file stays: if only the reply was lost, it is current now. If not, gc removes it.
    raise RetryableError(f"the catalogue of {store.uri} was changed by others {_ATTEMPTS} times; run again")


def _changed(
    store: Store,
    pointer: Pointer | None,
    records: Mapping[str, SceneRecord],
    withdrawn: Set[str],
    context: PublishContext,
) -> pa.Table | None:
    """Return the rows of a new generation; None where there is one, and nothing differs from the newest."""
    newest = _newest(store, pointer)
    # First the few columns that tell: of a million rows all of them take a gigabyte.
    if pointer is not None and newest and _is_current(newest, pointer, records, withdrawn, context):
        return None
    before = newest.table(LEAN.names) if newest else LEAN.empty_table()
    after = updated(store, before, records, withdrawn, context)
    after = with_items(store, after, wanted=context.stac)
    is_same = newest is not None and not newest.is_former and after.equals(before)
    return None if is_same else after


def _written(
    store: Store, pointer: Pointer | None, rows: pa.Table, run_id: str, objects: MakesObjects | None
) -> Generation:
    """Write a generation that nobody sees yet, with its objects, or those of before."""
    before = None if pointer is None else pointer.newest.objects
    if pointer is not None and pointer.is_turned_back:
        log.warning("the catalogue was at generation %d by a rollback; it goes on", pointer.current)
    new = write_generation(store, rows, next_number(pointer), run_id)
    made = None if objects is None else objects.make(rows, new.digest, before)
    # Where no mosaic is shown, no object may be: an area that was withdrawn.
    return replace(new, objects=made or (before if rows.num_rows else None))


def draw_objects(store: Store, objects: MakesObjects) -> Generation:
    """Make the objects of the current generation, and return it with them; raises as :func:`rollback`."""
    return _change(store, lambda pointer: _with_objects(store, pointer, objects)).generation


def _with_objects(store: Store, pointer: Pointer, objects: MakesObjects | None) -> Pointer:
    """Return the pointer with the objects that the current generation lacks, which are made."""
    current = pointer.generation
    if objects is None or objects.is_made(current):
        return pointer
    rows = read_generation(store, current, objects.columns)
    made = objects.make(rows, current.digest, current.objects)
    return pointer if made is None else pointer.with_objects(made)


def _is_current(
    newest: Encoded,
    pointer: Pointer,
    records: Mapping[str, SceneRecord],
    withdrawn: Set[str],
    context: PublishContext,
) -> bool:
    """Whether there is nothing to publish. Its form alone is no reason to end an operator's rollback."""
    if newest.is_former and not pointer.is_turned_back:
        return False
    stac = None if pointer.is_turned_back else context.stac
    return is_current(newest.parts(COMPARED), records, withdrawn, context, stac=stac)


def read_pointer(store: Store) -> Pointer | None:
    """Return the pointer, or None where no catalogue was ever published.

    Raises:
        FatalError: if it is damaged.
    """
    return _versioned_pointer(store)[0]


def read_catalogue(
    store: Store, generation: int | None = None, columns: list[str] | None = None
) -> pa.Table | None:
    """Return the rows that :func:`read_published` does, one a mosaic, sorted by id."""
    found = read_published(store, generation, columns)
    return None if found is None else found[1]


def read_published(
    store: Store, generation: int | None = None, columns: list[str] | None = None
) -> tuple[Generation, pa.Table] | None:
    """Return the current generation, or a kept one, with its rows; None where nothing was ever published.

    Raises:
        FatalError: if the pointer or the file is damaged.
        ValueError: if that generation is not kept.
    """
    missing: Exception | None = None
    for _ in range(_ATTEMPTS):
        pointer = read_pointer(store)
        if pointer is None:
            return None
        chosen = pointer.generation if generation is None else pointer.find(generation)
        try:
            return chosen, read_generation(store, chosen, columns)
        except FileNotFoundError as error:
            missing = error  # removed after the pointer was read: it names others now
    raise FatalError(f"{POINTER} in {store.uri} names a file that is not there: {missing}")


def rollback(store: Store, to: int | None = None) -> Pointer:
    """Turn the catalogue to a kept generation (None: the one before the current) and return the pointer.

    Raises:
        ValueError: if there is no such generation, or no catalogue.
        FatalError: if its file is damaged or gone: the catalogue stays as it is.
    """

    def turn(pointer: Pointer) -> Pointer:
        turned = pointer.turned_to(to)
        try:
            read_generation(store, turned.generation, ["id"])
        except FileNotFoundError as error:
            raise FatalError(f"generation {turned.current} cannot be turned to: {error}") from None
        return turned

    return _change(store, turn)


def drop_mosaics(store: Store, stores: Set[str]) -> Pointer | None:
    """Take mosaics out of all kept generations, so that no rollback brings them back; return the pointer.

    Generations that name one are written anew without it, the pointer names the new files in one write, and
    the files that held them go. None where there is no catalogue.
    """

    def without(pointer: Pointer) -> Pointer:
        return replace(pointer, kept=tuple(_without(store, one, stores) for one in pointer.kept))

    before = read_pointer(store)
    if before is None:
        return None
    after = _change(store, without)
    for file in {one.file for one in before.kept} - {one.file for one in after.kept}:
        store.delete(f"{CATALOGUE}/{file}")
    return after


def _without(store: Store, generation: Generation, stores: Set[str]) -> Generation:
    encoded = read_file(store, generation)
    named = pc.is_in(encoded.table(["store"])["store"], value_set=pa.array(sorted(stores), pa.string()))
    if not pc.any(named).as_py():
        return generation
    table = encoded.table(LEAN.names).filter(pc.invert(named))
    anew = write_generation(store, table, generation.number, generation.run_id)
    # Of objects nothing is known then: those of what was taken out must not come back.
    return replace(generation, file=anew.file, digest=anew.digest, rows=anew.rows, objects=None)


def _change(store: Store, change: Callable[[Pointer], Pointer]) -> Pointer:
    for _ in range(_ATTEMPTS):
        pointer, version = _versioned_pointer(store)
        if pointer is None:
            raise ValueError(f"{store.uri} has no catalogue: no run has published there")
        changed = change(pointer)
        if _turned(store, pointer, changed, version):
            return changed
    raise RetryableError(f"the catalogue of {store.uri} was changed by others {_ATTEMPTS} times; try again")


def _versioned_pointer(store: Store) -> tuple[Pointer | None, str | None]:
    try:
        found = store.read_versioned(POINTER)
    except FileNotFoundError:
        return None, None
    try:
        return pointer_of(json.loads(found.data)), found.version
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FatalError(
            f"{POINTER} in {store.uri} is damaged ({error}); remove it, and the next run publishes anew"
        ) from None


def _turned(store: Store, before: Pointer | None, after: Pointer, version: str | None) -> bool:
    """Replace the pointer, if it is still of that version, and then the copies; return whether it was."""
    is_done = after == before or flip(store, POINTER, tree_of(after), version)
    if is_done:
        write_link(store, after.generation)
    return is_done


def _newest(store: Store, pointer: Pointer | None) -> Encoded | None:
    """Return the newest generation; None where it is lost: all that it said is in the ledger."""
    if pointer is None:
        return None
    try:
        return read_file(store, pointer.newest)
    except (FileNotFoundError, FatalError) as error:
        log.warning("the catalogue is built anew from the ledger: %s", error)
        return None
