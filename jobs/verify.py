"""Verify stored mosaics: every object against the ledger, and a sample of blocks against the scenes.

    python jobs/verify.py --config archive.yaml [--mosaic URI ...] [--sample N] [--seed S]
                          [--json FILE] [--mark-for-redo]

Without --mosaic all current mosaics are verified: those that the catalogue shows, and those that the ledger
would publish. Nothing is changed, but for the marks of --mark-for-redo. Exit codes: 0 all sound; 5 a mosaic,
the ledger or the catalogue is damaged; 2 the config or the command is wrong; 1 anything else.
"""

from __future__ import annotations

import argparse
import difflib
import json
import logging
import secrets
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from jobs import assembly, verifying
from jobs.commands import fail
from jobs.logs import start_log
from jobs.recomputing import Recomputed, Recomputer, Sample, Sampled
from jobs.verifying import Findings
from sgddiff_batch.config import ArchiveJobConfig, load_config
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError, FatalError, SgddiffBatchError
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.mosaics import DamagedObjectError, open_stored
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.io.upkeep import Verdict, verify_disowned, verify_mosaic

log = logging.getLogger("verify")

EXIT_SOUND, EXIT_FAILED, EXIT_CONFIG, EXIT_DAMAGED = 0, 1, 2, 5
"""3 and 4 are those of infer_archive.py: something in quarantine, and a lease that is held."""

_AT_ONCE = 4


def main(argv: Sequence[str] | None = None) -> int:
    """Verify what the command line names and return the exit code."""
    options = _parse(argv)
    start_log()
    try:
        config = load_config(options.config, options.set)
        findings = _verify(config, options)
        if options.mark_for_redo:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            verifying.mark_for_redo(assembly.make_ledger(config), findings, now)
        if options.json:
            _write(Path(options.json), verifying.report(findings))
    except ConfigError as error:
        return fail("verify", error, EXIT_CONFIG)
    except FatalError as error:
        return fail("verify", error, EXIT_DAMAGED)
    except (SgddiffBatchError, OSError) as error:
        return fail("verify", error, EXIT_FAILED)
    verifying.print_findings(findings)
    return EXIT_DAMAGED if findings.damaged else EXIT_SOUND


def _verify(config: ArchiveJobConfig, options: argparse.Namespace) -> Findings:
    ledger = assembly.make_ledger(config)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    findings, sample = Findings(seed=seed if options.sample else None), Sample(options.sample, seed)
    recomputer = Recomputer(config)
    for verdict in _verdicts(ledger, _chosen(ledger, options.mosaic)):
        findings.add(verdict)
        if options.sample:
            sample.offer(_blocks(ledger, verdict))
    for recomputed in recomputer.recompute(sample.drawn):
        findings.add_recomputed(recomputed, _scene_of(ledger, recomputed))
    return findings


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
    return (record is not None and record.store == store) or store in verifying.shown_stores(ledger)


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
        return sorted(current | verifying.shown_stores(ledger))
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


def _write(path: Path, report: object) -> None:
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}")
    return int(text)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="verify.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", required=True, metavar="FILE", help="that of infer_archive.py")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="lay over the file")
    parser.add_argument(
        "--mosaic", action="append", default=[], metavar="URI", help="only this mosaic; may be given again"
    )
    parser.add_argument(
        "--sample", type=_count, default=0, metavar="N", help="recompute N random blocks from their scenes"
    )
    parser.add_argument("--seed", type=_count, metavar="S", help="of the draw; else drawn, and told")
    parser.add_argument("--json", metavar="FILE", help="write what was found as JSON, too")
    parser.add_argument(
        "--mark-for-redo", action="store_true", help="let the next run make damaged mosaics anew"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
