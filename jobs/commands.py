"""What every command does alike: its one line for an error, its config, how it was submitted."""

from __future__ import annotations

import argparse
import os
import sys

from sgddiff_batch.config import ArchiveJobConfig, load_config
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError


def fail(command: str, error: BaseException, code: int) -> int:
    """Print an error as one printable line of a command to standard error; return the exit code."""
    reason = printable(" ".join(str(error).split())) or type(error).__name__
    print(f"{command}: {reason}", file=sys.stderr)
    return code


def add_config(parser: argparse.ArgumentParser, why: str) -> None:
    """Add the flags of a config that a command can do without; ``why`` says what it is good for."""
    parser.add_argument("--config", metavar="FILE", help=f"that of infer_archive.py: {why}")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="lay over the file")


def config_of(options: argparse.Namespace) -> ArchiveJobConfig | None:
    """Return the config that a command line names, None where it names none.

    Raises:
        ConfigError: if it is wrong, or there is only something to lay over it.
    """
    if options.config is None and options.set:
        raise ConfigError("--set lays over a config: give --config, too")
    return None if options.config is None else load_config(options.config, options.set)


def under_ray_job() -> bool:
    """Whether `ray job submit` started this process, so that there is a cluster to work on."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
