"""Removal of all that lies below a path, in small parts: who may not go on is stopped between two of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from fsspec import AbstractFileSystem
from fsspec.asyn import sync

PART = 50
"""Objects removed by one call. One request to S3 takes 1000, but nothing stops it on its way."""


def remove_local(path: Path, check: Callable[[], None]) -> None:
    """Remove a folder with all that is in it, or a file; ``check`` is called before each part, and may raise.

    Links are removed, not followed. Raises what the file system raises; that nothing is there is no error.
    """
    if path.is_symlink() or path.is_file():
        _unlink([path], check)
    for name, folders, files in os.walk(path, topdown=False):
        folder = Path(name)
        links = [folder / below for below in folders if (folder / below).is_symlink()]
        _unlink([*links, *(folder / file for file in files)], check)
        with suppress(FileNotFoundError):
            folder.rmdir()


def _unlink(paths: Sequence[Path], check: Callable[[], None]) -> None:
    for start in range(0, len(paths), PART):
        check()
        for path in paths[start : start + PART]:
            path.unlink(missing_ok=True)


def remove_s3(filesystem: AbstractFileSystem, path: str, check: Callable[[], None]) -> None:
    """Remove the objects that are there now at a path and below it; ``check`` is as for local ones.

    What another writes there meanwhile under new names is not touched.
    """
    names = [name for name in filesystem.find(path) if name == path or name.startswith(f"{path}/")]
    for start in range(0, len(names), PART):
        check()
        # Not `rm`: it takes brackets in a name for a pattern, and may remove what is not below.
        sync(filesystem.loop, filesystem._bulk_delete, names[start : start + PART])
