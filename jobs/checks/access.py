"""Access: whether the archive can be listed and read, and the output be read, written and locked."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from heapq import nsmallest

from jobs.checks.check import Check, failed, note, ok
from jobs.checks.mends import mend_of, words_of
from sgddiff_batch.config import ArchiveJobConfig
from sgddiff_batch.core.schemes import bucket_of
from sgddiff_batch.core.words import counted, first_of, printable
from sgddiff_batch.errors import (
    ChangedSceneError,
    ConfigError,
    SgddiffBatchError,
    UnreadableSceneError,
    UnsupportedSceneError,
)
from sgddiff_batch.io.scenes import CheckedReader, GeoTiffReader, IsolatedReader
from sgddiff_batch.io.sources import Listing, list_archive
from sgddiff_batch.io.storage import Store, credentials_found, no_new_folders

_NOTED_S, _REFUSED_S = 5.0, 600.0
_TRIED = 3
_OTHER_VERSION = '"00000000000000000000000000000000"'


def check_credentials(config: ArchiveJobConfig, environment: Mapping[str, str]) -> Iterator[Check]:
    """Yield by which credentials each kind of storage is asked that the config names."""
    uris = [config.output.uri, config.archive.uri, *(one.uri for one in config.archive.also)]
    for words in dict.fromkeys(credentials_found(uri, environment) for uri in uris if bucket_of(uri)):
        if words is not None:
            yield ok("credentials", words)


def check_archive(config: ArchiveJobConfig) -> tuple[list[Check], Listing | None]:
    """List the archive as a run does, and read one scene of it."""
    try:
        listing = list_archive(config.archive.query(), config.output.uri)
    except (SgddiffBatchError, OSError) as error:
        return [failed("archive", f"{config.archive.uri}: {words_of(error)}", mend_of(error))], None
    count = len(listing.scenes)
    found = f"{config.archive.uri}: {counted(count, 'scene', 'are')} listed"
    if not count:
        mend = "archive.uri, archive.filters; `sgddiff run --dry-run` says what is left out and why"
        return [note("archive", found, mend)], listing
    checks = [ok("archive", found), _read_one(config, listing)]
    if listing.undated is not None:
        checks.append(_times(config, listing, listing.undated))
    if listing.missing:
        named = first_of([printable(file.path) for file in listing.missing])
        checks.append(note("archive", f"named, but missing: {named}", "mend the list or the catalogue"))
    return checks, listing


def _times(config: ArchiveJobConfig, listing: Listing, undated: tuple[int, str]) -> Check:
    """Say of how many scenes a time is known, by archive.time_pattern where no catalogue tells."""
    (without, first), count = undated, len(listing.scenes)
    found = f"known of {count - without} of {counted(count, 'scene')}"
    if not without:
        return ok("times", found)
    mend = f"archive.time_pattern {config.archive.time_pattern!r} finds none in {printable(first)!r}"
    return note("times", found, f"{mend}: its groups must hold 4, 6, 8, 12 or 14 digits of a date")


def _read_one(config: ArchiveJobConfig, listing: Listing) -> Check:
    """Read the smallest scenes until one can be read: that one is damaged says nothing of the archive."""
    access = config.archive.query().access
    bare = GeoTiffReader(bands=config.input.bands, stretch=config.input.stretch, access=access)
    reader = IsolatedReader(CheckedReader(bare, access))
    unread = []
    for scene in nsmallest(_TRIED, listing.scenes, key=lambda scene: (scene.size_bytes, scene.scene_id)):
        name = printable(scene.scene_id)
        try:
            profile = reader.profile(scene)
        except (UnreadableSceneError, UnsupportedSceneError, ChangedSceneError) as error:
            unread.append(f"{name}: {words_of(error)}")
        except (SgddiffBatchError, OSError) as error:
            return failed("read", f"{name}: {words_of(error)}", mend_of(error))
        else:
            grid = profile.grid
            return ok("read", f"{name}: {grid.height_px} x {grid.width_px} px of {profile.dtype}")
    return note(
        "read",
        f"none of {counted(len(unread), 'scene')}; {unread[0]}",
        "look at the files; a run quarantines them",
    )


def check_output(store: Store) -> list[Check]:
    """Put an object into the output, as a run does, with conditions and without, and remove it."""
    try:
        with _probe(store) as key:
            return [*_try_writes(store, key)]
    except (SgddiffBatchError, OSError) as error:
        return [failed("output", f"{store.uri}: {words_of(error)}", mend_of(error))]


def _try_writes(store: Store, key: str) -> Iterator[Check]:
    before_s = time.time()
    version = store.create(key, _once())
    after_s = time.time()
    if version is None:
        raise ConfigError(f"{key} is there already")
    stored_s = store.listed(key.rpartition("/")[0])[key].changed_s
    minded = _minds_conditions(store, key)
    store.delete(key)
    if minded:
        yield ok("output", f"{store.uri}: can be read, written, written with conditions, and removed from")
    else:
        mend = "a store that knows If-Match and If-None-Match: they keep two runs apart"
        yield failed("output", f"{store.uri}: it takes writes whose condition does not hold", mend)
    yield judge_clock(stored_s, before_s, after_s)


def _minds_conditions(store: Store, key: str) -> bool:
    """Whether writes whose condition does not hold are refused, and one whose condition holds is kept."""
    if store.create(key, _once()) or store.replace(key, _once(), _OTHER_VERSION):
        return False
    written = _once()
    return bool(store.replace(key, written, store.read_versioned(key).version)) and store.read(key) == written


def judge_clock(stored_s: float, before_s: float, after_s: float) -> Check:
    """Return how far this machine's clock is from the store's, which dates what was written just now."""
    # Stores date to the second, downwards.
    skew_s = max(before_s - (stored_s + 1.0), stored_s - after_s, 0.0)
    if skew_s > _REFUSED_S:
        found = f"{skew_s:.0f} s apart from the store's; S3 refuses requests from 900 s on"
        return failed("clock", found, "set this machine's clock (chronyd, timedatectl)")
    if skew_s > _NOTED_S:
        mend = "set this machine's clock: ages of objects, which gc goes by, are off by so much"
        return note("clock", f"{skew_s:.0f} s apart from the store's", mend)
    return ok("clock", "with the store's to within seconds")


@contextmanager
def _probe(store: Store) -> Iterator[str]:
    """Yield a key of our own; afterwards there is no object of it, nor any folder that was made for it."""
    key = f"_ledger/probe-{uuid.uuid4().hex}~/probe.json"
    with no_new_folders(store.uri):
        try:
            yield key
        finally:
            with suppress(SgddiffBatchError, OSError):
                store.delete(key)


def _once() -> bytes:
    return f'{{"probe": "{uuid.uuid4().hex}", "pid": {os.getpid()}}}'.encode()
