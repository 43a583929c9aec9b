"""Parts of objects whose mosaic is gone: what was drawn of a mosaic goes with it."""

from __future__ import annotations

from collections.abc import Iterator, Set

from sgddiff_batch.io.objects import PARTS, store_of_part
from sgddiff_batch.io.storage import ObjectFacts, Store


def parts_without_mosaic(store: Store, mosaics: Set[str]) -> Iterator[tuple[str, ObjectFacts]]:
    """Yield the parts that are of none of these mosaics, by key, with what the store says of each.

    mosaics: paths below the output. A part that is wanted again is made again of its mosaic; what tells the
    ids of objects lies elsewhere, and stays.

    Raises:
        ConfigError, RetryableError: as the store does.
    """
    for key, facts in store.find_each(PARTS):
        if store_of_part(key) not in mosaics:
            yield key, facts
