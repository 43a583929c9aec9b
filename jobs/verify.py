"""Verify stored mosaics: every object against the ledger, and a sample of blocks against the scenes.

    python jobs/verify.py --config archive.yaml [--mosaic URI ...] [--sample N] [--seed S]
                          [--json FILE] [--mark-for-redo]

Without --mosaic all current mosaics are verified: those that the catalogue shows, and those that the ledger
would publish. Nothing is changed, but for the marks of --mark-for-redo. Exit codes: 0 all sound; 5 a mosaic,
the ledger or the catalogue is damaged; 2 the config or the command is wrong; 1 anything else.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from jobs.commands import fail
from jobs.flags import write_json
from jobs.logs import start_log
from jobs.network import network_of
from jobs.printing import print_findings
from sgddiff_batch.config import load_config
from sgddiff_batch.errors import ConfigError, FatalError, SgddiffBatchError
from sgddiff_batch.runs import (
    Sample,
    findings_report,
    mark_for_redo,
    open_bench,
    recompute_sample,
    verify_output,
)

EXIT_SOUND, EXIT_FAILED, EXIT_CONFIG, EXIT_DAMAGED = 0, 1, 2, 5
"""3 and 4 are those of infer_archive.py: something in quarantine, and a lease that is held."""


def main(argv: Sequence[str] | None = None) -> int:
    """Verify what the command line names and return the exit code."""
    options = _parse(argv)
    start_log()
    try:
        config = load_config(options.config, options.set)
        bench = open_bench(config, network_of(config))
        seed = secrets.randbelow(2**31) if options.seed is None else options.seed
        sample = Sample(options.sample, seed) if options.sample else None
        findings = verify_output(bench.ledger, options.mosaic, sample)
        if sample is not None:
            recompute_sample(bench, sample, findings)
        if options.mark_for_redo:
            mark_for_redo(bench.ledger, findings, datetime.now(UTC).isoformat(timespec="seconds"))
        if options.json:
            write_json(findings_report(findings), options.json)
    except ConfigError as error:
        return fail("verify", error, EXIT_CONFIG)
    except FatalError as error:
        return fail("verify", error, EXIT_DAMAGED)
    except (SgddiffBatchError, OSError) as error:
        return fail("verify", error, EXIT_FAILED)
    print_findings(findings)
    return EXIT_DAMAGED if findings.damaged else EXIT_SOUND


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
