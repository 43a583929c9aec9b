"""The ledger of ids: which object each region of a mosaic is, told once and never again.

_objects/ids/<settings>/current.json         the pointer: the state, and the sightings of each publish
_objects/ids/<settings>/state-*.parquet      all objects after a publish; the newest alone is kept
_objects/ids/<settings>/sightings-*.parquet  what a publish told of the regions of its mosaics; never changes

A publish is one flip of the pointer, after its files are there. Ids are of mosaics: readers are shown those
of the catalogue's generation, so that a rollback of that rolls objects back, and changes no id.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sgddiff_batch.core.fingerprint import bytes_digest, digest
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.errors import FatalError, RetryableError
from sgddiff_batch.io.arrow import parquet_bytes, parquet_of
from sgddiff_batch.io.objects.id_state import IdState, SceneKey, decode_state, empty_state
from sgddiff_batch.io.objects.matching import SIGHTINGS, NewScene, matched
from sgddiff_batch.io.objects.parts import FORMAT
from sgddiff_batch.io.storage import Store, flip

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

    def publish(self, wanted: Sequence[SceneKey], opened: OpenScenes) -> tuple[IdState, list[SceneKey]]:
        """Match the objects of those mosaics that are new; return what is known after that, and all keys.

        The key of a mosaic that was made again, with other outlines, is another one: its objects are matched
        as those of a further mosaic. opened: returns the new ones with their objects. Killed at any moment,
        all of a publish happens or nothing; of two at once the second one goes on from what the first told.

        Raises:
            FatalError: if the ledger is damaged: ids would not be what they were.
            ConfigError, RetryableError: as the store does.
        """
        for _ in range(_ATTEMPTS):
            pointer = self._pointer()
            state = self._state(pointer)
            if state is None:
                continue
            told = {one.store: one.content for one in state.scenes}
            keys = [one if told.get(one.store) in (None, "", one.content) else one.again() for one in wanted]
            new = [key for key in keys if key.store not in told]
            if not new:
                return state, keys
            after, sightings = self._matched(state, opened(sorted(new, key=lambda one: one.order)))
            if self._flip(pointer, after, sightings):
                if pointer.state is not None:
                    self._store.delete(f"{self._folder}/{pointer.state[0]}")
                return after, keys
        raise RetryableError(f"the ids of {self._store.uri} were told by others {_ATTEMPTS} times; run again")

    def state(self) -> IdState:
        """Return what is known of all objects.

        Raises:
            FatalError: if the ledger is damaged.
        """
        for _ in range(_ATTEMPTS):
            state = self._state(self._pointer())
            if state is not None:
                return state
        raise RetryableError(f"the ids of {self._store.uri} were told by others {_ATTEMPTS} times; try again")

    def sightings(self, stores: Iterable[str] | None = None) -> pa.Table:
        """Return the rows of SIGHTINGS of some mosaics, each of which has some; None: of all.

        Files are read from the newest on, until those of all are found.

        Raises:
            FatalError: if one of the files is damaged.
        """
        left, parts = None if stores is None else set(stores), [SIGHTINGS.empty_table()]
        for file in reversed(self._pointer().sightings):
            if left is not None and not left:
                break
            try:
                table = self._read(file, lambda rows: rows.cast(SIGHTINGS))
            except FileNotFoundError as error:
                raise FatalError(f"{self._store.uri}: {error}: ids are not known") from None
            if left is not None:
                names = table["store"].cast(pa.string())
                table = table.filter(pc.is_in(names, value_set=pa.array(sorted(left), pa.string())))
                left -= set(table["store"].unique().to_pylist())
            parts.append(table)
        return pa.concat_tables(parts).unify_dictionaries()

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

    def _read(self, file: tuple[str, str], decode: Callable[[pa.Table], Any]) -> Any:  # noqa: ANN401
        name, wanted = file
        key = f"{self._folder}/{name}"
        try:
            return decode(parquet_of(self._store.read(key), wanted))
        except FileNotFoundError:
            raise
        except _DAMAGED as error:
            raise FatalError(f"{key} in {self._store.uri} is damaged ({error}): ids are not known") from None

    def _flip(self, pointer: _Pointer, state: IdState, sightings: pa.Table) -> bool:
        number = len(pointer.sightings) + 1
        files = [self._written(f"state-{number:06d}", state.encode())]
        files.append(self._written(f"sightings-{number:06d}", parquet_bytes(sightings)))
        tree = {"state": files[0], "sightings": [*pointer.sightings, files[1]]}
        is_ours = flip(self._store, f"{self._folder}/current.json", tree, pointer.version)
        if not is_ours:
            for name, _ in files:
                self._store.delete(f"{self._folder}/{name}")
        return is_ours

    def _written(self, stem: str, data: bytes) -> tuple[str, str]:
        # No two writes share a name: one that was killed left what nobody names.
        name = f"{stem}-{uuid.uuid4().hex[:8]}.parquet"
        self._store.write(f"{self._folder}/{name}", data)
        return name, bytes_digest(data)


def _file(value: Sequence[str]) -> tuple[str, str]:
    name, wanted = value
    return str(name), str(wanted)
