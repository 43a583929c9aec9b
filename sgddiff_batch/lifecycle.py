"""The life of a mosaic: claimed or taken over, committed and recorded, or removed and in quarantine.

Whoever holds the claim on a mosaic's root owns it. Only a claim that is refused says that something is there
already: what a killed run left, a mosaic of an earlier model, one that the ledger lost, or another worker's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.planning import Mosaic, SceneMosaic
from sgddiff_batch.core.store_names import replacement_of
from sgddiff_batch.core.window import Window
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import RetryableError, SceneError, is_unforeseen
from sgddiff_batch.protocols import (
    BlockRecord,
    BlockWriter,
    Claim,
    FoundRoot,
    Ledger,
    MosaicContents,
    Recorded,
    SceneRecord,
)

M = TypeVar("M", bound=Mosaic)
log = logging.getLogger(__name__)

_MOST_LOOKS = 100
"""So often a store may turn out to be another worker's, or damaged, before that is an error."""


@dataclass(frozen=True, slots=True)
class Begun(Generic[M]):
    """A mosaic that may be stored into: its claim, and the blocks that are good from an earlier run."""

    mosaic: M
    claim: Claim
    blocks: Mapping[Window, BlockRecord]


@dataclass(frozen=True, slots=True)
class Undrawn:
    """Stands for what was to be drawn of a mosaic, and could not: ``reason``, on one line."""

    reason: str

    @classmethod
    def by(cls, error: Exception, path: str) -> Undrawn:
        """Return it, by the error that nobody foresaw while the mosaic at a path was drawn."""
        log.debug("%s could not be drawn", path, exc_info=error)
        return cls(f"{type(error).__name__}: {on_one_line(error)}")


class Parts(Protocol):
    """What is drawn of mosaics, and put beside them before they are recorded."""

    def drawn(self, mosaic: Mosaic, root: bytes, codes: NDArray[np.uint8]) -> object:
        """Return what there is to put of a mosaic of which all codes (h, w) are at hand."""

    def put(self, record: SceneRecord, root: str, drawn: object = None) -> None:
        """Put what was drawn of a complete mosaic; None: what is missing is drawn of what is stored.

        root: the digest of its root.
        """


@dataclass(frozen=True, slots=True)
class MosaicLifecycle(Generic[M]):
    """Begins, commits and removes mosaics over a writer and a ledger; safe in several threads.

    ``provenance`` is what a mosaic says of where it comes from. ``keeps_empty``: one without a valid pixel
    has a store, too; else it is recorded without. ``shown``: what the catalogue shows of a root's mosaic.
    ``parts``: None where nothing is drawn.
    """

    writer: BlockWriter
    ledger: Ledger
    run_key: str
    provenance: Callable[[M], Mapping[str, object]]
    keeps_empty: bool = True
    shown: Callable[[bytes], Mapping[str, object] | None] = lambda root: None
    parts: Parts | None = None

    def begin(self, mosaic: M, *, may_have_marks: bool = True) -> Begun[M] | SceneRecord:
        """Claim the root of a mosaic; or return the record of one that was found complete.

        may_have_marks: False where the run's listing of marks has none of the scene.

        No complete mosaic is ever written into: one that is damaged, or that nobody vouches for, stays where
        it is, and this one is made in the store that replaces it.

        Raises:
            RetryableError: if another worker takes it over again and again; or as the stores do.
        """
        for _ in range(_MOST_LOOKS):
            provenance = self.provenance(mosaic)
            claim = self.writer.claim(mosaic, provenance)
            if claim is not None:
                if may_have_marks:
                    # Of a store that is gone: they must not count once blocks of this one are stored.
                    self.ledger.forget_blocks(mosaic.path)
                return Begun(mosaic, claim, {})
            found = self.writer.find_root(mosaic, provenance)
            if found is None:
                continue
            if not found.is_complete:
                begun = self._take_over(mosaic, provenance, found)
                if begun is not None:
                    return begun
            elif (record := self._vouched(mosaic, found)) is not None:
                return record
            else:
                mosaic = replace(mosaic, path=replacement_of(mosaic.path))
        raise RetryableError(f"{mosaic.path} cannot be claimed: others are at work on it")

    def _take_over(self, mosaic: M, provenance: Mapping[str, object], found: FoundRoot) -> Begun[M] | None:
        """Go on with what a killed worker left, if its layout is the same; else have it begun anew."""
        path = mosaic.path
        if self.ledger.finished_mosaic(path) is not None or not found.is_same:
            self._discard(path)
            return None
        claim = self.writer.take_over(mosaic, provenance, found)
        if claim is None:
            return None
        return Begun(mosaic, claim, {block.window: block for block in self._marked(mosaic)})

    def _vouched(self, mosaic: M, found: FoundRoot) -> SceneRecord | None:
        """Return the record of a complete mosaic, made current; None if it must not be.

        One without a record was committed by a worker that was killed then, or the ledger lost it. It counts
        if its root names all its blocks, or marks do, unless it was found damaged.
        """
        path = mosaic.path
        finished = self.ledger.finished_mosaic(path)
        if finished is not None:
            known = self.ledger.contents(path) is not None or found.blocks is None
            contents = None if known else MosaicContents(found.root_digest, found.blocks or ())
            return self._found(replace(finished, finished_at=_now()), found, contents)
        blocks = self._vouched_blocks(mosaic, found)
        if blocks is None:
            return None
        return self._found(self._record(mosaic, blocks), found, MosaicContents(found.root_digest, blocks))

    def _found(self, record: SceneRecord, found: FoundRoot, contents: MosaicContents | None) -> SceneRecord:
        # What could not be drawn, publishing tells of.
        self._put_part(record, found.root_digest)
        return self._recorded(record, contents)

    def _put_part(self, record: SceneRecord, root: str, drawn: object = None) -> str | None:
        """Put what is drawn of a complete mosaic; return why that is not possible, None where it is there.

        The mosaic is what matters: only what the store says, or a lost lease, keeps it from being recorded.
        """
        if self.parts is None:
            return None
        try:
            if not isinstance(drawn, Undrawn):
                self.parts.put(record, root, drawn)
                return None
        except Exception as error:
            if not is_unforeseen(error):
                raise
            drawn = Undrawn.by(error, record.store or "")
        return drawn.reason

    def _vouched_blocks(self, mosaic: M, found: FoundRoot) -> tuple[BlockRecord, ...] | None:
        """Return the blocks of a complete mosaic without a record; None if it must not be made current."""
        if not found.is_same or self.ledger.disowned([mosaic.path]):
            return None
        blocks = self._marked(mosaic) if found.blocks is None else found.blocks
        return blocks if {block.window for block in blocks} == set(mosaic.blocks()) else None

    def stored_before(self, mosaic: M) -> frozenset[Window]:
        """Return the blocks that :meth:`begin` would find stored, and not have made; changes nothing."""
        found = self.writer.find_root(mosaic, self.provenance(mosaic))
        if found is None:
            return frozenset()
        finished = self.ledger.finished_mosaic(mosaic.path)
        if not found.is_complete:
            goes_on = finished is None and found.is_same
            return frozenset(block.window for block in self._marked(mosaic)) if goes_on else frozenset()
        is_current = finished is not None or self._vouched_blocks(mosaic, found) is not None
        return frozenset(mosaic.blocks()) if is_current else frozenset()

    def _marked(self, mosaic: M) -> tuple[BlockRecord, ...]:
        marked = {block.window: block for block in self.ledger.finished_blocks(mosaic.path)}
        return tuple(marked[window] for window in mosaic.blocks() if window in marked)

    def commit(
        self, mosaic: M, claim: Claim, blocks: Sequence[BlockRecord], drawn: object = None
    ) -> Recorded:
        """Commit a mosaic of which all blocks are stored, and record it; return what was recorded.

        drawn: what ``parts`` made of it, or why it could not; None where its codes have to be read back.

        Raises:
            LostClaimError: if another worker took it over; nothing is recorded.
            SceneError: if what was stored of it is damaged; it is removed, and the next run begins it anew.
        """
        record = self._record(mosaic, blocks)
        if not (record.valid_px or self.keeps_empty):
            self.remove(mosaic, claim)
            return Recorded(self._recorded(replace(record, store=None)))
        try:
            root = self.writer.commit(mosaic, claim, blocks)
        except SceneError:
            self.remove(mosaic, claim)
            raise
        shown = self.shown(claim.root)
        undrawn = self._put_part(record, root, drawn)
        self.ledger.finish(record, MosaicContents(root, tuple(blocks)), shown)
        return Recorded(record, shown, undrawn)

    def remove(self, mosaic: M, claim: Claim) -> None:
        """Remove what was stored of a mosaic.

        Raises:
            LostClaimError: if another worker took it over; nothing is removed.
        """
        self._discard(mosaic.path, claim)

    def _discard(self, path: str, claim: Claim | None = None) -> None:
        # Marks go while the root says that nothing is there: a kill must leave none without its block.
        self.writer.empty(path, claim)
        self.ledger.forget_mosaic(path)
        self.writer.clear(path)

    def quarantine(
        self,
        mosaic_id: str,
        version: str,
        reason: str,
        earlier: SceneRecord | None = None,
        begun: tuple[M, Claim] | None = None,
        left_at: str | None = None,
    ) -> SceneRecord:
        """Remove what was begun, and record the reason; an earlier version's mosaic stays the current one.

        left_at: a store that is removed if it is not complete.

        Raises:
            LostClaimError: if another worker took the mosaic over; nothing is recorded.
        """
        gone = None
        if begun is not None:
            self.remove(*begun)
            gone = begun[0].path
        if left_at is not None and not self.writer.is_complete(left_at):
            self._discard(left_at)
            gone = left_at
        if earlier is None or earlier.store == gone:
            earlier = SceneRecord(mosaic_id, "", "", None)
        return self._recorded(
            replace(earlier, version=version, run_key=self.run_key, reason=reason, finished_at=_now())
        )

    def _record(self, mosaic: M, blocks: Sequence[BlockRecord]) -> SceneRecord:
        return SceneRecord(
            mosaic.id,
            mosaic.version,
            self.run_key,
            mosaic.path,
            valid_px=sum(block.valid_px for block in blocks),
            salient_px=sum(block.salient_px for block in blocks),
            height_px=mosaic.grid.height_px,
            width_px=mosaic.grid.width_px,
            finished_at=_now(),
            mask_rule=mosaic.profile.mask.rule if isinstance(mosaic, SceneMosaic) else "",
        )

    def _recorded(self, record: SceneRecord, contents: MosaicContents | None = None) -> SceneRecord:
        self.ledger.finish(record, contents)
        return record


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
