"""Print a completion file for a shell, to be kept where the shell looks for such files.

Exit codes: 0 done; 2 the command is wrong; 130 interrupted; 1 anything else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from jobs.exits import Exit
from jobs.flags import add_verbose

EXAMPLES = (
    "sgddiff completion bash > ~/.local/share/bash-completion/completions/sgddiff",
    "sgddiff completion zsh > ~/.zfunc/_sgddiff    # a folder of fpath",
)
_SHELLS = ("bash", "zsh", "tcsh")
_FILES, _FOLDERS = ("FILE", "OUTPUT", "MOSAIC"), ("DIR",)
"""What the names of arguments stand for; those that may be URIs are completed as paths."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the shell."""
    parser.add_argument("shell", choices=_SHELLS, help="whose file is wanted")
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Print the file."""
    from jobs.cli import VERBS, build_parser

    sys.stdout.write(completion(build_parser(list(VERBS)), options.shell))
    return Exit.DONE


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return a shell's completion file for a parser and all its sub-parsers."""
    import shtab

    for action in _actions(parser):
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell)).rstrip("\n") + "\n"


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _actions(child)
