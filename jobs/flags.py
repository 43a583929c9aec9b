"""The flags that verbs share, each said once, and what they mean."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.files import write_whole
from jobs.parser import told_of_json
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from sgddiff_batch.config import ArchiveJobConfig
    from sgddiff_batch.core.times import TimeSpan

TO_STDOUT = "-"
"""The FILE of ``--json`` where none is given."""


def add_config(
    parser: argparse.ArgumentParser,
    *,
    required: bool = True,
    why: str = "",
    file: str = "the YAML file of `sgddiff run`",
) -> None:
    """Add ``--config FILE`` and ``--set KEY=VALUE``; ``why``: what for, where a verb can do without."""
    words = f"{file}{f': {why}' if why else ''}"
    parser.add_argument("--config", required=required, metavar="FILE", help=words)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="lay over the file")


def add_output(parser: argparse.ArgumentParser, why: str = "says where the output is, too") -> None:
    """Add the output that a verb works on: its URI, or ``--config``, see :func:`output_of`."""
    parser.add_argument(
        "output", nargs="?", metavar="OUTPUT", help="output.uri of the runs: a folder or s3://"
    )
    add_config(parser, required=False, why=why)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json [FILE]``, see :func:`write_json`."""
    parser.add_argument(
        "--json",
        nargs="?",
        const=TO_STDOUT,
        metavar="FILE",
        help="what is told as JSON: to standard output in place of tables, or into a file (--json=FILE)",
    )


def add_verbose(parser: argparse.ArgumentParser) -> None:
    """Add ``-v``: what libraries and this software say for those who develop it."""
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, for those who develop this")


def positive_count(text: str) -> int:
    """Return the number that a flag was given.

    Raises:
        argparse.ArgumentTypeError: if it is no whole number of at least 1.
    """
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def instant(text: str) -> float:
    """Return the time that a flag was given, in seconds since 1970; of a day its beginning.

    Raises:
        argparse.ArgumentTypeError: if it is no date and no time.
    """
    return span(text).start_s


def span(text: str) -> TimeSpan:
    """Return the day, all of it, or the time that a flag was given.

    Raises:
        argparse.ArgumentTypeError: if it is no date and no time.
    """
    from sgddiff_batch.core.times import parse_time

    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def level_of(options: argparse.Namespace, usual: int = logging.INFO) -> int:
    """Return from which level on is logged: the verb's usual one, or more by ``-v``."""
    return logging.DEBUG if options.verbose else usual


def config_of(options: argparse.Namespace) -> ArchiveJobConfig | None:
    """Return the config that a command line names, None where it names none.

    Raises:
        ConfigError: if it is wrong, or there is only something to lay over it.
    """
    if options.config is None:
        if options.set:
            raise ConfigError("--set lays over a config: give --config, too")
        return None
    from sgddiff_batch.config import load_config

    return load_config(options.config, options.set, under_ray_job=under_ray_job())


def needed_config(options: argparse.Namespace) -> ArchiveJobConfig:
    """Return the config that a command line names.

    Raises:
        ConfigError: if it is wrong, or there is none.
    """
    config = config_of(options)
    if config is None:
        raise ConfigError("give --config")
    return config


def output_of(options: argparse.Namespace) -> tuple[str, ArchiveJobConfig | None]:
    """Return the output that a command line names, and the config, if it names one.

    Raises:
        ConfigError: if it names none, or two that differ.
    """
    config = config_of(options)
    if config is None:
        if options.output is None:
            raise lacking("give OUTPUT, the output.uri of the runs, or --config", options)
        return options.output, None
    named = options.output
    if named is not None and os.path.normpath(named) != os.path.normpath(config.output.uri):
        raise ConfigError(
            f"OUTPUT is {named!r}, and output.uri of --config is {config.output.uri!r}: give one"
        )
    return config.output.uri, config


def lacking(words: str, options: argparse.Namespace) -> ConfigError:
    """Return what says which word of a command line is missing, and where it may have gone."""
    taken = getattr(options, "json_took", None)
    return ConfigError(f"{words}; {told_of_json(taken)}" if taken else words)


def under_ray_job() -> bool:
    """Whether `ray job submit` started this process, so that there is a cluster to work on."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def write_json(tree: object, target: str) -> None:
    """Write JSON to standard output (:data:`TO_STDOUT`), or whole or not at all into a file.

    Raises:
        ValueError: for a number that is none, or has no end: JSON knows neither.
    """
    text = json.dumps(tree, indent=1, allow_nan=False) + "\n"
    if target == TO_STDOUT:
        sys.stdout.write(text)
        return
    write_whole(Path(target), text.encode())
