"""Conditional writes: an object is put only if it is absent, or only if nobody has changed it since.

How it is asked for is each backend's matter; whether it was done, where a reply is in doubt, is found out
here.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.storage.backend import Versioned
from sgddiff_batch.io.storage.errors import ConflictError, RefusedError

_PAUSES_S = (0.1, 0.3, 1.0)


def settled(
    put: Callable[[], str],
    read: Callable[[], Versioned],
    data: bytes,
    version: str | None,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Put under a condition until it is known whose write won; return the new version, None if another's.

    ``version`` is what the object has to have, None that it is absent; ``sleep`` waits. A reply may be lost
    on its way, and clients repeat a call by themselves: then the second try is refused because of the first.
    So after every doubt the object is read back, and is ours if it holds ``data``, which must have no other
    writer (a write id inside).

    Raises:
        RetryableError: if the store failed, and the object is as it was.
    """
    doubt: Exception | None = None
    for pause_s in (*_PAUSES_S, 0.0):
        try:
            return put()
        except (RefusedError, ConflictError, RetryableError) as error:
            doubt = error
        found = None
        with suppress(FileNotFoundError):
            found = read()
        if found is not None and found.data == data:
            return found.version
        if (None if found is None else found.version) != version:
            return None
        if isinstance(doubt, RetryableError):
            raise doubt
        sleep(pause_s)
    raise RetryableError("a conditional write was refused again and again, and the object is unchanged")


class _Conditional(Protocol):
    """What a store does."""

    def create(self, key: str, data: bytes) -> str | None: ...
    def replace(self, key: str, data: bytes, version: str) -> str | None: ...


def flip(store: _Conditional, key: str, tree: Mapping[str, object], version: str | None) -> bool:
    """Put a pointer, as JSON, if it still has ``version`` (None: there is none); say whether it had."""
    # What tells this write from everybody else's, should its reply be lost.
    data = json.dumps({**tree, "write_id": uuid.uuid4().hex}, indent=1).encode()
    put = store.create(key, data) if version is None else store.replace(key, data, version)
    return put is not None
