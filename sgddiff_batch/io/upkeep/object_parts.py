"""Objects that nobody will ask for: parts of mosaics that are gone, and what no kept generation shows."""

from __future__ import annotations

from collections.abc import Iterator, Set

from sgddiff_batch.io.objects import GENERATIONS, PARTS, store_of_part
from sgddiff_batch.io.storage import ObjectFacts, Store


def unwanted_objects(
    store: Store, mosaics: Set[str], kept: Set[str]
) -> Iterator[tuple[str, ObjectFacts, str]]:
    """Yield files of objects by key, with what the store says of each, and why it is not wanted.

    mosaics: paths below the output; what is a part of none of these goes with its mosaic. kept: the files of
    kept generations. A part that is wanted again is made again of its mosaic; what tells the
    ids of objects lies elsewhere, and stays.

    Raises:
        ConfigError, RetryableError: as the store does.
    """
    for key, facts in store.find_each(PARTS):
        if store_of_part(key) not in mosaics:
            yield key, facts, "the mosaic of these objects is gone"
    for key, facts in store.find_each(GENERATIONS):
        if key not in kept:
            yield key, facts, "no kept generation shows these objects"
