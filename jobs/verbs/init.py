"""Write a commented config for the runs over an archive, from flags, or by asking on a terminal.

It goes to standard output, or into --file; an existing file is replaced with --force alone. Exit codes: 0
done; 2 the command or a value is wrong; 130 interrupted; 1 anything else.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jobs.exits import Exit
from jobs.files import write_whole
from jobs.flags import add_verbose
from sgddiff_batch.errors import ConfigError

EXAMPLES = (
    "sgddiff init --archive s3://my-bucket/scenes/ --output s3://my-bucket/saliency/ > archive.yaml",
    "sgddiff init --file archive.yaml",
)
_FLAGS = (
    ("archive", "archive.uri", "folder, s3:// prefix, glob, list or STAC catalogue of the scenes"),
    ("output", "output.uri", "folder or s3:// prefix for mosaics, ledger, catalogue and reports"),
    ("checkpoint", "model.checkpoint", "a checkpoint folder, in place of the network of the package"),
    ("device", "model.device", "auto, cpu or cuda"),
    ("engine", "engine.kind", "local or ray"),
    ("workers", "engine.workers", "predictors that run at once, with ray one a worker: a number, or auto"),
    ("block-px", "tiling.block_px", "side of a stored object"),
    ("task-memory-gib", "tiling.task_memory_gib", "what the tasks of one worker may take"),
)
_ASKED = (
    ("archive.uri", "Where are the scenes (a folder, s3://bucket/prefix, a list, a STAC catalogue)?", ""),
    ("output.uri", "Where shall the mosaics go (a folder or s3://bucket/prefix)?", ""),
    ("model.device", "On which device (auto, cpu, cuda)?", "auto"),
    ("engine.kind", "On this machine (local), or on a Ray cluster (ray)?", "local"),
)
_FILE = "archive.yaml"

Ask = Callable[[str], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each key that is often set, and where the config goes."""
    for flag, key, words in _FLAGS:
        metavar = "URI" if key.endswith(".uri") else "VALUE"
        parser.add_argument(f"--{flag}", dest=key, metavar=metavar, help=f"{key}: {words}")
    parser.add_argument("--file", metavar="FILE", help="write into this file, and not to standard output")
    parser.add_argument("--force", action="store_true", help="replace FILE if it is there")
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Write the config."""
    given = {key: getattr(options, key) for _, key, _ in _FLAGS if getattr(options, key) is not None}
    asks = not {"archive.uri", "output.uri"} <= given.keys()
    if asks and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError("give --archive and --output; on a terminal they are asked for")
    file: str | None = options.file
    if asks:
        given = answered(given, _ask_on_terminal)
        if file is None and sys.stdout.isatty():
            file = _ask_on_terminal(f"Into which file? [{_FILE}] ") or _FILE
    if file is not None and os.path.lexists(file) and not options.force:
        raise ConfigError(f"--file {file}: is there already; name another one, or replace it with --force")
    text = config_text(given, file)
    if file is None:
        sys.stdout.write(text)
        return Exit.DONE
    _write(Path(file), text, options.force)
    print(f"wrote {file}; next: sgddiff doctor --config {file}", file=sys.stderr)
    return Exit.DONE


def answered(given: dict[str, str], ask: Ask) -> dict[str, str]:
    """Return the values by their keys, with those that were asked for, where none was given."""
    values = dict(given)
    for key, question, otherwise in _ASKED:
        while key not in values:
            answer = ask(f"{question}{f' [{otherwise}]' if otherwise else ''} ") or otherwise
            if answer:
                values[key] = answer
    return values


def config_text(given: dict[str, str], file: str | None) -> str:
    """Return the commented config, checked; paths that count from here are made to count from its file.

    Raises:
        ConfigError: if a value is not allowed.
    """
    from sgddiff_batch.config import commented_config, load_config

    paths = {"archive.uri", "output.uri", "model.checkpoint"}
    values = {key: _from_file(v, file) if key in paths else _value(v) for key, v in given.items()}
    text = commented_config(values)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.yaml").write_text(text, encoding="utf-8")
        load_config(f"{folder}/config.yaml")
    return text


def _value(text: str) -> object:
    """Return a number where it is one: all values that are no paths are words or numbers."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _from_file(uri: str, file: str | None) -> str:
    """Return a relative path of this folder as one of the config file's folder."""
    from sgddiff_batch.config import SHIPPED_NETWORKS

    if (
        file is None
        or "://" in uri
        or uri.startswith("~")
        or uri in SHIPPED_NETWORKS
        or Path(uri).is_absolute()
    ):
        return uri
    moved = os.path.relpath(uri, Path(file).parent)
    return f"{moved}/" if uri.endswith("/") else moved


def _write(path: Path, text: str, force: bool) -> None:
    if force:
        write_whole(path, text.encode())
        return
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def _ask_on_terminal(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise ConfigError("the answers ended before all was asked; nothing was written")
    return line.strip()
