"""What every command does alike: its log, its one line for an error, and how it was submitted."""

from __future__ import annotations

import logging
import os
import sys

from sgddiff_batch.io.archive_files import printable


def start_log() -> None:
    """Log to standard error from INFO on, a line each with its time of day and level."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )


def fail(command: str, error: BaseException, code: int) -> int:
    """Print an error as one printable line of a command to standard error; return the exit code."""
    reason = printable(" ".join(str(error).split())) or type(error).__name__
    print(f"{command}: {reason}", file=sys.stderr)
    return code


def under_ray_job() -> bool:
    """Whether `ray job submit` started this process, so that there is a cluster to work on."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
