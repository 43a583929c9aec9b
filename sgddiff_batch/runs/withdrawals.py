"""Withdrawals: which scenes of the catalogue left the archive, and what the catalogue calls an archive."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence

import numpy as np

from sgddiff_batch.core.fingerprint import digest
from sgddiff_batch.core.labels import Labels
from sgddiff_batch.core.query import AssetRule, Source
from sgddiff_batch.core.scene_table import SceneTable
from sgddiff_batch.core.texts import Texts, TextSet, joined
from sgddiff_batch.core.withdrawals import Withdrawals, find_withdrawals
from sgddiff_batch.core.words import first_of, redact_uri
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.arrow import numbers_of, texts_of
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.sources import Listing
from sgddiff_batch.runs.bench import Bench
from sgddiff_batch.runs.scope import missing_scene

log = logging.getLogger(__name__)

_TOLD = 10


def plan_withdrawals(bench: Bench, listing: Listing, *, allow: bool) -> Withdrawals:
    """Return which scenes of the catalogue left the archive, by the rules of :func:`find_withdrawals`.

    allow: ``--allow-withdrawals``.
    """
    ledger, sources = bench.ledger, bench.query.sources
    try:
        catalogued = _catalogued(ledger, bench.run_id)
    except (FatalError, FileNotFoundError) as error:
        log.warning("no scene is withdrawn, for the catalogue cannot be read: %s", error)
        catalogued = {}
    found = find_withdrawals(
        catalogued,
        ledger.withdrawn().keys(),
        archive_name(sources),
        listed_ids(listing),
        superseded=listing.superseded,
        former=redact_uri(sources[0].uri.rstrip("/")),
        complete=listing.is_whole,
        allow=allow,
    )
    _tell(found, listing)
    return found


def _tell(found: Withdrawals, listing: Listing) -> None:
    if found.refusal:
        log.warning("%s", found.refusal)
    for file in listing.not_listed[:_TOLD]:
        log.warning("not listed: %s: %s", file.path, file.reason)
    if not listing.is_whole:
        log.warning(
            "no scene is withdrawn, for the listing is not whole (%d parts not listed)",
            len(listing.not_listed),
        )
    if found.claimed:
        log.warning(
            "%d scenes in the catalogue were last listed by another archive, %s, and are this one's now: %s; "
            "if the sources of this one were not changed, two archives with equal scene ids share an output: "
            "give each its own",
            len(found.claimed),
            sorted(set(found.claimed.values()))[0],
            first_of(sorted(found.claimed)),
        )


def archive_name(sources: Sequence[Source]) -> str:
    """Return what the catalogue calls an archive: by all that decides which scenes it lists, but filters.

    The bare URI of a single source of which nothing else is said; else JSON. No secret is in it.
    """
    facts = [_source_facts(source) for source in sources]
    if len(facts) == 1 and facts[0].keys() == {"uri"}:
        return str(facts[0]["uri"])
    first, *others = (json.dumps(fact, sort_keys=True, ensure_ascii=False) for fact in facts)
    return f"[{', '.join([first, *sorted(set(others))])}]"


def _source_facts(source: Source) -> dict[str, object]:
    uri = source.uri.rstrip("/")
    facts: dict[str, object] = {"uri": redact_uri(uri)}
    if facts["uri"] != uri:
        # What may be a secret is not shown, and still tells one archive from another.
        facts["digest"] = digest(uri)[:12]
    if source.kind != "auto":
        facts["kind"] = source.kind
    if source.collections:
        facts["collections"] = sorted(set(source.collections))
    if source.asset != AssetRule():
        facts["asset"] = {"key": source.asset.key, "role": source.asset.role}
    return facts


def _catalogued(ledger: ObjectLedger, run_id: str) -> Mapping[str, str | None]:
    """Return the scenes of the catalogue that was there before a run, and the archive that listed each last.

    What an earlier process of the run published would make a loss look smaller that it refused to believe.
    """
    pointer = catalogue.read_pointer(ledger.store)
    if pointer is None:
        return {}
    # The newest, not the current one: a rollback is for readers, and says nothing of the archive.
    of_others = [generation for generation in pointer.kept if generation.run_id != run_id]
    if not of_others:
        return {}
    table = catalogue.read_generation(ledger.store, of_others[-1], ["id", "archive"])
    archives = table["archive"].combine_chunks().dictionary_encode()
    codes = numbers_of(archives.indices, np.int32, null=-1)
    return Labels(texts_of(table["id"]), codes, tuple(archives.dictionary.to_pylist()))


def listed_ids(listing: Listing) -> TextSet:
    """Return the ids of all scenes that the archive names, also of those that are not wanted or not there."""
    missing = {missing_scene(file).scene_id for file in listing.missing}
    scenes = TextSet(SceneTable.of(listing.scenes).ids)
    others = [scene_id for scene_id in {*listing.left_out, *missing} if scene_id not in scenes]
    return TextSet(joined([scenes.texts, Texts.of(others)])) if others else scenes
