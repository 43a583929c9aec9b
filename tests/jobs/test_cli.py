"""The command: verbs, flags and exit codes are a contract; its help is light; it says what is wrong."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jobs import cli
from jobs.exits import Exit

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "rasterio", "zarr", "ray", "pyarrow", "s3fs", "numpy", "pydantic")


def run(*arguments, cwd=ROOT):
    command = [sys.executable, "-m", "jobs", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def test_an_unknown_verb_is_told_with_those_that_there_are():
    done = run("rum", "--config", "archive.yaml")
    assert done.returncode == 2
    assert "'rum'" in done.stderr
    assert all(verb in done.stderr for verb in cli.VERBS)
    assert done.stdout == ""


def test_no_verb_at_all_is_a_wrong_command():
    done = run()
    assert done.returncode == 2
    assert "VERB" in done.stderr


def test_the_version_is_printed():
    from sgddiff_batch import __version__

    assert run("--version").stdout == f"sgddiff {__version__}\n"


def modules_of(*arguments):
    """Return the modules that a command has loaded when it ends."""
    code = (
        "import sys\n"
        "from jobs.cli import main\n"
        "try:\n"
        f"    main({list(arguments)!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print('\\n' + '\\n'.join(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return set(done.stderr.split())


def test_the_help_loads_nothing_heavy_and_little_at_all():
    loaded = modules_of("--help")
    assert sorted(loaded & {*HEAVY}) == []
    ours = {name for name in loaded if name.split(".")[0] in ("jobs", "sgddiff_batch", "models")}
    assert len(ours) < 15, sorted(ours)
    assert len(loaded) < 200


def test_the_help_names_all_verbs_and_ends_with_two_examples():
    lines = cli.build_parser([]).format_help().rstrip().splitlines()
    assert [verb for verb in cli.VERBS if not any(line.split()[:1] == [verb] for line in lines)] == []
    assert lines[-3] == "examples:"
    assert all(line.startswith("  sgddiff ") for line in lines[-2:])


def test_the_program_that_an_installation_has_is_this_command():
    program = Path(sys.executable).parent / "sgddiff"
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == run("--help").stdout


LONGEST_VERB = 100
LONGER = {"evaluate": 130, "init": 145}
"""Verbs that are longer yet, and may not grow."""


@pytest.mark.parametrize("verb", cli.VERBS)
def test_a_verb_parses_calls_and_prints_and_that_is_short(verb):
    lines = (ROOT / "jobs" / "verbs" / f"{verb}.py").read_text().splitlines()
    assert len(lines) < LONGER.get(verb, LONGEST_VERB)


CONFIG = "--config --set"
FLAGS = {
    "run": f"{CONFIG} --dry-run --exact --allow-withdrawals --limit --since --retry-quarantined "
    "--json --verbose",
    "compose": f"{CONFIG} --area --withdraw-area --dry-run --retry-quarantined --allow-withdrawals "
    "--json --verbose",
    "status": f"OUTPUT {CONFIG} --json --verbose",
    "view": f"OUTPUT {CONFIG} --port --no-browser --basemap --attribution --export --verbose",
    "report": f"OUTPUT {CONFIG} --run --history --file --verbose",
    "verify": f"OUTPUT {CONFIG} --mosaic --sample --seed --json --mark-for-redo --verbose",
    "explain": f"MOSAIC ROW COL --xy --json {CONFIG} --verbose",
    "quarantine list": f"OUTPUT {CONFIG} --json --verbose",
    "quarantine show": f"SCENE_ID --output {CONFIG} --json --verbose",
    "quarantine replay": f"SCENE_ID --all --now --output {CONFIG} --verbose",
    "catalogue show": f"OUTPUT {CONFIG} --generation --state --json --verbose",
    "catalogue generations": f"OUTPUT {CONFIG} --json --verbose",
    "catalogue rollback": f"OUTPUT {CONFIG} --to --verbose",
    "objects": f"OUTPUT {CONFIG} --threshold --low --min-area-m2 --match-iou --simplify-px "
    "--new-since --vanished-since --history --json --verbose",
    "gc": f"OUTPUT {CONFIG} --delete --older-than --json --verbose",
    "export cog": "MOSAIC FILE --all --since --json --verbose",
    "export objects": "OUTPUT FILE --since --until --json --verbose",
    "export png": "MOSAIC FILE --all --since --size --json --verbose",
    "train": f"{CONFIG} --check --cards --json --verbose",
    "evaluate": "--images --labels --checkpoint --score-maps --maps --json --worst --objects --device "
    "--backend --precision --verbose",
    "demo": "--folder --verbose",
    "init": "--archive --output --checkpoint --device --engine --workers --block-px --task-memory-gib "
    "--file --force --verbose",
    "doctor": f"{CONFIG} --json --verbose",
    "completion": "SHELL --verbose",
}
"""Each verb's arguments and flags by their long names, and those of its own words (``quarantine list``).

Scripts and schedules of users name them: one may be added, none may go or change its meaning.
"""


def flags_of(parser, words=""):
    """Return the arguments of a parser and of those below it, by the words that lead there."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if below:
        found = {}
        for word, child in below[0].choices.items():
            found |= flags_of(child, f"{words} {word}".strip())
        return found
    own = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    return {words: {max(a.option_strings, key=len, default=a.metavar or a.dest.upper()) for a in own}}


def parser_of(verb):
    parser = cli.build_parser([verb])
    (verbs,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return verbs.choices[verb]


def test_every_verb_is_in_the_table():
    assert [*dict.fromkeys(words.split()[0] for words in FLAGS)] == [*cli.VERBS]


@pytest.mark.parametrize("verb", cli.VERBS)
def test_the_words_and_flags_of_a_verb_are_those_of_the_table(verb):
    wanted = {words: {*flags.split()} for words, flags in FLAGS.items() if words.split()[0] == verb}
    assert flags_of(parser_of(verb), verb) == wanted


@pytest.mark.parametrize("verb", cli.VERBS)
def test_the_help_of_a_verb_ends_with_two_examples(verb):
    lines = parser_of(verb).format_help().rstrip().splitlines()
    assert lines[-3] == "examples:"
    assert all(line.startswith(f"  sgddiff {verb}") for line in lines[-2:])


@pytest.mark.parametrize("verb", cli.VERBS)
def test_the_examples_of_a_verb_are_commands_that_it_takes(verb):
    for line in parser_of(verb).format_help().rstrip().splitlines()[-2:]:
        words = shlex.split(line.partition(">")[0], comments=True)
        cli.build_parser([verb]).parse_args(words[1:])


@pytest.mark.parametrize("verb", cli.VERBS)
def test_the_help_of_a_verb_and_a_mistake_in_its_flags_load_nothing_heavy(verb):
    for flag in ("--help", "--zzz"):
        assert (
            sorted(modules_of(verb, flag) & {*HEAVY, "xarray", "pandas", "shapely", "rich", "fsspec"}) == []
        )


def test_the_completion_of_a_shell_is_printed_of_all_verbs():
    done = run("completion", "bash")
    assert done.returncode == 0
    assert all(f"_shtab_sgddiff_{verb}_option_strings" in done.stdout for verb in cli.VERBS)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_a_verb_lists_its_exit_codes_and_that_of_an_interrupt(verb):
    _, listed, codes = " ".join(parser_of(verb).format_help().split()).partition("Exit codes: ")
    assert listed
    assert f"{int(Exit.INTERRUPTED)} interrupted" in codes


SUB_VERBS = [words for words in FLAGS if " " in words]


@pytest.mark.parametrize("words", SUB_VERBS)
def test_the_help_of_a_verbs_own_word_ends_with_two_examples_that_it_takes(words):
    verb, word = words.split()
    (actions,) = (a for a in parser_of(verb)._actions if isinstance(a, argparse._SubParsersAction))
    lines = actions.choices[word].format_help().rstrip().splitlines()
    assert lines[-3] == "examples:"
    for line in lines[-2:]:
        assert line.startswith(f"  sgddiff {words} ")
        cli.build_parser([verb]).parse_args(shlex.split(line)[1:])
