"""Export: the current mosaics of an output in another format, those that are not there yet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sgddiff_batch.core.store_names import leads_below
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import ConfigError, FatalError, RetryableError
from sgddiff_batch.io.catalogue import MosaicEntry, instant, list_mosaics
from sgddiff_batch.io.mosaics import MARK_BYTES, Export, clear_up
from sgddiff_batch.io.storage import local_path, open_store

_OF_ONE = (FatalError, RetryableError, OSError, ValueError)
"""What says of one mosaic, or of the place of its file, that it cannot be exported; others go on."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of the export of a mosaic to a file, both URIs. ``reason``: why it failed, else None.

    ``scene_id`` is None of a mosaic that was named by its URI.
    """

    scene_id: str | None
    mosaic: str
    file: str
    state: Literal["written", "unchanged", "failed"]
    reason: str | None = None


def export_all(
    output_uri: str, folder_uri: str, export: Export, since_s: float | None = None
) -> Iterator[Exported]:
    """Export the current mosaics to ``<folder>/<scene id><suffix>``, and yield what became of each.

    What is there and of the same mosaic stays as it is. since_s: only mosaics that were published since that
    time, in seconds since 1970; one whose time is not known counts as such. A mosaic that cannot be exported
    stops no other.

    Raises:
        ConfigError: if the folder cannot be written to, or a URI has a scheme that is not known.
        FileNotFoundError: if no run has ever written to ``output_uri``.
        FatalError: if the output's catalogue is damaged.
    """
    entries = [entry for entry in list_mosaics(output_uri) if _is_since(entry, since_s)]
    _check_folder(folder_uri)
    targets = [f"{folder_uri.rstrip('/')}/{entry.scene_id}{export.suffix}" for entry in entries]
    clear_up(target for entry, target in zip(entries, targets, strict=True) if leads_below(entry.scene_id))
    for entry, target in zip(entries, targets, strict=True):
        yield _exported(entry, target, export)


def _is_since(entry: MosaicEntry, since_s: float | None) -> bool:
    finished = instant(entry.finished_at)
    return since_s is None or finished is None or finished.timestamp() >= since_s


def _check_folder(uri: str) -> None:
    """Make a local folder, and a file in it: that it is read-only need not be found out once a mosaic."""
    folder = local_path(uri)
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write to the folder {uri!r}: {error.strerror or error}") from None


def _exported(entry: MosaicEntry, target: str, export: Export) -> Exported:
    try:
        if not leads_below(entry.scene_id):
            raise ValueError(f"its id leads out of the folder, so that nothing is written: {target!r}")
        if _mark_at(target, export) == export.mark(entry.uri):
            return Exported(entry.scene_id, entry.uri, target, "unchanged")
        if (path := local_path(target)) is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        export.write(entry.uri, target)
    except _OF_ONE as error:
        return Exported(entry.scene_id, entry.uri, target, "failed", on_one_line(error))
    return Exported(entry.scene_id, entry.uri, target, "written")


def _mark_at(target: str, export: Export) -> str | None:
    """Return the mark of the file that is there, None where there is none."""
    folder, _, name = target.rpartition("/")
    if (path := local_path(target)) is not None and path.is_dir():
        raise IsADirectoryError(f"there is a folder where its file goes: {target}")
    store = open_store(folder)
    try:
        return export.marked(store.read_part(name, 0, MARK_BYTES))
    except FileNotFoundError:
        return None
    except RetryableError:
        found = store.stat(name)
        if found is not None and found.size_bytes == 0:  # S3 has no first bytes of what is empty
            return None
        raise
