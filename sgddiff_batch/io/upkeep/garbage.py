"""Garbage: what lies below an output and nobody will ask for again, found first and removed only then.

Named, and so never garbage: the mosaics of all kept generations of the catalogue, with their static Items
and pages, and those that the ledger calls current, withdrawn scenes' apart; and work that the next run goes
on with. What is young is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.store_names import SUFFIX, id_of, is_made_here
from sgddiff_batch.io import catalogue, mosaics
from sgddiff_batch.io.catalogue import CATALOGUE, GENERATIONS, STATIC, instant
from sgddiff_batch.io.ledger import LEDGER, ObjectLedger
from sgddiff_batch.io.mosaics import is_committed
from sgddiff_batch.io.storage import Store, measure
from sgddiff_batch.io.upkeep.object_parts import unwanted_objects
from sgddiff_batch.io.upkeep.unfinished import lost_scene
from sgddiff_batch.io.upkeep.walks import walk_stores
from sgddiff_batch.protocols import SceneRecord

Kind = Literal["store", "withdrawn", "marks", "generation", "static", "objects", "temporary"]

ABANDONED_S = 7 * 86400.0
"""A store that was never completed, and that nobody has written to for so long, is nobody's work."""

_REQUESTS = 16
_TEMPORARY = ".partial"


@dataclass(frozen=True, slots=True)
class Garbage:
    """Something to remove: ``path`` is a key or a prefix below the output, or a withdrawn scene's id."""

    kind: Kind
    path: str
    why: str
    objects: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was found: garbage, in the order of its removal; what is too young to be told; what is broken.

    ``broken`` are mosaics that a kept generation or the ledger names and that are not there; ``unknown`` are
    complete ones that no mark speaks of: the ledger may have lost theirs, so that they are left alone.
    """

    garbage: tuple[Garbage, ...]
    young: tuple[Garbage, ...]
    broken: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def find_garbage(
    store: Store, older_than_s: float, now_s: float | None = None, access: BucketAccess = OWN
) -> Inventory:
    """Look through an output; nothing is changed. Ages are those that the store tells, by this clock.

    access: how the archive is asked for the scenes of unfinished mosaics.

    An output without records and without a catalogue has no garbage but temporary files: either nothing was
    ever finished, or the ledger is lost, and then the stores are all that there is.

    Raises:
        FatalError: if the ledger or the catalogue is damaged.
        ConfigError, RetryableError: as the store does.
    """
    now = time.time() if now_s is None else now_s
    search = _Search(store, now, now - older_than_s, access, *_read(store))
    stores = list(search.stores()) if search.is_known else []
    found = [*stores, *search.generations(), *search.static(), *search.temporary_files()]
    if search.is_known:
        found += [*search.marks(), *search.withdrawn_scenes(stores), *search.parts(stores)]
    old = tuple(item for item, since_s in found if since_s < search.limit_s)
    young = tuple(item for item, since_s in found if since_s >= search.limit_s)
    broken = tuple(sorted(search.named - search.present))
    return Inventory(old, young, broken, tuple(search.unknown))


def remove_garbage(store: Store, garbage: Iterable[Garbage]) -> Iterator[Garbage]:
    """Remove what :func:`find_garbage` found while no run was at work, and yield each item that is gone.

    Rows go before what they name, so that none points to nothing; a mosaic's root goes before its marks, so
    that no complete one is left that they do not know. Killed in between, the next call removes the rest.
    Give a store that is fenced by the lease that keeps runs away.
    """
    items, ledger = list(garbage), ObjectLedger(store)
    scenes = {item.path for item in items if item.kind == "withdrawn"}
    doomed = {item.path for item in items if item.kind == "store" and id_of(item.path) in scenes}
    if doomed:
        items = _dropped(store, doomed, items)
    for scene_id in sorted(scenes):
        ledger.forget_scene(scene_id)
    for item in sorted(items, key=lambda item: item.kind == "withdrawn"):
        _remove(store, ledger, item)
        yield item


def _dropped(store: Store, doomed: Set[str], items: list[Garbage]) -> list[Garbage]:
    """Take mosaics out of all kept generations; return the garbage with what none of them names any more.

    And without what they name only now: a page that a killed call had written already is one of theirs.
    """
    before = _static_of(store)
    catalogue.drop_mosaics(store, doomed)
    after, why = _static_of(store), "its mosaic was withdrawn"
    unnamed = [Garbage("static", path, why, 1) for path in sorted(before - after)]
    return [*(item for item in items if item.path not in after), *unnamed]


def _static_of(store: Store) -> frozenset[str]:
    pointer = catalogue.read_pointer(store)
    kept = () if pointer is None else pointer.kept
    return frozenset().union(*(catalogue.named_by(store, generation).static for generation in kept))


def _remove(store: Store, ledger: ObjectLedger, item: Garbage) -> None:
    if item.kind == "store":
        # From then on it is no mosaic any more, however little of it is gone.
        mosaics.empty_root(store, item.path)
        ledger.forget_mosaic(item.path)
        mosaics.remove_objects(store, item.path)
    elif item.kind == "withdrawn":
        ledger.restore(item.path)
    elif item.path.endswith(SUFFIX):
        store.delete_tree(item.path)  # the marks of a store's blocks
    else:
        store.delete(item.path)


@dataclass(frozen=True, slots=True)
class _Search:
    """What names what, read once. ``limit_s``: what changed after that is left alone."""

    store: Store
    now_s: float
    limit_s: float
    access: BucketAccess
    records: Mapping[str, SceneRecord]
    withdrawn: Mapping[str, str]
    catalogued: Set[str]
    listed: Set[str]
    kept_files: Set[str]
    committed: Set[str]
    with_blocks: Set[str]
    present: Set[str]
    unknown: list[str] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether there is anything to tell garbage by."""
        return bool(self.records or self.kept_files)

    @property
    def named(self) -> set[str]:
        """The mosaics that must stay."""
        of_records = {record.store for record in self.records.values() if record.store is not None}
        return {name for name in of_records | self.catalogued if id_of(name) not in self.gone}

    @property
    def gone(self) -> set[str]:
        """The scenes that were withdrawn, and long enough ago."""
        return {scene_id for scene_id, at in self.withdrawn.items() if _seconds(at) < self.limit_s}

    def stores(self) -> Iterator[tuple[Garbage, float]]:
        candidates = sorted(self.present - self.named)
        with ThreadPoolExecutor(_REQUESTS) as pool:
            for name, size in zip(
                candidates, pool.map(lambda name: measure(self.store, name), candidates), strict=True
            ):
                reason = size and self._why(name, size.newest_s)
                if size and reason:
                    why, since_s = reason
                    yield Garbage("store", name, why, size.objects, size.size_bytes), since_s

    def _why(self, name: str, newest_s: float) -> tuple[str, float] | None:
        """Return why a store that is not named is garbage, and since when; None if it is not."""
        scene_id = id_of(name)
        if scene_id in self.withdrawn:
            since_s = max(newest_s, _seconds(self.withdrawn[scene_id]))
            return f"its scene was withdrawn on {self.withdrawn[scene_id]}", since_s
        record = self.records.get(scene_id)
        finished_s = 0.0 if record is None else _seconds(record.finished_at)
        if name in self.committed:
            return "superseded, and no kept generation names it", max(newest_s, finished_s)
        return self._why_unfinished(name, newest_s, record is not None, finished_s)

    def _why_unfinished(
        self, name: str, newest_s: float, has_record: bool, finished_s: float
    ) -> tuple[str, float] | None:
        if name not in self.with_blocks:
            if not is_made_here(name):
                return None
            if self._is_unknown(name):
                return None
            if has_record:
                # Nor would the next run count it.
                return "no mark speaks of anything in it", newest_s
        if finished_s > newest_s:
            return "never completed, and its scene was settled since", finished_s
        idle_s = self.now_s - newest_s
        why = f"nobody has written to it for {idle_s / 86400:.0f} days" if idle_s > ABANDONED_S else None
        why = why or lost_scene(self.store, name, self.access)
        return (f"never completed, and {why}", newest_s) if why and not self._is_unknown(name) else None

    def _is_unknown(self, name: str) -> bool:
        """Whether a store that was never recorded as finished says that it is complete; note it then."""
        if not is_committed(self.store, name):
            return False
        self.unknown.append(name)
        return True

    def withdrawn_scenes(self, stores: Iterable[tuple[Garbage, float]]) -> Iterator[tuple[Garbage, float]]:
        """Yield the withdrawn scenes of which nothing stays; a store that is young keeps its scene."""
        young = {id_of(item.path) for item, since_s in stores if since_s >= self.limit_s}
        for scene_id in sorted(self.gone - young):
            yield Garbage("withdrawn", scene_id, f"withdrawn on {self.withdrawn[scene_id]}", 1), 0.0

    def marks(self) -> Iterator[tuple[Garbage, float]]:
        for name in sorted(self.committed - self.present - self.named):
            yield from self._marks(f"{LEDGER}/mosaics/{name}~.json", "the mosaic that it names is gone")
        for name in sorted(set(ObjectLedger(self.store).names("digests")) - self.committed - self.present):
            yield from self._marks(f"{LEDGER}/digests/{name}~.json", "the mosaic that it names is gone")
        for name in sorted(self.with_blocks - self.present):
            yield from self._marks(f"{LEDGER}/blocks/{name}", "the store of these blocks is gone")
        for key, mark in self.store.listed(f"{LEDGER}/reading").items():
            # A scene that is there would have been read since, with care, and its mark taken back.
            if self.now_s - mark.changed_s > ABANDONED_S:
                yield (
                    Garbage("marks", key, "nobody has read this scene since", 1, mark.size_bytes),
                    mark.changed_s,
                )
        for name in sorted(self.with_blocks & self.present & self.committed):
            yield from self._marks(f"{LEDGER}/blocks/{name}", "the mosaic of these blocks is finished")

    def _marks(self, prefix: str, why: str) -> Iterator[tuple[Garbage, float]]:
        size = measure(self.store, prefix)
        if size:
            yield Garbage("marks", prefix, why, size.objects, size.size_bytes), size.newest_s

    def generations(self) -> Iterator[tuple[Garbage, float]]:
        for path, facts in self.store.find(GENERATIONS).items():
            if path.removeprefix(f"{CATALOGUE}/") not in self.kept_files:
                why = "the catalogue does not keep this generation"
                yield Garbage("generation", path, why, 1, facts.size_bytes), facts.modified_s or 0.0

    def static(self) -> Iterator[tuple[Garbage, float]]:
        """Yield the Items and pages that the Collection of no kept generation leads to."""
        for path, facts in self.store.find_each(STATIC):
            if path not in self.listed and not path.endswith(_TEMPORARY):
                why = "no kept generation names it"
                yield Garbage("static", path, why, 1, facts.size_bytes), facts.modified_s or 0.0

    def parts(self, stores: Iterable[tuple[Garbage, float]]) -> Iterator[tuple[Garbage, float]]:
        """Yield the objects that were drawn of mosaics that are gone, or go now, and those shown no more."""
        going = {item.path for item, since_s in stores if since_s < self.limit_s}
        mosaics_left = (self.named | self.present) - going
        for key, facts, why in unwanted_objects(self.store, mosaics_left, self.kept_files):
            yield Garbage("objects", key, why, 1, facts.size_bytes), facts.modified_s or 0.0

    def temporary_files(self) -> Iterator[tuple[Garbage, float]]:
        """Yield what killed writers left on a local disk; locks are no leftovers."""
        for key, facts in self.store.temporary():
            if not key.endswith(f".lock{_TEMPORARY}"):
                yield (
                    Garbage("temporary", key, "a writer was killed", 1, facts.size_bytes),
                    facts.modified_s or 0.0,
                )


def _read(store: Store) -> tuple[Any, ...]:
    """Return the fields of a search from ``records`` on, names before things: a name is never missed."""
    ledger, pointer = ObjectLedger(store), catalogue.read_pointer(store)
    kept = () if pointer is None else pointer.kept
    named = [catalogue.named_by(store, generation) for generation in kept]
    blocks = {name.rpartition("/")[0] for name in ledger.names("blocks")}
    return (
        ledger.records(),
        ledger.withdrawn(),
        frozenset().union(*(each.stores for each in named)),
        frozenset().union(*(each.static for each in named)),
        frozenset(file for generation in kept for file in generation.files),
        set(ledger.names("mosaics")),
        blocks,
        set(walk_stores(store)),
    )


def _seconds(text: str) -> float:
    """Return an ISO time in seconds; one that cannot be read is now, so that nothing is old because of it."""
    parsed = instant(text)
    return time.time() if parsed is None else parsed.timestamp()
