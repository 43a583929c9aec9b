from __future__ import annotations

import shutil
import subprocess

import pytest

from jobs.cli import build_parser
from jobs.verbs.completion import completion


@pytest.fixture
def parser():
    return build_parser(["init", "export", "completion"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_the_file_of_each_shell_knows_verbs_and_flags(parser, shell):
    text = completion(parser, shell)
    assert all(word in text for word in ("sgddiff", "init", "quarantine", "task-memory-gib", "cog"))


@pytest.mark.parametrize("shell", [shell for shell in ("bash", "zsh", "tcsh") if shutil.which(shell)])
def test_the_file_is_one_that_its_shell_can_read(parser, shell, tmp_path):
    (tmp_path / "file").write_text(completion(parser, shell))
    subprocess.run([shell, "-n", str(tmp_path / "file")], check=True, timeout=60)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sgddiff", "in"], ["init"]),
        (["sgddiff", "co"], ["completion", "compose"]),
        (["sgddiff", "init", "--arch"], ["--archive"]),
        (["sgddiff", "export", "c"], ["cog"]),
        (["sgddiff", "completion", "z"], ["zsh"]),
    ],
)
def test_bash_completes_verbs_flags_formats_and_shells(parser, tmp_path, words, expected):
    (tmp_path / "file").write_text(completion(parser, "bash"))
    quoted = " ".join(words)
    script = f"""
        source {tmp_path}/file
        COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}
        $(complete -p sgddiff | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert sorted({line.strip() for line in done.stdout.split()}) == expected


def test_a_file_is_completed_where_a_file_is_meant(parser):
    text = completion(parser, "bash")
    assert "_shtab_sgddiff_init___file_COMPGEN=_shtab_compgen_files" in text
