"""The parser of the command line: what is wrong in it is told by the verb that it is wrong for."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NoReturn

_JSON = "--json"
_MISSING = "the following arguments are required"


class Parser(argparse.ArgumentParser):
    """Shows its own usage and ``sgddiff VERB: what is wrong``; knows the flags that are spelled alike."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as argparse's own
        super().__init__(**options | {"formatter_class": argparse.RawDescriptionHelpFormatter})
        self._words: list[str] = []

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse's own; but what no parser below this one knows is refused here, where the flags are.

        A parser with verbs below it leaves that to them.
        """
        self._words = list(args or ())
        options, unknown = super().parse_known_args(args, namespace)
        if self._subparsers is None:
            if unknown:
                self.error(self._unknown(unknown))
            options.json_took = taken_by_json(self._words)
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong to standard error, and exit with code 2."""
        hint = ""
        if message.startswith(_MISSING) and (taken := taken_by_json(self._words)):
            hint = f"; {told_of_json(taken)}"
        self.exit(2, f"{self.format_usage()}{self.prog}: {message}{hint}\n")

    def _unknown(self, words: Sequence[str]) -> str:
        flags = [flag for action in self._actions for flag in action.option_strings]
        near = [
            match
            for word in words
            if word.startswith("-")
            for match in difflib.get_close_matches(word.partition("=")[0], flags, n=1)
        ]
        hint = f"; did you mean {' and '.join(near)}?" if near else ""
        return f"unknown: {' '.join(words)}{hint}"


def taken_by_json(words: Sequence[str]) -> str | None:
    """Return the word that ``--json`` took for its FILE because it stands after it, None where there is none.

    Only by what was typed can be told whether it was meant: ``--json out`` or ``--json=out``.
    """
    for flag, word in pairwise(words):
        if flag == _JSON and not word.startswith("-"):
            return word
    return None


def told_of_json(taken: str) -> str:
    """Return what to say where a word is missing that ``--json`` may have taken."""
    return f"--json took {taken!r} as its file; write --json=FILE, or put it last"


def add_actions(
    parser: argparse.ArgumentParser, verb: str, dest: str, actions: Mapping[str, tuple[str, str, str]]
) -> list[argparse.ArgumentParser]:
    """Add the words of a verb (``catalogue show``), and return the parsers of their flags.

    dest: where the word is in what is parsed. actions: what each does, and two examples without the command.
    """
    added = []
    below = parser.add_subparsers(dest=dest, metavar=dest.upper(), required=True)
    for name, (does, *examples) in actions.items():
        epilog = "\n".join(["examples:", *(f"  sgddiff {verb} {name} {example}" for example in examples)])
        description = f"{does[0].upper()}{does[1:]}."
        added.append(below.add_parser(name, help=does, description=description, epilog=epilog))
    return added
