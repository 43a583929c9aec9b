"""Files that are written whole or not at all, in place of an earlier one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in place of an earlier one; nothing else stays beside it.

    Raises:
        OSError: if it cannot be written; with the file's own name, and none that nobody has asked for.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
