"""The one command: ``sgddiff VERB ...``; also ``python -m jobs VERB ...`` where nothing is installed.

A verb is a module of :mod:`jobs.verbs`, imported when it is asked for, so that ``sgddiff --help`` and the
verbs that need no network load none. It has

* ``EXAMPLES``: two command lines, shown at the end of its help,
* ``add_arguments(parser)``: its own flags,
* ``run(options) -> Exit``: its work, which imports what it needs: help and mistakes in a command load none
  of it; errors are raised, :func:`jobs.exits.guarded` tells them,
* ``MISTAKES``, where it is not the usual one: what besides ConfigError means that the command is wrong.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from jobs.exits import MISTAKES, guarded
from jobs.parser import Parser
from jobs.supervisor import Journal
from sgddiff_batch import __version__

VERBS = {
    "run": "make the saliency mosaics of an archive, those that are new or changed",
    "compose": "compose area mosaics, one a cell and period, from the mosaics of scenes",
    "status": "show who is at work on an output and how far, and how the last run ended",
    "view": "show an output as a map in a browser, from a server on this machine",
    "report": "make the page of a run's report again, or one page over all runs",
    "verify": "compare stored mosaics with the ledger, and a sample of blocks with the scenes",
    "explain": "say where a pixel of a mosaic comes from",
    "quarantine": "list the scenes that could not be worked on, and try them again",
    "catalogue": "show the archive catalogue of an output, and turn it back",
    "objects": "draw the objects of all current mosaics as polygons with measures",
    "gc": "remove what nobody will ask for again below an output",
    "export": "write a mosaic, or all that are new, as COG or PNG",
    "train": "train the teacher on labels, then the student on its teacher",
    "evaluate": "score the student, or somebody's maps, on labelled pictures",
    "demo": "draw a small archive, make its mosaics, and a picture of each",
    "init": "write a commented config",
    "doctor": "check this machine, the config, the archive and the output",
    "completion": "print a completion file for a shell",
}
"""The verbs, each with its line of help; the modules have the same names."""

_EPILOG = """\
`sgddiff VERB --help` tells more of a verb. Exit codes: 0 done, 1 failed, 2 the command or the config is
wrong, 3 done, with scenes newly in quarantine, 4 another run is at work there, 5 damage was found, 130
interrupted.

examples:
  sgddiff init --archive s3://my-bucket/scenes/ --output s3://my-bucket/saliency/ > archive.yaml
  sgddiff run --config archive.yaml --dry-run
"""


def main(argv: Sequence[str] | None = None, *, is_process: bool = False) -> int:
    """Do what a command line says, by default that of this process; return its exit code.

    is_process: it is that of this process all the same, which then may fork, see :mod:`jobs.supervisor`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = next((word for word in arguments if not word.startswith("-")), None)
    parser = build_parser([verb] if verb in VERBS else [])
    options = parser.parse_args(arguments)
    options.is_process, options.journal = is_process or argv is None, None
    module = _module(options.verb)
    code = guarded(options.verb, lambda: module.run(options), getattr(module, "MISTAKES", MISTAKES))
    journal: Journal | None = options.journal  # of a verb whose process is watched
    if journal is not None:
        journal.end(code)
    return code


def build_parser(verbs: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of the command, with the flags of these verbs alone: only they are imported."""
    parser = Parser(
        prog="sgddiff", description="Saliency mosaics of whole satellite archives.", epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"sgddiff {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, words in VERBS.items():
        child = subparsers.add_parser(verb, help=words)
        if verb in verbs:
            _fill(child, _module(verb), words)
    return parser


def _fill(parser: argparse.ArgumentParser, verb: ModuleType, words: str) -> None:
    description = (verb.__doc__ or words).strip()
    parser.description = description
    parser.epilog = "examples:\n" + "\n".join(f"  {example}" for example in verb.EXAMPLES)
    verb.add_arguments(parser)


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"jobs.verbs.{verb}")


if __name__ == "__main__":
    sys.exit(main())
