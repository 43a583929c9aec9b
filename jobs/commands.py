"""What scripts that are no verbs yet do alike: their one line for an error, how they were submitted."""

from __future__ import annotations

import os
import sys

from sgddiff_batch.core.words import printable


def fail(command: str, error: BaseException, code: int) -> int:
    """Print an error as one printable line of a command to standard error; return the exit code."""
    reason = printable(" ".join(str(error).split())) or type(error).__name__
    print(f"{command}: {reason}", file=sys.stderr)
    return code


def under_ray_job() -> bool:
    """Whether `ray job submit` started this process, so that there is a cluster to work on."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
