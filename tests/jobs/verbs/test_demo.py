from __future__ import annotations

import pytest

from jobs import cli
from jobs.demo import SCENES
from jobs.exits import Exit
from jobs.verbs import demo


@pytest.fixture
def drawn(tmp_path):
    """A folder whose archive is there, as empty files."""
    for scene in SCENES:
        (tmp_path / "archive" / scene.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "archive" / scene.path).touch()
    return tmp_path


@pytest.mark.parametrize("code", [Exit.FAILED, Exit.WRONG, Exit.HELD, Exit.INTERRUPTED])
def test_a_failure_of_the_main_job_is_the_demos_own(drawn, capsys, code):
    asked = []

    def fail(config):
        asked.append(config)
        return code

    assert demo.show(drawn, fail) is code
    assert asked == [drawn / "demo.yaml"]
    printed = capsys.readouterr()
    assert f"exit code {int(code)}" in printed.err
    assert "drawing" not in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("code", [Exit.DONE, Exit.QUARANTINED])
def test_scenes_in_quarantine_are_what_the_demo_expects(drawn, capsys, code):
    (drawn / "mosaics" / "_ledger").mkdir(parents=True)
    (drawn / "mosaics" / "_ledger" / "begun").touch()
    for name in ("2026-1", "2026-2", "history"):
        (drawn / "mosaics" / f"report-{name}.html").touch()
    assert demo.show(drawn, lambda config: code) is Exit.DONE
    told = capsys.readouterr().out.splitlines()
    assert "0 pictures to look at, each a scene beside its saliency:" in told
    assert f"all of it as a map: sgddiff view {drawn}/mosaics" in told
    assert [line for line in told if "report" in line] == [
        f"what the run says: {drawn}/mosaics/report-2026-2.html"
    ]


def test_a_folder_that_cannot_be_made_ends_the_demo_with_its_reason(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["demo", "--folder", str(tmp_path / "file")]) == Exit.FAILED
    assert capsys.readouterr().err.splitlines()[-1].startswith("sgddiff demo: ")
