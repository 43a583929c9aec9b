"""Withdrawals: which scenes of the catalogue of mosaics have left their archive, and which came back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np

from sgddiff_batch.core.comparing import is_among
from sgddiff_batch.core.labels import Labels
from sgddiff_batch.core.words import first_of

_NAMED = 100
"""So many scenes are named in a report for each of its numbers."""


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """What a listing says of the scenes that the catalogue has.

    ``withdrawn`` are gone since the last listing, ``returned`` were withdrawn and are there again.
    ``refusal`` says why scenes that are gone were not withdrawn, None where there were none such.
    ``superseded`` are ids of older versions with that of the newest, which they stay for until it is done.
    ``claimed`` are scenes of this listing that another archive listed last, with its name.
    """

    withdrawn: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    refusal: str | None = None
    superseded: Mapping[str, str] = field(default_factory=dict)
    claimed: Mapping[str, str] = field(default_factory=dict)

    def replaced(self, is_current: Callable[[str], bool]) -> tuple[str, ...]:
        """Return the older versions whose newest one is current: until then they have no successor."""
        return tuple(sorted(old for old, newest in self.superseded.items() if is_current(newest)))

    def rows(self) -> list[tuple[str, str]]:
        """Return what a plan prints: words and what there is, only where there is something."""
        told = {
            "withdrawn from the catalogue": self.withdrawn,
            "superseded, withdrawn once the newer one is done": sorted(self.superseded),
            "back in the archive": self.returned,
            "last listed by another archive": sorted(self.claimed),
        }
        rows = [(words, f"{len(ids)}: {first_of(ids)}") for words, ids in told.items() if ids]
        return rows if self.refusal is None else [*rows, ("withdrawals refused", self.refusal)]

    def report(self, replaced: Sequence[str]) -> dict[str, object]:
        """Return what a report says; ``replaced`` are those of :meth:`replaced` when the run ended."""
        told = {
            "withdrawn": self.withdrawn,
            "superseded": replaced,
            "returned": self.returned,
            "last_listed_by_another_archive": sorted(self.claimed),
        }
        numbers = {words: {"scenes": len(ids), "first": list(ids[:_NAMED])} for words, ids in told.items()}
        return {**numbers, "other_archives": sorted(set(self.claimed.values())), "refused": self.refusal}


def find_withdrawals(
    catalogued: Mapping[str, str | None],
    marked: Set[str],
    archive: str,
    listed: Set[str],
    *,
    superseded: Mapping[str, str] | None = None,
    former: str | None = None,
    complete: bool = True,
    allow: bool = False,
) -> Withdrawals:
    """Return the scenes that left an archive, and those that came back.

    What is missing from a listing may be gone, or only not shown by this one. So a scene is withdrawn only if
    this same archive listed it before, the listing is complete, and at most half of that
    archive's scenes are gone at once: a mount that is empty or a mistyped prefix loses nearly all. What the
    listing calls superseded is there: it is not counted, and may go once its newer version is done.

    catalogued: scene ids with a mosaic in the newest generation, and the archive that listed each last
    (None: not known). marked: ids that are withdrawn already. archive: a name of the archive that was
    listed. listed: ids of all scenes that it has, also those that filters leave out or that cannot be read.
    superseded: ids of scenes of which it has a newer version, with its id. former: a name that this archive,
    or a part of it, may have had before. complete: whether the listing was made without a limit of any kind.
    allow: an operator has said that the scenes are gone; then the share does not count, and scenes that
    nobody is known to have listed, or that were listed under the former name, are gone too.
    """
    older = {old: new for old, new in (superseded or {}).items() if old not in marked and old not in listed}
    known = Labels.of(catalogued)
    is_listed = is_among(known.texts, listed)
    claimed = {
        known.texts[row]: known.names[known.codes[row]]
        for row in np.flatnonzero(
            is_listed & known.where(lambda by: by is not None and by not in (archive, former))
        ).tolist()
    }
    returned = tuple(sorted(scene_id for scene_id in marked if scene_id in listed))
    found = Withdrawals((), returned, None, older, claimed)
    if not complete:
        return found
    is_mine = known.where(lambda by: by == archive or (allow and by in (None, former)))
    is_mine &= ~is_among(known.texts, marked) & ~is_among(known.texts, older)
    is_gone = is_mine & ~is_listed
    gone, mine = int(np.count_nonzero(is_gone)), int(np.count_nonzero(is_mine))
    if 2 * gone > mine and not allow:
        return replace(found, refusal=_refusal(gone, mine))
    return replace(found, withdrawn=tuple(sorted(known.texts.take(is_gone))))


def _refusal(gone: int, known: int) -> str:
    return (
        f"{gone} of the {known} scenes of this archive that have mosaics are no longer listed, more than "
        "half; they stay in the catalogue. If they were withdrawn, run again with --allow-withdrawals"
    )
