"""The ledger of ids: which object each region of a mosaic is, told once and never again.

_objects/ids/<settings>/current.json         the pointer: the state, and the sightings of each publish
_objects/ids/<settings>/state-*.parquet      all objects after a publish; the newest alone is kept
_objects/ids/<settings>/sightings-*.parquet  what a publish told of the regions of its mosaics; never changes

A publish is one flip of the pointer, after its files are there. Ids are of mosaics: readers are shown those
of the catalogue's generation, so that a rollback of that rolls objects back, and changes no id.
"""

from __future__ import annotations

import io
import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sgddiff_batch.core.fingerprint import bytes_digest, digest
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.errors import FatalError, RetryableError
from sgddiff_batch.io.objects.id_state import IdState, SceneKey, decode_state, empty_state
from sgddiff_batch.io.objects.matching import SIGHTINGS, NewScene, matched
from sgddiff_batch.io.objects.parts import FORMAT
from sgddiff_batch.io.storage import Store

log = logging.getLogger(__name__)

IDS = "_objects/ids"

_ATTEMPTS = 5
_REGIONS_TOGETHER = 100_000
"""New regions that are matched at once: scenes are a fold, so that how they are cut changes nothing."""
_DAMAGED = (ValueError, KeyError, TypeError, OSError, pa.ArrowException, RecursionError)

OpenScenes = Callable[[Sequence[SceneKey]], Iterator[NewScene]]


@dataclass(frozen=True, slots=True)
class _Pointer:
    """``state`` and each of ``sightings``: a file and the hex SHA-256 of its bytes."""

    state: tuple[str, str] | None
    sightings: tuple[tuple[str, str], ...]
    version: str | None


class IdLedger:
    """The ids of the objects of an output, of certain settings and the format of parts."""

    def __init__(self, store: Store, settings: ObjectSettings, least_iou: float) -> None:
        self._store, self._least_iou = store, least_iou
        self._folder = f"{IDS}/{digest([FORMAT, settings.to_json(), least_iou])[:12]}"

    @property
    def uri(self) -> str:
        """The folder of it."""
        return self._store.uri_of(self._folder)

    def publish(self, wanted: Sequence[SceneKey], opened: OpenScenes) -> IdState:
        """Match the objects of those mosaics that are new, and return what is known after that.

        opened: returns these with their objects. Killed at any moment, all of a publish happens or nothing;
        of two at once the second one goes on from what the first one told.

        Raises:
            FatalError: if the ledger is damaged: ids would not be what they were.
            ConfigError, RetryableError: as the store does.
        """
        for _ in range(_ATTEMPTS):
            pointer = self._pointer()
            state = self._state(pointer)
            if state is None:
                continue
            told = {one.store for one in state.scenes}
            new = [one for one in wanted if one.store not in told]
            if not new:
                return state
            after, sightings = self._matched(state, opened(sorted(new, key=lambda one: one.order)))
            if self._flip(pointer, after, sightings):
                if pointer.state is not None:
                    self._store.delete(f"{self._folder}/{pointer.state[0]}")
                return after
        raise RetryableError(f"the ids of {self._store.uri} were told by others {_ATTEMPTS} times; run again")

    def sightings(self) -> pa.Table:
        """Return all rows of SIGHTINGS that were ever told.

        Raises:
            FatalError: if one of the files is damaged.
        """
        try:
            parts = [self._read(file, _sightings_of) for file in self._pointer().sightings]
        except FileNotFoundError as error:
            raise FatalError(f"{self._store.uri}: {error}: ids are not known") from None
        return pa.concat_tables(parts) if parts else SIGHTINGS.empty_table()

    def _matched(self, state: IdState, scenes: Iterator[NewScene]) -> tuple[IdState, pa.Table]:
        """Match scenes, given in their order, so many at a time that their outlines fit into memory."""
        told, some, regions = [SIGHTINGS.empty_table()], [], 0
        for scene in scenes:
            some.append(scene)
            regions += len(scene.ids)
            if regions >= _REGIONS_TOGETHER:
                state, sightings = matched(state, some, self._least_iou)
                told.append(sightings)
                some, regions = [], 0
        if some:
            state, sightings = matched(state, some, self._least_iou)
            told.append(sightings)
        return state.in_order(), pa.concat_tables(told).unify_dictionaries()

    def _state(self, pointer: _Pointer) -> IdState | None:
        """Return the state that a pointer names, None if another publish has taken it away meanwhile."""
        try:
            state: IdState = (
                empty_state() if pointer.state is None else self._read(pointer.state, decode_state)
            )
        except FileNotFoundError as error:
            if self._pointer().version != pointer.version:
                return None
            raise FatalError(f"{self._store.uri}: {error}: ids are not known") from None
        return state

    def _pointer(self) -> _Pointer:
        key = f"{self._folder}/current.json"
        try:
            found = self._store.read_versioned(key)
        except FileNotFoundError:
            return _Pointer(None, (), None)
        try:
            tree: Mapping[str, Any] = json.loads(found.data)
            state, sightings = _file(tree["state"]), tuple(map(_file, tree["sightings"]))
        except _DAMAGED as error:
            raise FatalError(f"{key} in {self._store.uri} is damaged ({error}): ids are not known") from None
        return _Pointer(state, sightings, found.version)

    def _read(self, file: tuple[str, str], decode: Callable[[bytes], Any]) -> Any:  # noqa: ANN401
        name, wanted = file
        key = f"{self._folder}/{name}"
        try:
            data = self._store.read(key)
            if bytes_digest(data) != wanted:
                raise ValueError("it is not what was written")
            return decode(data)
        except FileNotFoundError:
            raise
        except _DAMAGED as error:
            raise FatalError(f"{key} in {self._store.uri} is damaged ({error}): ids are not known") from None

    def _flip(self, pointer: _Pointer, state: IdState, sightings: pa.Table) -> bool:
        number = len(pointer.sightings) + 1
        files = [self._written(f"state-{number:06d}", state.encode())]
        files.append(self._written(f"sightings-{number:06d}", _encoded(sightings)))
        tree = {
            "state": files[0],
            "sightings": [*pointer.sightings, files[1]],
            # What tells this write from everybody else's, should its reply be lost.
            "write_id": uuid.uuid4().hex,
        }
        data, key = json.dumps(tree, indent=1).encode(), f"{self._folder}/current.json"
        if pointer.version is None:
            written = self._store.create(key, data)
        else:
            written = self._store.replace(key, data, pointer.version)
        if written is None:
            for name, _ in files:
                self._store.delete(f"{self._folder}/{name}")
        return written is not None

    def _written(self, stem: str, data: bytes) -> tuple[str, str]:
        # No two writes share a name: one that was killed left what nobody names.
        name = f"{stem}-{uuid.uuid4().hex[:8]}.parquet"
        self._store.write(f"{self._folder}/{name}", data)
        return name, bytes_digest(data)


def _file(value: Sequence[str]) -> tuple[str, str]:
    name, wanted = value
    return str(name), str(wanted)


def _encoded(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _sightings_of(data: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(data), use_threads=False).cast(SIGHTINGS)
