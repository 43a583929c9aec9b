"""Scenes: those that the current catalogue names, and no other file or object, by whatever URI."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.texts import TextSet
from sgddiff_batch.io.archive import is_scene
from sgddiff_batch.io.arrow import texts_of
from sgddiff_batch.io.catalogue import read_catalogue, read_pointer
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.viewer.addresses import NotServedError
from sgddiff_batch.viewer.served import Looks, ServedObject

_BELIEVED_S = 2.0
"""How long a scene stays served after the catalogue has let it go, and what was seen of it is believed."""


@dataclass
class _Seen:
    """The scenes of a generation, known by its digest, and when the pointer last said that it is current."""

    digest: str | None = None
    uris: TextSet = field(default_factory=lambda: TextSet(()))
    asked_s: float = -_BELIEVED_S


@dataclass(frozen=True, slots=True)
class CurrentScenes:
    """The scenes of an output's current mosaics; ``access`` is how their buckets are asked."""

    output: Store
    access: BucketAccess
    _looks: Looks = field(default_factory=Looks)
    _seen: _Seen = field(default_factory=_Seen)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, uri: str) -> ServedObject:
        """Return a scene as it is now.

        Raises:
            NotServedError: if no current mosaic is of it, or it is gone.
            ConfigError, FatalError, RetryableError: as the catalogue and stores do.
        """
        if not (is_scene(uri) and self._is_current(uri)):
            raise NotServedError("no current mosaic of this output is of that scene")
        return self._looks.at(open_store(uri, self.access), "", _BELIEVED_S)

    def _is_current(self, uri: str) -> bool:
        with self._lock:
            is_fresh = time.monotonic() - self._seen.asked_s < _BELIEVED_S
            if not (is_fresh and uri in self._seen.uris):
                self._ask()
            return uri in self._seen.uris

    def _ask(self) -> None:
        """Read the current generation, if it is another than the one that is known."""
        pointer = read_pointer(self.output)
        if pointer is None:
            self._seen.digest, self._seen.uris = None, TextSet(())
        elif pointer.generation.digest != self._seen.digest:
            table = read_catalogue(self.output, columns=["scene_uri"])
            self._seen.uris = TextSet(() if table is None else texts_of(table["scene_uri"]))
            self._seen.digest = pointer.generation.digest
        self._seen.asked_s = time.monotonic()
