"""Storage far away: the memory of this process, that waits before each answer as a server does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

from sgddiff_batch.core.schemes import SCHEMES
from tests.kit.memory import MemoryBackend

ROW = ("far", "tests.kit.far:FarBackend")
_REQUESTS = (
    *("read", "read_part", "read_versioned", "read_many", "stat", "listed", "find", "entries", "files_in"),
    *("write", "put", "delete", "delete_tree"),
)
"""What is a request. GDAL's name of an object is none: elsewhere GDAL asks by itself."""


class FarBackend(MemoryBackend):
    """As memory, and each call is a request of ``latency_s``."""

    scheme: ClassVar[str] = "far"
    over_network: ClassVar[bool] = True
    latency_s: ClassVar[float] = 0.0


_ASKING = threading.local()


def _waiting(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a verb that waits once, whatever other verbs it is made of."""

    def asked(*given: Any, **options: Any) -> Any:
        if getattr(_ASKING, "now", False):
            return call(*given, **options)
        time.sleep(FarBackend.latency_s)
        _ASKING.now = True
        try:
            return call(*given, **options)
        finally:
            _ASKING.now = False

    return asked


def _named(call: Callable[..., str]) -> Callable[..., str]:
    def named(*given: Any) -> str:
        _ASKING.now = True
        try:
            return call(*given)
        finally:
            _ASKING.now = False

    return named


FarBackend.gdal_path = _named(MemoryBackend.gdal_path)  # type: ignore[method-assign]
for _name in _REQUESTS:
    setattr(FarBackend, _name, _waiting(getattr(MemoryBackend, _name)))


@contextmanager
def far_away(latency_s: float) -> Iterator[None]:
    """Let there be ``far://`` with so long a way."""
    with patch.dict(SCHEMES, [ROW]), patch.object(FarBackend, "latency_s", latency_s):
        yield
