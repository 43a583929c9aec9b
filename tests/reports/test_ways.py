"""Conditions of public reports, real scenes and mutants: the same from a folder, a bucket and from memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.broken_s3 import run_broken_s3
from tests.kit.fuzz import Mutator, sound_files
from tests.kit.ways import Outcome, Ways
from tests.reports import alphas, masked, stored  # noqa: F401 - they fill the list
from tests.reports.inputs import CONDITIONS, Condition

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with run_broken_s3(tmp_path_factory.mktemp("broken")) as running:
        yield running


@pytest.fixture
def ways(server, monkeypatch: pytest.MonkeyPatch) -> Ways:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return Ways(server)


def differing(outcomes: dict[str, Outcome]) -> list[str]:
    """Return the ways whose outcome is not that of the folder."""
    return [way for way, outcome in outcomes.items() if not outcome.same(outcomes["folder"])]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_a_reported_file_reads_the_same_by_each_way(tmp_path: Path, ways: Ways, condition: Condition) -> None:
    want = condition.make(tmp_path)
    outcomes = ways.outcomes(want.path, want.reader)
    assert not outcomes["folder"].error
    assert differing(outcomes) == []


def test_a_mutant_is_read_or_refused_in_the_same_words_held_or_not(tmp_path: Path, ways: Ways) -> None:
    """By parts GDAL does not look at all of a file that it looks at else, so that its words may be others."""
    mutator, failed = Mutator(sound_files(tmp_path / "sound"), seed=7), 0
    for number in range(40):
        path = tmp_path / f"{number}" / "m.tif"
        path.parent.mkdir()
        path.write_bytes(mutator.mutant(number))
        outcomes = ways.outcomes(path)
        failed += bool(outcomes["folder"].error)
        assert outcomes["folder, held"].same(outcomes["folder"]), number
        assert outcomes["memory"].same(outcomes["folder"]), number
        assert outcomes["bucket by parts, held"].same(outcomes["bucket"]), number
        assert ways.requests["memory"] == {"GET": 1}, number
    assert 0 < failed < 40


@pytest.mark.data
@pytest.mark.slow
def test_a_real_scene_reads_the_same_by_each_way(data_root: Path, ways: Ways) -> None:
    scenes = [
        path for kind in ("real", "odd") for path in sorted((data_root / "scenes" / kind).glob("*.tif"))
    ]
    assert len(scenes) > 20
    assert {path.name: differing(ways.outcomes(path)) for path in scenes} == {
        path.name: [] for path in scenes
    }
