"""What a process is at work on, in a file of its own on the local disk: who comes after its death reads it.

Nothing is asked of the object storage for it. The file is written over in place; that outlives the process,
and not the machine. There is one folder an output, below that for temporary files.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sgddiff_batch.core.fingerprint import digest
from sgddiff_batch.io.ledger import processes
from sgddiff_batch.protocols import Left

_SLOT_BYTES = 1024
"""Longer than any scene id. The first slot says whose file it is, each other what one thread works on."""
_TRIES = 3
"""The folder may be removed, as it is empty, between its making and that of a file in it."""
_READING, _COMPUTING, _SUSPECTED = _KINDS = ("reading ", "computing ", "suspected ")


class FileActivity:
    """Implements :class:`sgddiff_batch.protocols.Activity`; may be used from several threads.

    label: who this process is for the one that takes its place. Where there can be no file, nothing is noted:
    a scene that ends processes then ends one more of them.
    """

    def __init__(self, output_uri: str, label: str) -> None:
        self._lock, self._free, self._slots = threading.Lock(), list[int](), 0
        self._file: int | None = None
        for _ in range(_TRIES):
            with suppress(OSError):
                self._file, path = _made_note(output_uri, {**processes.this_process(), "label": label})
                self._end = weakref.finalize(self, _close, self._file, path)
                break

    @contextmanager
    def reading(self, scene_id: str) -> Iterator[None]:
        """Note, as long as the context lasts, that this process opens or reads a scene."""
        with self._noted(_READING + scene_id):
            yield

    @contextmanager
    def computing(self, scene_id: str) -> Iterator[None]:
        """Note, as long as the context lasts, that pixels of a scene are on the device."""
        with self._noted(_COMPUTING + scene_id):
            yield

    def keep(self, scene_ids: Iterable[str]) -> None:
        """Note until :meth:`close` that processes died of these scenes, as far as is known."""
        for scene_id in scene_ids:
            self._write(self._slot(), _SUSPECTED + scene_id)

    def close(self) -> None:
        """Take all notes back, as it is done when the process ends by itself."""
        if self._file is not None:
            self._file = None
            self._end()

    @contextmanager
    def _noted(self, words: str) -> Iterator[None]:
        slot = self._slot()
        self._write(slot, words)
        try:
            yield
        finally:
            self._write(slot, "")
            with self._lock:
                self._free.append(slot)

    def _slot(self) -> int:
        with self._lock:
            if self._free:
                return self._free.pop()
            self._slots += 1
            return self._slots

    def _write(self, slot: int, words: str) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk must not stop a run for a note
                os.pwrite(self._file, _slot_of(words), slot * _SLOT_BYTES)


def _made_note(output_uri: str, owner: Mapping[str, str | int]) -> tuple[int, Path]:
    """Return a new file among those of an output; before it says whose it is, nobody finds it there."""
    path = _made_folder(output_uri) / secrets.token_hex(8)
    begun = path.parent.with_name(path.name)
    file = os.open(begun, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(file, _slot_of(json.dumps(owner)), 0)
        begun.rename(path)
    except OSError:
        os.close(file)
        begun.unlink(missing_ok=True)
        raise
    return file, path


def _slot_of(words: str) -> bytes:
    return words.encode().ljust(_SLOT_BYTES)[:_SLOT_BYTES]


def _close(file: int, path: Path) -> None:
    os.close(file)
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.parent.rmdir()  # if it was the last one


def take_left(output_uri: str, label: str | None = None, *, keep: bool = False) -> Left:
    """Return what processes were at work on that died on this machine, and remove their notes.

    label: only those of this label; None is all. keep: leave the notes for whoever comes next.
    """
    found, is_known = {kind: set[str]() for kind in _KINDS}, False
    with suppress(OSError):
        for path in _folder(output_uri).iterdir():
            data = path.read_bytes()
            slots = [data[at : at + _SLOT_BYTES].rstrip() for at in range(0, len(data), _SLOT_BYTES)]
            owner = slots[0] if slots else b""
            if processes.is_alive(owner) or label not in (None, _label(owner)):
                continue
            is_known = True
            for words in (slot.decode(errors="replace") for slot in slots[1:]):
                for kind in _KINDS:
                    if words.startswith(kind):
                        found[kind].add(words.removeprefix(kind))
            if not keep:
                path.unlink(missing_ok=True)
    reading, computing, suspected = (frozenset(found[kind]) for kind in _KINDS)
    return Left(reading, computing, suspected, is_known)


def _label(owner: bytes) -> str | None:
    try:
        found = json.loads(owner)["label"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def _folder(output_uri: str) -> Path:
    """Return the folder of an output.

    Raises:
        OSError: if the one that it lies in is somebody else's.
    """
    own = Path(tempfile.gettempdir()) / f"sgddiff-batch-{os.getuid()}"
    if own.is_symlink() or (own.exists() and own.stat().st_uid != os.getuid()):
        raise PermissionError(f"{own} is somebody else's")
    return own / digest(output_uri)[:32]


def _made_folder(output_uri: str) -> Path:
    """Return the folder of an output, which only this user may enter."""
    folder = _folder(output_uri)
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
