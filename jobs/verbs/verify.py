"""Verify stored mosaics: every object against the ledger, and a sample of blocks against the scenes.

Without --mosaic all current mosaics are verified: those that the catalogue shows, and those that the ledger
would publish. Nothing is changed, but for the marks of --mark-for-redo. Exit codes: 0 all sound; 5 a mosaic,
the ledger or the catalogue is damaged; 2 the config or the command is wrong; 130 interrupted; 1
anything else.
"""

from __future__ import annotations

import argparse
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobs.exits import Exit, tell
from jobs.flags import TO_STDOUT, add_json, add_output, add_verbose, level_of, output_of, write_json
from jobs.logs import start_log
from sgddiff_batch.errors import ConfigError, FatalError

if TYPE_CHECKING:
    from sgddiff_batch.io.ledger import ObjectLedger
    from sgddiff_batch.runs import Bench
    from sgddiff_batch.runs.checking import Findings

EXAMPLES = (
    "sgddiff verify --config archive.yaml --sample 100",
    "sgddiff verify s3://my-bucket/saliency/ --mark-for-redo",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a verification."""
    add_output(parser, "says where the output is, too; --sample needs it")
    parser.add_argument(
        "--mosaic", action="append", default=[], metavar="URI", help="only this mosaic; may be given again"
    )
    parser.add_argument(
        "--sample", type=_count, default=0, metavar="N", help="recompute N random blocks from their scenes"
    )
    parser.add_argument("--seed", type=_count, metavar="S", help="of the draw; else drawn, and told")
    add_json(parser)
    parser.add_argument(
        "--mark-for-redo", action="store_true", help="let the next run make damaged mosaics anew"
    )
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Verify what the command line names."""
    start_log(level_of(options))
    from jobs.network import network_of
    from jobs.printing import print_findings
    from sgddiff_batch.runs import open_bench, open_ledger
    from sgddiff_batch.runs.checking import findings_report

    output, config = output_of(options)
    if options.sample and config is None:
        raise ConfigError("--sample: blocks are recomputed by the config of the runs: give --config")
    bench = None if config is None else open_bench(config, network_of(config))
    ledger = open_ledger(output, is_used=True) if bench is None else bench.ledger
    try:
        findings = _verify(options, ledger, bench)
        if options.json:
            write_json(findings_report(findings), options.json)
    except FatalError as error:
        return tell("verify", error, Exit.DAMAGED)
    except OSError as error:
        return tell("verify", error, Exit.FAILED)
    if options.json != TO_STDOUT:
        print_findings(findings)
    return Exit.DAMAGED if findings.damaged else Exit.DONE


def _verify(options: argparse.Namespace, ledger: ObjectLedger, bench: Bench | None) -> Findings:
    from sgddiff_batch.runs.checking import Sample, mark_for_redo, recompute_sample, verify_output

    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    sample = Sample(options.sample, seed) if options.sample else None
    findings = verify_output(ledger, options.mosaic, sample)
    if sample is not None and bench is not None:
        recompute_sample(bench, sample, findings)
    if options.mark_for_redo:
        mark_for_redo(ledger, findings, datetime.now(UTC).isoformat(timespec="seconds"))
    return findings


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}")
    return int(text)
