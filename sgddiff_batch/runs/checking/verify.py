"""Verify: mosaics against the ledger and a sample against the scenes; what is found is marked if wanted."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice

from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.ledger import ObjectLedger, mark_redo
from sgddiff_batch.io.mosaics import DamagedObjectError, open_stored
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.io.upkeep import Verdict, verify_disowned, verify_mosaic
from sgddiff_batch.runs import PIXELS_VERSION, Bench
from sgddiff_batch.runs.checking.recompute import Recomputed, Recomputer, Sample, Sampled

_AT_ONCE = 4


@dataclass(slots=True)
class Findings:
    """Totals, and the verdicts of the mosaics of which there is something to say, by store.

    ``older`` counts the mosaics whose pixels another version of the code made: no damage. ``redo`` says of
    each damaged mosaic what --mark-for-redo did; ``seed`` is that of the sample, if any.
    """

    seed: int | None = None
    mosaics: int = 0
    blocks: int = 0
    older: int = 0
    told: dict[str, Verdict] = field(default_factory=dict)
    recomputed: list[Recomputed] = field(default_factory=list)
    redo: dict[str, str] = field(default_factory=dict)

    @property
    def damaged(self) -> list[Verdict]:
        """The verdicts with problems, sorted by store."""
        return [self.told[store] for store in sorted(self.told) if self.told[store].problems]

    def add(self, verdict: Verdict) -> None:
        """Count a mosaic, and keep its verdict if there is something to say."""
        self.mosaics += 1
        self.blocks += verdict.blocks
        self.older += verdict.pixels_version not in (None, PIXELS_VERSION)
        if verdict.problems or verdict.notes:
            self.told[verdict.store] = verdict

    def add_recomputed(self, recomputed: Recomputed, scene_id: str) -> None:
        """Add what became of a block of the sample; a different one is a problem of its mosaic."""
        self.recomputed.append(recomputed)
        if recomputed.state == "different":
            store, window = recomputed.block.store, recomputed.block.window
            verdict = self.told.setdefault(store, Verdict(store, scene_id))
            verdict.found(f"block {window.name}", f"recomputed from its scene: {recomputed.words}")

    def is_explained(self, verdict: Verdict) -> bool:
        """Whether other software explains all that is wrong with a mosaic: made anew, it may differ again."""
        explained = sum(r.other_software for r in self.recomputed if r.block.store == verdict.store)
        return explained == len(verdict.problems)


def shown_stores(ledger: ObjectLedger) -> set[str]:
    """Return the mosaics that readers of the catalogue see; none where nothing was published.

    Raises:
        FatalError: if the catalogue is damaged.
    """
    table = catalogue.read_catalogue(ledger.store, columns=["store"])
    return set() if table is None else set(table["store"].to_pylist())


def mark_for_redo(ledger: ObjectLedger, findings: Findings, at: str) -> None:
    """Ask the next run to make the damaged mosaics anew, those that it can make."""
    records, shown = ledger.records(), shown_stores(ledger) if findings.damaged else set()
    for verdict in findings.damaged:
        record = records.get(verdict.scene_id)
        if record is None or record.store != verdict.store:
            words = "the catalogue shows it until the next run publishes, or it is turned on from a rollback"
            findings.redo[verdict.store] = (
                f"not marked: it is superseded, {words if verdict.store in shown else 'gc can remove it'}"
            )
        elif record.reason is not None:
            findings.redo[verdict.store] = "not marked: its scene changed since, and is in quarantine"
        elif findings.is_explained(verdict):
            findings.redo[verdict.store] = "not marked: it differs, but it was made with other software"
        else:
            mark_redo(ledger.store, record, "damaged", at)
            findings.redo[verdict.store] = "the next run makes it anew"


def findings_report(findings: Findings) -> dict[str, object]:
    """Return all that was found as plain values."""
    return {
        "mosaics": findings.mosaics,
        "blocks": findings.blocks,
        "older_pixels": findings.older,
        "damaged": len(findings.damaged),
        "told": [_row(findings.told[store], findings.redo) for store in sorted(findings.told)],
        "sample": {
            "seed": findings.seed,
            "blocks": [
                {
                    "store": item.block.store,
                    "window": asdict(item.block.window),
                    "state": item.state,
                    "words": item.words,
                }
                for item in findings.recomputed
            ],
        },
    }


def _row(verdict: Verdict, redo: Mapping[str, str]) -> dict[str, object]:
    return {
        "store": verdict.store,
        "scene_id": verdict.scene_id,
        "blocks": verdict.blocks,
        "problems": [asdict(problem) for problem in verdict.problems],
        "notes": list(verdict.notes),
        "redo": redo.get(verdict.store),
    }


def verify_output(
    ledger: ObjectLedger, mosaics: Sequence[str] = (), sample: Sample | None = None
) -> Findings:
    """Verify the mosaics of an output: those that are named, or all that readers see or will see.

    sample: is offered their blocks.

    Raises:
        ConfigError: if one that is named was never committed to this output.
        FatalError: if the ledger or the catalogue is damaged.
    """
    findings = Findings(seed=sample.seed if sample else None)
    for verdict in _verdicts(ledger, _chosen(ledger, mosaics)):
        findings.add(verdict)
        if sample:
            sample.offer(_blocks(ledger, verdict))
    return findings


def recompute_sample(bench: Bench, sample: Sample, findings: Findings) -> None:
    """Recompute the blocks that were drawn from their scenes, and add what came of it."""
    for recomputed in Recomputer(bench).recompute(sample.drawn):
        findings.add_recomputed(recomputed, _scene_of(bench.ledger, recomputed))


def _verdicts(ledger: ObjectLedger, stores: Iterable[str]) -> Iterator[Verdict]:
    """Verify a few mosaics at a time and yield their verdicts in order."""
    waiting = iter(stores)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="verify") as pool:
        while batch := list(islice(waiting, 16 * _AT_ONCE)):
            for store, verdict in zip(
                batch, pool.map(lambda store: verify_mosaic(ledger.store, store), batch), strict=True
            ):
                found = verdict or _disowned(ledger, store)
                if found is not None:
                    yield found


def _disowned(ledger: ObjectLedger, store: str) -> Verdict | None:
    """Verify a mosaic that the ledger does not stand for; None if readers do not see it (any more)."""
    if not _is_current(ledger, store):
        return None
    verdict = verify_disowned(ledger.store, store)
    # A run may have replaced it meanwhile.
    return verdict if _is_current(ledger, store) else None


def _is_current(ledger: ObjectLedger, store: str) -> bool:
    record = ledger.record(store.rpartition("/")[0])
    return (record is not None and record.store == store) or store in shown_stores(ledger)


def _chosen(ledger: ObjectLedger, uris: Sequence[str]) -> list[str]:
    """Return the stores to verify: those named, or all that readers see or will when a run publishes.

    Raises:
        ConfigError: if one that is named was never committed to this output.
        FatalError: if the ledger or the catalogue is damaged.
    """
    if not uris:
        withdrawn = ledger.withdrawn().keys()
        records = ledger.records().items()
        current = {r.store for scene_id, r in records if r.store is not None and scene_id not in withdrawn}
        return sorted(current | shown_stores(ledger))
    stores = [_store_name(ledger, uri) for uri in uris]
    for uri, store in zip(uris, stores, strict=True):
        if ledger.finished_mosaic(store) is None and not _is_current(ledger, store):
            known = [record.store for record in ledger.records().values() if record.store]
            near = difflib.get_close_matches(store, known, n=1, cutoff=0.3)
            hint = f"; did you mean {printable(near[0])}?" if near else ""
            raise ConfigError(f"--mosaic {printable(uri)!r}: the ledger knows no such mosaic{hint}")
    return list(dict.fromkeys(stores))


def _store_name(ledger: ObjectLedger, uri: str) -> str:
    full = open_store(uri).uri.rstrip("/")
    below = f"{ledger.store.uri}/"
    name = full.removeprefix(below) if full.startswith(below) else uri.strip("/")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise ConfigError(f"--mosaic {printable(uri)!r}: must be a mosaic below {ledger.store.uri}")
    return name


def _blocks(ledger: ObjectLedger, verdict: Verdict) -> Iterator[Sampled]:
    """Yield the blocks of a mosaic, those of an undamaged root."""
    try:
        stored = open_stored(open_store(f"{ledger.store.uri}/{verdict.store}"), verdict.store)
    except (FileNotFoundError, DamagedObjectError):
        return
    if verdict.blocks:
        yield from (Sampled(verdict.store, window) for window in stored.mosaic.blocks())


def _scene_of(ledger: ObjectLedger, recomputed: Recomputed) -> str:
    record = ledger.finished_mosaic(recomputed.block.store)
    return record.scene_id if record else recomputed.block.store.rpartition("/")[0]
